"""Days of raw events that a day of uploads and activity is read from."""

from __future__ import annotations

from datetime import date, timedelta

from lake.days import days_between
from lake.manifest import Manifest
from lake.store import Lake
from providers import PROVIDERS

__all__ = ["days_read_from", "lost_raw_days", "manifests_of", "raw_events", "raw_files", "span_of"]


def span_of(provider: str) -> int:
    """Return how many days after its own a day of uploads reads raw events from."""
    return PROVIDERS[provider].publication_days


def _span(provider: str, day: date) -> list[date]:
    return days_between(day, day + timedelta(days=span_of(provider)))


def manifests_of(lake: Lake, provider: str, day: date) -> list[Manifest]:
    """Return the manifests of the raw events that a day is read from."""
    return [Manifest(lake.directory(f"{provider}/audit_events", each)) for each in _span(provider, day)]


def raw_files(lake: Lake, provider: str, day: date) -> list[str]:
    """Return the raw files with the events of a day."""
    return [path for manifest in manifests_of(lake, provider, day) for path in manifest.files]


def raw_events(lake: Lake, provider: str, day: date) -> int:
    """Return the number of raw events in them, as counted when they landed."""
    return sum(manifest.events for manifest in manifests_of(lake, provider, day))


def lost_raw_days(lake: Lake, provider: str) -> list[date]:
    """Return the days whose raw events no longer exist, ascending."""
    return sorted(lake.made_days(f"{provider}/logged_uploads") - set(lake.landed_days(f"{provider}/audit_events")))


def days_read_from(provider: str, day: date) -> list[date]:
    """Return the days of uploads and activity that read the raw events of a day."""
    return days_between(day - timedelta(days=span_of(provider)), day)
