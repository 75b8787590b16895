"""The provider's clock, read from the header ``Date`` of its answers.

The header gives the second in which an answer was written: after the request was sent, and before the answer arrived.
So each answer bounds how far the local clock is off; the answer with the shortest delay gives the narrowest bounds.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

__all__ = ["TOLERANCE", "ProviderTime"]

TOLERANCE = timedelta(minutes=2)
"""A clock that is off by at most this counts as right: no decision needs more, and hosts differ by seconds."""
_SECOND = timedelta(seconds=1)
_KEPT = 8
"""Number of answers kept: enough to include a quick one, few enough to follow a clock that is corrected."""
_EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
"""A header outside these comes from a broken server and says nothing about this machine's clock."""


def _wall() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class _Bounds:
    """Smallest and largest possible lead of the local clock."""

    least: timedelta
    most: timedelta

    @property
    def width(self) -> timedelta:
        return self.most - self.least

    @property
    def middle(self) -> timedelta:
        return self.least + self.width / 2

    def agrees(self, other: _Bounds) -> bool:
        return self.least <= other.most + TOLERANCE and other.least <= self.most + TOLERANCE


class ProviderTime:
    """The local clock, corrected by the ``Date`` headers of a provider's answers. Safe for any number of threads.

    When time is simulated (``now`` is not this machine's clock), a server that runs on this machine's time says nothing
    about the simulated time. Then the skew counts as that to this machine's clock.

    Args:
        now: The local clock, UTC with zone.
        wall: This machine's clock, UTC with zone.
    """

    def __init__(self, now: Callable[[], datetime], wall: Callable[[], datetime] = _wall) -> None:
        self._now = now
        self._wall = wall
        self._lock = threading.Lock()
        self._heard: deque[_Bounds] = deque(maxlen=_KEPT)

    def begin(self) -> Callable[[Mapping[str, str]], None]:
        """Record that a request is sent now; return a function to call with the headers of its answer."""
        sent, sent_by_wall = self._now(), self._wall()

        def answered(headers: Mapping[str, str]) -> None:
            dated = _date(headers)
            if dated is None:
                return
            heard, by_wall = _bounds(sent, self._now(), dated), _bounds(sent_by_wall, self._wall(), dated)
            if abs(by_wall.middle) <= min(TOLERANCE, abs(heard.middle)):
                heard = by_wall
            with self._lock:
                self._heard.append(heard)

        return answered

    @property
    def skew(self) -> timedelta | None:
        """Return the local clock minus the provider's; None before an answer with a usable ``Date`` header."""
        with self._lock:
            heard = list(self._heard)
        if not heard:
            return None
        # The last two answers contradict all bounds of the best one: a clock was corrected meanwhile.
        best = min(heard, key=lambda bounds: bounds.width)
        latest = heard[-2:]
        if len(latest) == 2 and latest[0].agrees(latest[1]) and not any(each.agrees(best) for each in latest):
            best = min(latest, key=lambda bounds: bounds.width)
        return best.middle

    def now(self) -> datetime:
        """Return the present by the provider's clock; by the local one if that is within the tolerance or unchecked."""
        now, skew = self._now(), self.skew
        if skew is None or abs(skew) <= TOLERANCE:
            return now
        try:
            return now - skew
        except OverflowError:
            return now

    def present(self, sign_in: Callable[[], None]) -> datetime:
        """Return ``now()``; sign in before if there was no answer yet.

        Raises:
            ConnectorError: Signing in failed.
        """
        if self.skew is None:
            sign_in()
        return self.now()

    def warning(self) -> str:
        """Return a sentence for a remedy if the clock is off by more than the tolerance; else ""."""
        skew = self.skew
        if skew is None or abs(skew) <= TOLERANCE:
            return ""
        side = "ahead of" if skew > timedelta() else "behind"
        return (
            f"This machine's clock is {_said(abs(skew))} {side} the provider's, and with a wrong clock sign-ins are "
            "refused: set it first (timedatectl set-ntp true)."
        )


def _bounds(sent: datetime, answered: datetime, dated: datetime) -> _Bounds:
    # The header omits fractions of a second.
    return _Bounds(sent - dated - _SECOND, max(answered, sent) - dated)


def _date(headers: Mapping[str, str]) -> datetime | None:
    """Return the header Date; None if it can't be trusted. A cache sends the Date of its copy, and a header Age."""
    if "Age" in headers:
        return None
    try:
        dated = parsedate_to_datetime(str(headers.get("Date", "")))
        dated = dated.astimezone(UTC) if dated.tzinfo else dated.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return dated if _EARLIEST <= dated <= _LATEST else None


def _said(span: timedelta) -> str:
    """Format a duration for people in its largest fitting unit."""
    for unit, length in (("days", timedelta(days=1)), ("hours", timedelta(hours=1)), ("minutes", timedelta(minutes=1))):
        if span >= 2 * length:
            return f"{span / length:.0f} {unit}"
    return f"{span.total_seconds():.0f} seconds"
