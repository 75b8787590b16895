"""Comparison of alerts with thefts: what was found, how late, how often in vain, and how evenly over the weeks."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from math import sqrt
from typing import Any

import numpy as np

from bench.case_folding import Alert, Case
from bench.ordinary_hours import START, Hours
from bench.played import Verdict
from bench.thefts import Theft

__all__ = [
    "Load",
    "Outcome",
    "Register",
    "first_alert",
    "judge",
    "share",
    "verdict_on",
    "wilson",
]

_Z95 = 1.959964
_REPEAT = timedelta(days=30)
_LONG = timedelta(days=2)
_EPOCH = datetime.combine(START, time())
_WEEK = 7


@dataclass
class Load:
    """Alerts, or cases, that somebody has to read; they add up over organisations.

    Attributes:
        opened: How many.
        true: Those on a theft.
        repeats: Those on a user who had one in the 30 days before.
        worst_weeks: The fullest week of each organisation, as a multiple of what the budget allows for it.
        rates: Realised by organisation.
        user_days: Monitored users, summed over the days.
    """

    opened: int = 0
    true: int = 0
    repeats: int = 0
    worst_weeks: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    user_days: int = 0

    def __add__(self, other: Load) -> Load:
        return Load(
            self.opened + other.opened,
            self.true + other.true,
            self.repeats + other.repeats,
            self.worst_weeks + other.worst_weeks,
            self.rates + other.rates,
            self.user_days + other.user_days,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return what is reported."""
        return {
            "opened": self.opened,
            "realised_per_1000": round(1000 * self.opened / self.user_days, 2) if self.user_days else None,
            "realised_range": [round(min(self.rates, default=0), 2), round(max(self.rates, default=0), 2)],
            "worst_week": round(float(np.median(self.worst_weeks)), 2) if self.worst_weeks else None,
            "worst_week_of_all": round(max(self.worst_weeks, default=0), 2),
            "precision": share(self.true, self.opened),
            "repeats": share(self.repeats, self.opened),
        }


@dataclass
class Outcome:
    """What one rule came to at one setting; outcomes add up over organisations.

    Attributes:
        alerts: Its alerts.
        cases: Its cases.
        wanted: Thefts by class.
        found: Those with an alert on them, by class.
        wanted_at: Thefts by speed.
        found_at: Those found, by speed.
        hours: Hours from the start of each theft that was found to its first alert, by class.
    """

    alerts: Load = field(default_factory=Load)
    cases: Load = field(default_factory=Load)
    wanted: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    wanted_at: Counter[str] = field(default_factory=Counter)
    found_at: Counter[str] = field(default_factory=Counter)
    hours: dict[str, list[float]] = field(default_factory=dict)

    def __add__(self, other: Outcome) -> Outcome:
        names = {**self.hours, **other.hours}
        return Outcome(
            self.alerts + other.alerts,
            self.cases + other.cases,
            self.wanted + other.wanted,
            self.found + other.found,
            self.wanted_at + other.wanted_at,
            self.found_at + other.found_at,
            {name: [*self.hours.get(name, []), *other.hours.get(name, [])] for name in names},
        )

    def as_dict(self) -> dict[str, Any]:
        """Return what is reported."""
        return {
            "alerts": self.alerts.as_dict(),
            "cases": self.cases.as_dict(),
            "recall": {
                "all": share(self.found.total(), self.wanted.total()),
                "by_class": {name: share(self.found[name], count) for name, count in sorted(self.wanted.items())},
                "by_speed": {name: share(self.found_at[name], count) for name, count in sorted(self.wanted_at.items())},
            },
            "median_hours": {name: round(float(np.median(taken)), 1) for name, taken in sorted(self.hours.items())},
        }


class Register:
    """What each user uploaded until each hour, to say how much of an alert's uploads are stolen."""

    def __init__(self, hours: Hours, names: Sequence[str]) -> None:
        order = np.lexsort((hours.hour, hours.person))
        person, self._hour = hours.person[order], hours.hour[order]
        self._files = np.concatenate([[0], np.cumsum(hours.files[order])])
        self._bytes = np.concatenate([[0], np.cumsum(np.maximum(hours.bytes[order], 0), dtype=np.float64)])
        bounds = np.searchsorted(person, np.arange(len(names) + 1))
        self._bounds = {name: (int(bounds[n]), int(bounds[n + 1])) for n, name in enumerate(names)}

    def uploaded(self, user: str, begin: datetime, end: datetime) -> tuple[float, float]:
        """Return a user's files and bytes between two times."""
        low, high = self._bounds[user]
        first, last = low + np.searchsorted(self._hour[low:high], [_hours(begin), _hours(end)])
        return float(self._files[last] - self._files[first]), float(self._bytes[last] - self._bytes[first])


def _hours(moment: datetime) -> float:
    return (moment - _EPOCH) / timedelta(hours=1)


