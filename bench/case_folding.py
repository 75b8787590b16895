"""Folding of alerts into cases, and the reviewer who closes them.

A case is a person's alerts from the first until it is reviewed, at most a week. Alerts that come while it is open are
revisions of it; one that stands much higher above its threshold than the opening one escalates it. What comes after its
end opens another.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

__all__ = ["REVIEWERS", "Alert", "Case", "Review", "fold", "reviewed_at"]

_LONGEST = timedelta(days=7)
_ESCALATES = 3.0
_PROMPT = timedelta(hours=2)


@dataclass(frozen=True)
class Alert:
    """Alert on one user, times UTC without zone.

    Attributes:
        user: User.
        begin: Start of the first window.
        end: End of the last window.
        known: When the first window was over: the earliest that anybody could be notified.
        excess: How far the score stands above its threshold.
        scale: Time over which the user was added up.
        metric: What it is about: files, bytes, or empty for either.
        population: People or services.
        group: Cause that the user has in common with others, whose alert names this one; empty for an alert of its own.
        after_review: Whether this is what came to an alert after its review; it is no alert of its own.
    """

    user: str
    begin: datetime
    end: datetime
    known: datetime
    excess: float = 0.0
    scale: str = "3 hours"
    metric: str = ""
    population: str = "people"
    group: str = ""
    after_review: bool = False

    @property
    def subject(self) -> str:
        """Return whose case it is: the group's, or the user's."""
        return self.group or self.user


@dataclass(frozen=True)
class Case:
    """A person's alerts as one matter.

    Attributes:
        user: Person, or cause of a group.
        begin: Start of the first alert's first window.
        end: End of the last alert's last window.
        known: When the first alert was known.
        closes: When it ends: its review, or a week after it began.
        excess: That of the opening alert.
        alerts: How many alerts it holds.
        escalations: How many of them escalated it.
    """

    user: str
    begin: datetime
    end: datetime
    known: datetime
    closes: datetime
    excess: float
    alerts: int = 1
    escalations: int = 0


Review = Callable[[str, datetime], datetime | None]
"""From a user and when an alert was known to when it is reviewed; None for never."""


def fold(alerts: Iterable[Alert], review: Review) -> list[Case]:
    """Return the cases of alerts, by user and time."""
    cases: list[Case] = []
    for alert in sorted(alerts, key=lambda each: (each.subject, each.known, each.begin)):
        last = cases[-1] if cases else None
        if last and last.user == alert.subject and alert.known < last.closes:
            escalates = alert.excess - last.excess > _ESCALATES
            cases[-1] = replace(
                last,
                end=max(last.end, alert.end),
                alerts=last.alerts + 1,
                escalations=last.escalations + escalates,
            )
        else:
            closes = alert.known + _LONGEST
            seen = review(alert.subject, alert.known)
            closes = min(closes, seen) if seen else closes
            cases.append(Case(alert.subject, alert.begin, alert.end, alert.known, closes, alert.excess))
    return cases


def _delay(days: tuple[int, int], user: str, known: datetime) -> datetime:
    low, high = days
    if not high:
        return known + _PROMPT
    spread = zlib.crc32(f"{user} {known}".encode()) % (high - low + 1)
    return known.replace(hour=10, minute=0) + timedelta(days=low + spread)


REVIEWERS = {"prompt": (0, 0), "present": (1, 1), "slow": (4, 12), "absent": None}
"""Days until an alert is reviewed, at least and at most; 0 for two hours, None for never."""


def reviewed_at(reviewer: str) -> Review:
    """Return when a reviewer gets to an alert: one of :data:`REVIEWERS`."""
    days = REVIEWERS[reviewer]
    return lambda user, known: _delay(days, user, known) if days else None
