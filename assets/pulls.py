"""Checks that a source answered, and that it tells the same time: a failure is the source's own."""

from collections.abc import Sequence
from datetime import timedelta

import dagster as dg

from assets.seam import Fault
from assets.severities import ERROR, RUNBOOKS, WARN

__all__ = ["CLOCK", "PULLED", "clock_check", "clock_checked", "pull_check", "pulled"]

PULLED = "pulled"
CLOCK = "clock"
_SKEW_WARN, _SKEW_FAIL = timedelta(minutes=2), timedelta(minutes=10)


def _spec(name: str, provider: str, table: str, description: str, remedy: str) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(
        name,
        asset=[provider, table],
        description=description,
        metadata={"what to do": remedy, "runbook": f"{RUNBOOKS}#{name}"},
    )


def pull_check(provider: str, table: str) -> dg.AssetCheckSpec:
    """Specify the check ``pulled`` of an asset that asks a provider."""
    return _spec(
        PULLED,
        provider,
        table,
        "The provider answered everything it was asked. What it did not answer is asked again next time: a provider "
        "that is down or throttles warns, one that refuses or gives what cannot be read fails.",
        "Do what the message says",
    )


def pulled(provider: str, table: str, faults: Sequence[Fault]) -> dg.AssetCheckResult:
    """Return the check's result; each fault says provider, request, cause and remedy."""
    problems = list(dict.fromkeys(fault.problem for fault in faults))
    passing = all(fault.kind == "unavailable" for fault in faults)
    return dg.AssetCheckResult(
        check_name=PULLED,
        asset_key=[provider, table],
        passed=not problems,
        severity=WARN if problems and passing else ERROR,
        description=f"{' '.join(problems)} See {PULLED} in {RUNBOOKS}."
        if problems
        else "everything asked was answered",
    )


def clock_check(provider: str) -> dg.AssetCheckSpec:
    """Specify the check ``clock``."""
    return _spec(
        CLOCK,
        provider,
        "audit_events",
        "This host's clock agrees with the provider's. Two minutes apart warns, ten fails.",
        "Set the host's clock: switch on time synchronisation (NTP)",
    )


def clock_checked(provider: str, skew: timedelta | None) -> dg.AssetCheckResult:
    """Return the check's result.

    Args:
        provider: Name of the provider.
        skew: The local clock less the provider's; None where no answer told the time.
    """
    apart = abs(skew) if skew is not None else timedelta()
    direction = "ahead of" if skew and skew > timedelta() else "behind"
    said = (
        f"The host's clock is {timedelta(seconds=round(apart.total_seconds()))} {direction} that of {provider}. "
        "Windows are pulled by the provider's clock meanwhile. Set the host's clock: switch on time synchronisation "
        f"(NTP). See {CLOCK} in {RUNBOOKS}."
    )
    well = "no answer told the time" if skew is None else "the clocks agree"
    return dg.AssetCheckResult(
        check_name=CLOCK,
        asset_key=[provider, "audit_events"],
        passed=apart <= _SKEW_WARN,
        severity=ERROR if apart > _SKEW_FAIL else WARN,
        description=said if apart > _SKEW_WARN else well,
        metadata={"skew seconds": round(skew.total_seconds(), 1)} if skew is not None else {},
    )
