"""The provider's clock, read from the header ``Date`` of its answers.

A header tells the second in which an answer was written, somewhere between the sending of the request and the coming
of the answer. Each answer so bounds how far the local clock is off; the one with the least delay bounds it best.
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
"""A clock that is off by no more is taken as right: no decision here is finer, and hosts differ by seconds."""
_SECOND = timedelta(seconds=1)
_KEPT = 8
"""Answers looked at: enough to have a quick one among them, few enough to follow a clock that is set."""
_EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
"""A header beyond these tells of a broken server, not of this machine's clock."""


def _wall() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class _Bounds:
    """Least and greatest time that the local clock is ahead."""

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
    """The local clock, corrected by what the answers of a provider tell. For any number of threads.

    Where time is played out (``now`` is not this machine's clock), a server that keeps to this machine's time says
    nothing about the time played: that there is no difference is what counts then.

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
        """Note that a request is sent now; call what this returns with the headers of its answer."""
        sent, sent_by_wall = self._now(), self._wall()

        def answered(headers: Mapping[str, str]) -> None:
            told = _date(headers)
            if told is None:
                return
            heard, by_wall = _bounds(sent, self._now(), told), _bounds(sent_by_wall, self._wall(), told)
            if abs(by_wall.middle) <= min(TOLERANCE, abs(heard.middle)):
                heard = by_wall
            with self._lock:
                self._heard.append(heard)

        return answered

    @property
    def skew(self) -> timedelta | None:
        """The local clock less the provider's; None before an answer that tells."""
        with self._lock:
            heard = list(self._heard)
        if not heard:
            return None
        # Two answers in a row that contradict the best one before: a clock was set meanwhile.
        best = min(heard, key=lambda bounds: bounds.width)
        latest = heard[-2:]
        if len(latest) == 2 and latest[0].agrees(latest[1]) and not any(each.agrees(best) for each in latest):
            best = min(latest, key=lambda bounds: bounds.width)
        return best.middle

    def now(self) -> datetime:
        """Return the present by the provider's clock, as far as it was heard; the local clock within the tolerance."""
        now, skew = self._now(), self.skew
        if skew is None or abs(skew) <= TOLERANCE:
            return now
        try:
            return now - skew
        except OverflowError:
            return now

    def present(self, sign_in: Callable[[], None]) -> datetime:
        """Return ``now()``; signs in before, where no answer was heard yet.

        Raises:
            ConnectorError: Signing in failed.
        """
        if self.skew is None:
            sign_in()
        return self.now()

    def warning(self) -> str:
        """Return a sentence on a clock that is off by more than the tolerance, for a remedy; "" where it is not."""
        skew = self.skew
        if skew is None or abs(skew) <= TOLERANCE:
            return ""
        side = "ahead of" if skew > timedelta() else "behind"
        return (
            f"This machine's clock is {_said(abs(skew))} {side} the provider's, and with a wrong clock sign-ins are "
            "refused: set it first (timedatectl set-ntp true)."
        )


def _bounds(sent: datetime, answered: datetime, told: datetime) -> _Bounds:
    # The header leaves out the fraction of the second.
    return _Bounds(sent - told - _SECOND, max(answered, sent) - told)


def _date(headers: Mapping[str, str]) -> datetime | None:
    """The header Date; None where it can't be trusted: a cache sends its copy's, and says so by Age."""
    if "Age" in headers:
        return None
    try:
        told = parsedate_to_datetime(str(headers.get("Date", "")))
        told = told.astimezone(UTC) if told.tzinfo else told.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return told if _EARLIEST <= told <= _LATEST else None


def _said(span: timedelta) -> str:
    """A span for people, in its largest fitting unit."""
    for unit, length in (("days", timedelta(days=1)), ("hours", timedelta(hours=1)), ("minutes", timedelta(minutes=1))):
        if span >= 2 * length:
            return f"{span / length:.0f} {unit}"
    return f"{span.total_seconds():.0f} seconds"
