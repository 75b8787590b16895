"""The check that a provider answered: its failure is told, and does not keep the other providers from detection."""

import dagster as dg

from connectors import ConnectorError

__all__ = ["PULLED", "pull_check", "pulled"]

PULLED = "pulled"
"""Name of the check."""


def pull_check(provider: str, table: str) -> dg.AssetCheckSpec:
    """The check's specification for an asset that asks a provider."""
    return dg.AssetCheckSpec(
        PULLED,
        asset=[provider, table],
        description="The provider answered everything it was asked. What it did not answer is asked again next time.",
    )


def pulled(provider: str, table: str, failure: ConnectorError | None) -> dg.AssetCheckResult:
    """The check's result; the failure says provider, request, cause and remedy."""
    return dg.AssetCheckResult(
        check_name=PULLED,
        asset_key=[provider, table],
        passed=failure is None,
        severity=dg.AssetCheckSeverity.ERROR,
        description=str(failure) if failure else "everything asked was answered",
    )
