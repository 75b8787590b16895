"""Candidates of other products' rules, and the alerts that they make at a strength or at a budget.

Belongs here: what all of these rules share, so that none is measured otherwise: one alert per user in a rule's fold,
and the strength from which a budget is met.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import inf
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from bench.case_folding import Alert

__all__ = ["Candidates", "alerts", "calibrate", "candidates_of", "held_out"]

_TRAINING_DAYS = 30
_MICROSECONDS = "datetime64[us]"
_SPARE = 64


@dataclass(frozen=True)
class Candidates:
    """What a rule looked at, and how strongly it would fire, as columns.

    Attributes:
        user: Users.
        begin: Start of the time that was tested, UTC.
        end: Its end, exclusive.
        strength: The rule's own number, compared with its threshold; larger is stranger.
    """

    user: npt.NDArray[np.str_]
    begin: npt.NDArray[Any]
    end: npt.NDArray[Any]
    strength: npt.NDArray[np.float64]

    @classmethod
    def none(cls) -> Candidates:
        """Return no candidates."""
        no_time = np.zeros(0, dtype=_MICROSECONDS)
        return cls(np.zeros(0, dtype=str), no_time, no_time, np.zeros(0))

    def take(self, kept: Any) -> Candidates:
        """Return those of an index or mask."""
        return Candidates(self.user[kept], self.begin[kept], self.end[kept], self.strength[kept])

    @property
    def day(self) -> npt.NDArray[Any]:
        """Return the day on which each is known: that of its last moment."""
        return (self.end - np.timedelta64(1, "us")).astype("datetime64[D]")


def candidates_of(
    con: duckdb.DuckDBPyConnection,
    days: Sequence[date],
    query: str,
    bound: Mapping[str, object] | None = None,
    *,
    by_end: bool = False,
) -> Candidates:
    """Run a query of user, begin, end and strength, and return the candidates of the days.

    Args:
        con: Connection.
        days: Days.
        query: The query.
        bound: Its parameters.
        by_end: A candidate is of the day on which it ends, not of the one on which it begins.
    """
    moment = '"end" - INTERVAL 1 MICROSECOND' if by_end else '"begin"'
    found = con.execute(
        f"""
        SELECT "user", "begin", "end", CAST(strength AS DOUBLE) AS strength
        FROM ({query})
        WHERE {moment} >= $first_day AND {moment} < $last_day AND isfinite(strength)
        ORDER BY "user", "begin", "end", strength
        """,  # noqa: S608 -- our own queries
        {**(bound or {}), "first_day": min(days), "last_day": max(days) + timedelta(days=1)},
    ).fetchnumpy()
    return Candidates(
        np.asarray(found["user"]).astype(str),
        np.asarray(found["begin"]).astype(_MICROSECONDS),
        np.asarray(found["end"]).astype(_MICROSECONDS),
        np.asarray(found["strength"], dtype=np.float64),
    )


def alerts(candidates: Candidates, least: float, *, metric: str = "", fold_days: int = 1) -> list[Alert]:
    """Return the alerts that a person would read for the candidates that reach a strength, by user and time.

    As in the products, candidates of a user that come within the fold of the first are in its alert.
    """
    firing = candidates.take(candidates.strength >= least)
    order = np.lexsort((firing.begin, firing.end, firing.user))
    fold = timedelta(days=fold_days)
    raised: list[Alert] = []
    opened: dict[str, datetime] = {}
    users, begins, ends = (column[order].tolist() for column in (firing.user, firing.begin, firing.end))
    for user, begin, end in zip(users, begins, ends, strict=True):
        if user in opened and end < opened[user] + fold:
            if fold_days == 1:
                last = raised[-1]
                raised[-1] = Alert(user, min(last.begin, begin), max(last.end, end), last.known, metric=metric)
            continue
        opened[user] = end
        raised.append(Alert(user, begin, end, end, metric=metric))
    return raised


def calibrate(candidates: Candidates, allowed: int, fold_days: int = 1) -> float:
    """Return the lowest strength with at most `allowed` alerts; infinite if there is none.

    Equal strengths count together, so that a rule with whole numbers stays within the budget, too.
    """
    kept = candidates
    number = max(_SPARE, 4 * allowed)
    # Only the strongest matter: as many as are certain to make too many alerts.
    while number < len(candidates.strength):
        cut = np.partition(candidates.strength, -number)[-number]
        kept = candidates.take(candidates.strength >= cut)
        if len(alerts(kept, -inf, fold_days=fold_days)) > allowed:
            break
        kept, number = candidates, 4 * number
    strengths = np.unique(kept.strength)[::-1]
    low, high = 0, len(strengths)
    while low < high:
        middle = (low + high) // 2
        if len(alerts(kept, strengths[middle], fold_days=fold_days)) <= allowed:
            low = middle + 1
        else:
            high = middle
    return float(strengths[low - 1]) if low else inf


def held_out(
    candidates: Candidates,
    user_days: Mapping[date, int],
    days: Sequence[date],
    budget: float,
    *,
    metric: str = "",
    fold_days: int = 1,
) -> list[Alert]:
    """Return the alerts of days whose thresholds are calibrated only on the 30 days before each.

    Args:
        candidates: Of the days to evaluate and of those to learn from.
        user_days: Monitored users by day; days without are not learnt from.
        days: Days to evaluate.
        budget: Alerts per 1000 monitored users and day.
        metric: What the rule measures: files, bytes, or empty for either.
        fold_days: Days in which a user has one alert.
    """
    of_day = candidates.day
    fires = np.zeros(len(of_day), dtype=bool)
    for day in days:
        past = [before for before in user_days if timedelta(0) < day - before <= timedelta(days=_TRAINING_DAYS)]
        if not past:
            continue
        allowed = int(budget * sum(user_days[before] for before in past) / 1000)
        learnt = (of_day >= np.datetime64(min(past))) & (of_day < np.datetime64(day))
        least = calibrate(candidates.take(learnt), allowed, fold_days)
        fires |= (of_day == np.datetime64(day)) & (candidates.strength >= least)
    return alerts(candidates.take(fires), -inf, metric=metric, fold_days=fold_days)
