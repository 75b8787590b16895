"""Grouping of a rule's candidates into alerts, and comparison of alerts with the labels of a workload.

Belongs here: what all rules share, so that none is scored by another measure: one alert per user in 24 hours, the
strength from which a budget is met, matching, intervals. The rules are ``bench.detection_peers`` and
``bench.detection.ours``.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from math import inf, sqrt
from typing import NamedTuple

from bench.detection_score import Candidate
from sandbox.workload.format import Label

__all__ = ["Alert", "Outcome", "alerts", "calibrate", "held_out", "judge", "wilson"]

_Z95 = 1.959964
_TRAINING = timedelta(days=30)
_DEDUPLICATION = timedelta(days=1)


class Alert(NamedTuple):
    """All that a rule fires on for one user within a day of the first, as one alert."""

    user: str
    begin: datetime
    end: datetime


@dataclass
class Outcome:
    """Counts of one rule at one setting; they add up over workloads.

    Attributes:
        alerts: Alerts, one per user in 24 hours.
        true: Those on a harmful labelled incident.
        user_days: Monitored users, summed over the days.
        wanted: Harmful incidents that an alert is expected for, by scenario.
        found: Those with an alert, by scenario; an incident counts once, however many alerts lie on it.
    """

    alerts: int = 0
    true: int = 0
    user_days: int = 0
    wanted: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(
            self.alerts + other.alerts,
            self.true + other.true,
            self.user_days + other.user_days,
            self.wanted + other.wanted,
            self.found + other.found,
        )

    @property
    def realised_per_1000(self) -> float:
        """Return the alerts per 1000 monitored users and day."""
        return 1000 * self.alerts / self.user_days if self.user_days else 0.0


def alerts(candidates: Iterable[Candidate], least: float) -> list[Alert]:
    """Return the alerts that a person would read for the candidates that reach a strength, by user and time.

    As in the products, candidates of a user that begin within a day of the first fold into one alert.
    """
    firing = sorted(candidate for candidate in candidates if candidate.strength >= least)
    raised: list[Alert] = []
    for user, begin, end, _ in firing:
        last = raised[-1] if raised else None
        if last and last.user == user and begin < last.begin + _DEDUPLICATION:
            raised[-1] = Alert(user, last.begin, max(last.end, end))
        else:
            raised.append(Alert(user, begin, end))
    return raised


def calibrate(candidates: Sequence[Candidate], allowed: int) -> float:
    """Return the lowest strength with at most `allowed` alerts; infinite if there is none.

    Equal strengths count together, so that a rule with whole numbers stays within the budget, too.
    """
    # A lower strength never makes fewer alerts: folding covers times with as few days as can be.
    strengths = sorted({candidate.strength for candidate in candidates}, reverse=True)
    fits = bisect_right(strengths, allowed, key=lambda least: len(alerts(candidates, least)))
    return strengths[fits - 1] if fits else inf


def held_out(
    candidates: Sequence[Candidate], user_days: Mapping[date, int], days: Iterable[date], budget: float
) -> list[Alert]:
    """Return the alerts of days whose thresholds are calibrated only on the 30 days before each.

    Args:
        candidates: Of the days to evaluate and of those to learn from.
        user_days: Monitored users by day; days without are not learnt from.
        days: Days to evaluate.
        budget: Alerts per 1000 monitored users and day.
    """
    of_day: dict[date, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        of_day[candidate.begin.date()].append(candidate)
    firing: list[Candidate] = []
    for day in days:
        past = [before for before in user_days if timedelta(0) < day - before <= _TRAINING]
        allowed = int(budget * sum(user_days[before] for before in past) / 1000)
        least = calibrate([candidate for before in past for candidate in of_day[before]], allowed)
        firing += [candidate for candidate in of_day[day] if candidate.strength >= least]
    return alerts(firing, -inf)


def judge(raised: Sequence[Alert], labels: Iterable[Label], user_days: int) -> Outcome:
    """Compare alerts with labels: an alert is on an incident if it is on its user and their times overlap."""
    true: set[Alert] = set()
    outcome = Outcome(alerts=len(raised), user_days=user_days)
    for label in labels:
        if not label.malicious:
            continue
        users = set(label.users.split("+"))
        start, end = label.start.replace(tzinfo=None), label.end.replace(tzinfo=None)
        hits = [alert for alert in raised if alert.user in users and alert.begin <= end and alert.end > start]
        true.update(hits)
        if label.expected in {"alert", "suspicious"}:
            outcome.wanted[label.scenario] += 1
            outcome.found[label.scenario] += bool(hits)
    outcome.true = len(true)
    return outcome


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """Return Wilson's interval of a share at 95 %; 0 to 1 without trials."""
    if not trials:
        return 0.0, 1.0
    share, weight = hits / trials, _Z95**2 / trials
    middle = (share + weight / 2) / (1 + weight)
    reach = _Z95 / (1 + weight) * sqrt(share * (1 - share) / trials + weight / trials / 4)
    return max(0.0, middle - reach), min(1.0, middle + reach)
