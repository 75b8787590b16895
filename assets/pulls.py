"""The check that a provider answered: its failure is told, and does not keep the other providers from detection."""

from collections.abc import Sequence

import dagster as dg

from assets.checks.findings import ERROR, RUNBOOKS, WARN
from connectors import ConnectorError, UnavailableError

__all__ = ["PULLED", "pull_check", "pulled"]

PULLED = "pulled"
"""Name of the check."""


def pull_check(provider: str, table: str) -> dg.AssetCheckSpec:
    """The check's specification for an asset that asks a provider."""
    return dg.AssetCheckSpec(
        PULLED,
        asset=[provider, table],
        description=(
            "The provider answered everything it was asked. What it did not answer is asked again next time: a "
            "provider that is down or throttles warns, one that refuses or gives what cannot be read fails."
        ),
        metadata={"what to do": "Do what the message says", "runbook": f"{RUNBOOKS}#{PULLED}"},
    )


def pulled(provider: str, table: str, failures: Sequence[ConnectorError]) -> dg.AssetCheckResult:
    """The check's result; each failure says provider, request, cause and remedy."""
    told = list(dict.fromkeys(str(failure) for failure in failures))
    passing = all(isinstance(failure, UnavailableError) for failure in failures)
    return dg.AssetCheckResult(
        check_name=PULLED,
        asset_key=[provider, table],
        passed=not told,
        severity=WARN if told and passing else ERROR,
        description=f"{' '.join(told)} See {PULLED} in {RUNBOOKS}." if told else "everything asked was answered",
    )