def _is_on(alert: Alert | Case, theft: Theft, register: Register) -> bool:
    """Return whether half of the files or bytes that the alert is about were stolen; a quarter if it is about days.

    Time alone does not do: in a month of dripping many a thief has an alert for honest work. The longer a time, the
    more of that is in it.
    """
    if alert.user not in theft.users or alert.begin >= theft.end or alert.end <= theft.start:
        return False
    inside = theft.stolen & (theft.rows.hour >= _hours(alert.begin)) & (theft.rows.hour < _hours(alert.end))
    inside &= theft.rows.person == int(alert.user.removeprefix("user"))
    files, size = register.uploaded(alert.user, alert.begin, alert.end)
    times = 2 if alert.end - alert.begin < _LONG else 4
    of_files = times * theft.rows.files[inside].sum() >= max(files, 1)
    of_bytes = times * theft.rows.bytes[inside].sum() >= max(size, 1)
    metric = getattr(alert, "metric", "")
    return bool(of_files if metric == "files" else of_bytes if metric == "bytes" else of_files or of_bytes)


def first_alert(raised: Iterable[Alert], theft: Theft, register: Register) -> Alert | None:
    """Return the first alert on a theft, or None where it is silent."""
    hits = [alert for alert in raised if _is_on(alert, theft, register)]
    return min(hits, key=lambda alert: alert.known, default=None)


def verdict_on(thefts: Sequence[Theft], register: Register) -> Verdict:
    """Return what a careful reviewer says of an alert: confirmed where half of what it is about was stolen."""
    by_user: dict[str, list[Theft]] = defaultdict(list)
    for theft in thefts:
        for user in theft.users:
            by_user[user].append(theft)

    def verdict(user: str, begin: datetime, end: datetime) -> str:
        looked_at = Alert(user, begin, end, end)
        return "confirmed" if any(_is_on(looked_at, theft, register) for theft in by_user[user]) else "benign"

    return verdict


def _load(opened: Sequence[Alert | Case], true: set[Any], user_days: Mapping[date, int], budget: float) -> Load:
    watched = sum(user_days.values())
    last: dict[str, datetime] = {}
    repeats = 0
    for each in sorted(opened, key=lambda each: each.known):
        repeats += each.user in last and each.known - last[each.user] <= _REPEAT
        last[each.user] = each.known
    first = min(user_days)
    weeks: Counter[int] = Counter((each.known.date() - first).days // _WEEK for each in opened)
    allowed: dict[int, float] = defaultdict(float)
    for day, users in user_days.items():
        allowed[(day - first).days // _WEEK] += max(budget * users / 1000, 1 / _WEEK)
    # A last week of few days would be full by chance.
    whole = len(user_days) // _WEEK
    worst = max((weeks[week] / allowed[week] for week in range(whole)), default=0.0)
    rate = 1000 * len(opened) / watched if watched else 0.0
    return Load(len(opened), len(true), repeats, [worst], [rate], watched)


def judge(
    raised: Sequence[Alert],
    cases: Sequence[Case],
    thefts: Sequence[Theft],
    register: Register,
    user_days: Mapping[date, int],
    budget: float,
) -> Outcome:
    """Compare the alerts and cases of one organisation with its thefts.

    Args:
        raised: Alerts of the days judged.
        cases: The same as cases.
        thefts: Thefts.
        register: What everybody uploaded.
        user_days: Monitored users of the days judged.
        budget: Alerts per 1000 monitored users and day.
    """
    raised = [alert for alert in raised if not alert.after_review]
    by_user: dict[str, list[Theft]] = defaultdict(list)
    for theft in thefts:
        for user in theft.users:
            by_user[user].append(theft)
    true_alerts = {alert for alert in raised for theft in by_user[alert.user] if _is_on(alert, theft, register)}
    known = {(alert.subject, alert.known) for alert in true_alerts}
    true_cases = {
        case for case in cases if any(user == case.user and case.known <= at <= case.closes for user, at in known)
    }
    outcome = Outcome(_load(raised, true_alerts, user_days, budget), _load(cases, true_cases, user_days, budget))
    for theft in thefts:
        found = first_alert((alert for alert in true_alerts if alert.user in theft.users), theft, register)
        outcome.wanted[theft.manner] += 1
        outcome.wanted_at[theft.speed] += 1
        outcome.found[theft.manner] += found is not None
        outcome.found_at[theft.speed] += found is not None
        if found:
            outcome.hours.setdefault(theft.manner, []).append((found.known - theft.start) / timedelta(hours=1))
    return outcome


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """Return Wilson's interval of a share at 95 %; 0 to 1 without trials."""
    if not trials:
        return 0.0, 1.0
    rate, weight = hits / trials, _Z95**2 / trials
    middle = (rate + weight / 2) / (1 + weight)
    reach = _Z95 / (1 + weight) * sqrt(rate * (1 - rate) / trials + weight / trials / 4)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def share(hits: int, trials: int) -> dict[str, Any]:
    """Return a share with Wilson's interval, for a report."""
    low, high = wilson(hits, trials)
    return {
        "hits": hits,
        "of": trials,
        "share": round(hits / trials, 3) if trials else None,
        "low": round(low, 3),
        "high": round(high, 3),
    }
