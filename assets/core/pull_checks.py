"""The check ``pulled``: whether a source answered; its failure stops no other source."""

from collections.abc import Sequence

import dagster as dg

from assets.core.runbooks import Runbooks
from assets.core.seam import Fault
from assets.core.severities import ERROR, WARN

__all__ = ["PULLED", "pull_check", "pulled"]

PULLED = "pulled"


def pull_check(provider: str, table: str, runbooks: Runbooks) -> dg.AssetCheckSpec:
    """Specify the check ``pulled`` of an asset that sends requests to a provider."""
    return dg.AssetCheckSpec(
        PULLED,
        asset=[provider, table],
        description="The provider answered all requests. The next run repeats the others. A provider that is down or "
        "throttles warns; one that refuses, or whose answers cannot be read, fails.",
        metadata={"what to do": "Do what the message says", **runbooks.metadata(PULLED)},
    )


def pulled(provider: str, table: str, faults: Sequence[Fault], runbooks: Runbooks) -> dg.AssetCheckResult:
    """Return the check's result; each fault says provider, request, cause and remedy."""
    problems = list(dict.fromkeys(fault.problem for fault in faults))
    passing = all(fault.kind == "unavailable" for fault in faults)
    return dg.AssetCheckResult(
        check_name=PULLED,
        asset_key=[provider, table],
        passed=not problems,
        severity=WARN if problems and passing else ERROR,
        description=f"{' '.join(problems)} {runbooks.sentence(PULLED)}" if problems else "all requests were answered",
        metadata=runbooks.metadata(PULLED) if problems else {},
    )
