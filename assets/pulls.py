"""The check that a provider answered: its failure is told, and does not keep the other providers from detection."""

from collections.abc import Sequence

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


def pulled(provider: str, table: str, failures: Sequence[ConnectorError]) -> dg.AssetCheckResult:
    """The check's result; each failure says provider, request, cause and remedy."""
    told = list(dict.fromkeys(str(failure) for failure in failures))
    return dg.AssetCheckResult(
        check_name=PULLED,
        asset_key=[provider, table],
        passed=not told,
        severity=dg.AssetCheckSeverity.ERROR,
        description=" ".join(told) or "everything asked was answered",
    )
