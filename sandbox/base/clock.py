"""The sandbox's own clock, and parsing and formatting of times.

Every time inside the sandbox is an integer: microseconds since 1970-01-01 UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
Unit = Literal["s", "ms"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock:
    """Present time of the simulated providers; it stands still until the caller sets it."""

    def __init__(self, now: int) -> None:
        self.now = now


def parse_time(text: str, *, zone_required: bool) -> int | None:
    """Return the microseconds of an ISO 8601 text; None if it is not a time or lacks a required zone.

    A text without a zone is taken as UTC.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        if zone_required:
            return None
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(time: int) -> datetime:
    """Return the time as a datetime, UTC with zone."""
    return _EPOCH + timedelta(microseconds=time)


def write_time(time: int, unit: Unit = "s") -> str:
    """Format a time as ISO 8601 in UTC with a `Z`, cut to `unit` (`s` or `ms`)."""
    return f"{write_times(np.array([time]), unit)[0]}Z"


def write_times(times: NDArray[np.int64], unit: Unit = "s") -> list[str]:
    """Format times as ISO 8601 in UTC **without** a zone, cut to `unit`: each provider adds its own suffix."""
    texts: list[str] = np.datetime_as_string(times.view("M8[us]"), unit=unit).tolist()
    return texts
