"""Time ranges: clipped to the past, split into the steps that a provider accepts, formatted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

__all__ = ["SLICE", "ceiling", "floor", "past", "require_zone", "slice_start", "split", "stamp"]

SECOND = timedelta(seconds=1)
SLICE = timedelta(minutes=15)
"""Length of the shortest slice that is pulled."""


def require_zone(*times: datetime) -> None:
    """Refuse times without a zone.

    Raises:
        ValueError: A time has no zone.
    """
    for time in times:
        if time.tzinfo is None:
            raise ValueError(f"{time} has no time zone: give UTC")


def past(start: datetime, end: datetime, now: datetime) -> tuple[datetime, datetime]:
    """Return the part of a window that is not in the future, in UTC; empty (start >= end) if all of it is."""
    return start.astimezone(UTC), min(end, now).astimezone(UTC)


def split(start: datetime, end: datetime, step: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """Cut a window into pieces of at most ``step``, ascending, without overlap."""
    while start < end:
        following = min(start + step, end)
        yield start, following
        start = following


def floor(time: datetime) -> datetime:
    """Round a time down to a full second."""
    return time.replace(microsecond=0)


def slice_start(time: datetime) -> datetime:
    """Return the start of the shortest slice that a time lies in."""
    return time.replace(minute=time.minute - time.minute % 15, second=0, microsecond=0)


def ceiling(time: datetime) -> datetime:
    """Round a time up to a full second."""
    return floor(time) + (SECOND if time.microsecond else timedelta())


def stamp(time: datetime) -> str:
    """Format a time as ``2026-01-05T09:30:00Z``; fractions of a second are cut off."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
