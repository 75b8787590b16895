"""Reading a home without changing it: nothing is repaired, migrated or locked, and damage is an error."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from connectors import horizons
from lake.damage import DamagedError
from lake.days import DAY, REACH, days_between
from lake.gaps import Missing, missing
from lake.health import damaged_health
from lake.manifest import Manifest
from lake.silence import Silence, counted_days, hours_with_events, silence
from lake.source_status import Source, sources_of
from lake.store import Lake
from providers import PROVIDERS

__all__ = ["landed_sources", "read_missing", "read_silence", "read_source", "silence_limit", "sound_view"]

_REPAIR = "See `uploadwatch verify`."


def landed_sources(lake: Lake) -> list[str]:
    """Return the sources that have a directory in the lake, in their usual order."""
    return [provider for provider in PROVIDERS if (Path(lake.root) / provider).is_dir()]


def sound_view(con: duckdb.DuckDBPyConnection, lake: Lake, name: str, table: str, days: Iterable[date]) -> None:
    """Make partitions readable as :meth:`lake.store.Lake.view` does, which would remove a damaged one.

    Raises:
        DamagedError: A partition is lost or damaged.
    """
    wanted = list(days)
    for day in wanted:
        if fault := lake.fault(table, day, deep=True):
            raise DamagedError(lake.part(table, day), fault, _REPAIR)
    lake.view(con, name, [table], wanted)


def read_source(lake: Lake, provider: str, now: datetime) -> Source | None:
    """Return the status of a source; None if no run has tried it yet, or it was removed.

    Raises:
        DamagedError: The file of its health is damaged.
    """
    if damaged := damaged_health(lake, provider):
        raise DamagedError(damaged, "it cannot be read", "The next run writes it again.")
    return next((source for source in sources_of(lake, now) if source.provider == provider), None)


def read_missing(lake: Lake, provider: str, now: datetime) -> Missing:
    """Return the missing hours of a source, of the same days as the check ``gaps``.

    Raises:
        DamagedError: A manifest or its copy is lost or damaged.
    """
    manifests = []
    for day in days_between(now.date() - REACH.days * DAY, now.date()):
        directory = lake.directory(f"{provider}/audit_events", day)
        if broken := Manifest.broken_files(directory):
            raise DamagedError(broken[0], "it is missing or damaged", _REPAIR)
        manifests.append(Manifest(directory, heal=False))
    return missing(manifests, now)


def read_silence(con: duckdb.DuckDBPyConnection, lake: Lake, provider: str, now: datetime) -> Silence | None:
    """Return the silence of a source; None without an event in the last weeks.

    Raises:
        DamagedError: A table of counts is lost or damaged.
    """
    sound_view(con, lake, "counts", f"{provider}/counts", counted_days(now.date()))
    naive = now.astimezone(UTC).replace(tzinfo=None)
    return silence(hours_with_events(con, naive), naive)


def silence_limit(found: Silence, provider: str, values: Mapping[str, str], *, lost: bool = False) -> timedelta:
    """Return the silence after which the check ``fresh`` warns, or with ``lost`` fails."""
    lateness, lookback = horizons(provider, values)
    return found.usual + (lateness if lost else lookback)
