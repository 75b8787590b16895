"""Silence of a source: how long it has had no events, and how long that usually lasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise

import duckdb

from lake.days import DAY, days_between

__all__ = ["SILENCE_WEEKS", "Silence", "counted_days", "hours_with_events", "silence", "usual_silence"]

SILENCE_WEEKS = 4
"""Weeks of history from which the usual silence is learnt."""
_HOUR = timedelta(hours=1)
_LEAST_HISTORY = {"working days": timedelta(days=7), "weekends": timedelta(days=21)}
_LONGEST = {"working days": DAY, "weekends": 3 * DAY}
"""Upper bound of a usual silence, whatever the history shows."""
_MARGIN = {"working days": 1.0, "weekends": 1.5}
"""Factor on the usual silence; four weeks have few weekends, and their silences vary more."""


@dataclass(frozen=True)
class Silence:
    """Present silence of a source.

    Attributes:
        newest: Newest hour with events, UTC without zone.
        length: Time since the end of that hour.
        usual: Usual upper bound of a silence on such days.
        kind: ``working days`` or ``weekends``, whichever the silence touches.
    """

    newest: datetime
    length: timedelta
    usual: timedelta
    kind: str


def counted_days(today: date) -> list[date]:
    """Return the days whose counts of events are read."""
    return days_between(today - SILENCE_WEEKS * 7 * DAY, today)


def hours_with_events(con: duckdb.DuckDBPyConnection, now: datetime) -> list[datetime]:
    """Return the hours with uploads or activity up to now, ascending, from the view ``counts``."""
    rows = con.execute(
        "SELECT DISTINCT CAST(name AS TIMESTAMP) FROM counts WHERE kind IN ('uploads', 'activity') ORDER BY 1"
    ).fetchall()
    # The time of an event may lie in the future.
    return [hour for (hour,) in rows if hour <= now]


def silence(hours: Sequence[datetime], now: datetime) -> Silence | None:
    """Return the present silence; None without any hour.

    Args:
        hours: Hours with events, from :func:`hours_with_events`.
        now: The present, UTC without zone.
    """
    if not hours:
        return None
    since = min(hours[-1] + _HOUR, now)
    kind = _kind(since, now)
    return Silence(hours[-1], now - since, usual_silence(hours, kind), kind)


def usual_silence(hours: Sequence[datetime], kind: str) -> timedelta:
    """Return how long a source is usually silent, from its own history.

    This is the second longest silence on such days, so that one outage does not raise the limit; on weekends half as
    long again. It is at least an hour and at most a day, or three days over a weekend. With less than a week of history
    (three weeks for weekends) it is that maximum.

    Args:
        hours: Hours with events, ascending.
        kind: ``working days`` or ``weekends``.
    """
    if not hours or hours[-1] - hours[0] < _LEAST_HISTORY[kind]:
        return _LONGEST[kind]
    silences = sorted(
        later - earlier - _HOUR
        for earlier, later in pairwise(hours)
        if later - earlier > _HOUR and _kind(earlier + _HOUR, later) == kind
    )
    longest = silences[-2] if len(silences) > 1 else _HOUR
    return min(_MARGIN[kind] * max(longest, _HOUR), _LONGEST[kind])


def _kind(start: datetime, end: datetime) -> str:
    """Return ``weekends`` if a time range touches a weekend (UTC), else ``working days``."""
    weekend = any(day.weekday() >= 5 for day in days_between(start.date(), end.date()))
    return "weekends" if weekend else "working days"
