"""Days of raw events that a day of uploads and activity is read from."""

from __future__ import annotations

from datetime import date, timedelta

import dagster as dg

from assets.lake import Lake
from assets.manifest import Manifest
from assets.refresh import days_between

__all__ = ["days_read_from", "lost_raw_days", "manifests_of", "raw_events", "raw_files", "raw_partitions"]

_LATEST_PUBLICATION = timedelta(days=2)
"""Office 365 is selected by publication; events are looked for in so many later days of publication."""


def _span(provider: str, day: date) -> list[date]:
    return days_between(day, day + _LATEST_PUBLICATION) if provider == "office365" else [day]


def raw_partitions(provider: str) -> dg.PartitionMapping | None:
    """Which days of raw events a day of uploads reads."""
    if provider != "office365":
        return None
    return dg.TimeWindowPartitionMapping(
        start_offset=0, end_offset=_LATEST_PUBLICATION.days, allow_nonexistent_upstream_partitions=True
    )


def manifests_of(lake: Lake, provider: str, day: date) -> list[Manifest]:
    """Manifests of the raw events that a day is read from."""
    return [Manifest(lake.directory(f"{provider}/audit_events", each)) for each in _span(provider, day)]


def raw_files(lake: Lake, provider: str, day: date) -> list[str]:
    """Raw files that hold the events of a day."""
    return [path for manifest in manifests_of(lake, provider, day) for path in manifest.files]


def raw_events(lake: Lake, provider: str, day: date) -> int:
    """Number of raw events in them, as counted when they landed."""
    return sum(manifest.events for manifest in manifests_of(lake, provider, day))


def lost_raw_days(lake: Lake, provider: str) -> list[date]:
    """Days that were read from raw events that are no longer there, ascending."""
    return sorted(lake.made_days(f"{provider}/logged_uploads") - set(lake.landed_days(f"{provider}/audit_events")))


def days_read_from(provider: str, day: date) -> list[date]:
    """Days of uploads and activity that read the raw events of a day."""
    return days_between(day - _LATEST_PUBLICATION, day) if provider == "office365" else [day]
