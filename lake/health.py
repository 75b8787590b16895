"""Health of the sources: the failing steps of each, since when, and how many times in a row.

One JSON file per source, ``<provider>/health.json`` below the lake's root. A run writes it when it catches an error of
a source; commands, the notifier and the circuit breaker read it, and need no access to Dagster's event log.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from lake.durable import read_content, replace_text
from lake.store import Lake

__all__ = [
    "Health",
    "Kind",
    "Trouble",
    "damaged_health",
    "read_health",
    "record",
    "record_removed",
    "record_unconfigured",
]


Kind = Literal["refused", "unavailable", "damaged", "fault"]
"""Kinds of failure: the provider refuses, or is unavailable for now; a file of the lake is damaged; anything else."""


@dataclass(frozen=True)
class Trouble:
    """Step of a source that failed in the latest run that tried it.

    Attributes:
        since: First of the consecutive failed runs, UTC.
        failures: Consecutive failed runs.
        problem: What is wrong, where, and what to do: a sentence for a person, without secrets.
        kind: Kind of failure; it decides when people are notified.
    """

    since: datetime
    failures: int
    problem: str
    kind: Kind = "fault"


@dataclass(frozen=True)
class Health:
    """State of a source after the latest run.

    Attributes:
        checked_at: Latest run that tried any step, UTC; None before the first.
        troubles: Failing steps by name (``pull``, ``logged_uploads``, ``sizes``, ``uploads``); empty if none fails.
        unconfigured_since: First run, UTC, that found data of the source in the lake but no configuration for it.
        removed: Who removed the source for good, and why; empty if it was not removed.
        skew_seconds: The host's clock minus the provider's in the latest pull whose answers had a time.
    """

    checked_at: datetime | None = None
    troubles: dict[str, Trouble] = field(default_factory=dict)
    unconfigured_since: datetime | None = None
    skew_seconds: float | None = None
    removed: str = ""


_HEALTH = TypeAdapter(Health)


def _path(lake: Lake, provider: str) -> Path:
    return Path(lake.root) / provider / "health.json"


def read_health(lake: Lake, providers: Iterable[str]) -> dict[str, Health]:
    """Return the health of each source; a source that no run has tried yet has no failing steps.

    An unreadable file is treated as missing: the next run writes it again.
    """
    found = {}
    for provider in providers:
        try:
            found[provider] = _HEALTH.validate_json(read_content(_path(lake, provider)) or b"")
        except ValidationError:
            found[provider] = Health()
    return found


def damaged_health(lake: Lake, provider: str) -> Path | None:
    """Return the file of a source's health if it is damaged."""
    path = _path(lake, provider)
    if not os.path.lexists(path):
        return None
    try:
        _HEALTH.validate_json(read_content(path) or b"")
    except ValidationError:
        return path
    return None


def record(
    lake: Lake,
    provider: str,
    step: str,
    problem: str,
    *,
    now: datetime,
    kind: Kind = "fault",
    skew: timedelta | None = None,
) -> Health:
    """Record how a step of a source ended.

    Args:
        lake: Lake that holds the file.
        provider: The source.
        step: ``pull``, ``logged_uploads``, ``sizes`` or ``uploads``.
        problem: What is wrong, for a person; empty if the step succeeded.
        now: Present time, UTC with zone.
        kind: Kind of failure.
        skew: The host's clock minus the provider's; None if this step received no time.

    Returns:
        The updated health.
    """
    with lake.alone(f"{provider}/health"):
        before = read_health(lake, [provider])[provider]
        troubles = {name: trouble for name, trouble in before.troubles.items() if name != step}
        if problem:
            last = before.troubles.get(step)
            since, failures = (last.since, last.failures) if last else (now.astimezone(UTC), 0)
            troubles[step] = Trouble(since, failures + 1, problem, kind)
        seconds = before.skew_seconds if skew is None else round(skew.total_seconds(), 1)
        return _write(lake, provider, Health(now.astimezone(UTC), troubles, skew_seconds=seconds))


def record_unconfigured(lake: Lake, provider: str, *, now: datetime) -> Health:
    """Record that a source with data in the lake is not configured; the time of the first such run is kept."""
    with lake.alone(f"{provider}/health"):
        before = read_health(lake, [provider])[provider]
        if before.unconfigured_since or before.removed:
            return before
        return _write(lake, provider, Health(before.checked_at, {}, now.astimezone(UTC)))


def record_removed(lake: Lake, provider: str, why: str, *, now: datetime) -> Health:
    """Record that a source was removed for good, so that it is no longer reported missing. A new pull reverts that."""
    with lake.alone(f"{provider}/health"):
        return _write(lake, provider, Health(now.astimezone(UTC), removed=why))


def _write(lake: Lake, provider: str, health: Health) -> Health:
    replace_text(_path(lake, provider), json.dumps(asdict(health), default=datetime.isoformat, indent=1))
    return health
