"""An organisation's hours, made here, and the alerts that the chain comes to on them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta

import duckdb
import numpy as np
import pyarrow as pa

from detection.allow_list import Entry
from detection.backtest import Raised, play, raised
from detection.parameters import Parameters
from detection.tables import empty
from tests.support.memory import connect

__all__ = [
    "DAYS",
    "FIRST",
    "GB",
    "SOON",
    "Hour",
    "Review",
    "at",
    "burst",
    "cases_opened",
    "evaluated",
    "openings",
    "ordinary",
    "played",
    "scores_of",
]

FIRST = date(2026, 1, 5)
DAYS = 14
GB = 10**9
SOON = Parameters(budget=20, activation_days=5, warm_up_days=3)
"""A short activation, so that few days have to be evaluated."""
Hour = tuple[str, str, str, datetime, int, int | None]
Review = tuple[str, datetime, datetime, str, datetime]


def at(day: int, hour: int = 10) -> datetime:
    """An hour of the nth day."""
    return datetime(FIRST.year, FIRST.month, FIRST.day) + timedelta(days=day, hours=hour)


def ordinary(people: int = 40, days: int = DAYS, seed: int = 1, tail: float = 1.0) -> list[Hour]:
    """An organisation's hours: everybody most days, sizes over several decades."""
    draw = np.random.default_rng(seed)
    rows: list[Hour] = []
    for day in range(days):
        for person in np.flatnonzero(draw.random(people) < 0.6):
            files = int(1 + 10 ** (tail * draw.normal(0.6, 0.5)))
            size = int(10 ** (6 + tail * draw.normal(0.5, 0.7)))
            rows.append(
                ("box", f"person{person:03}@example.com", "people", at(day, 8 + int(draw.integers(9))), files, size)
            )
    return rows


def burst(user: str, start: datetime, population: str = "people", files: int = 3000) -> Hour:
    """An hour that nobody usually has."""
    return ("box", user, population, start, files, 40 * GB)


@contextmanager
def played(
    rows: Sequence[Hour],
    *,
    reviews: Sequence[Review] = (),
    days: int = DAYS,
    parameters: Parameters | None = None,
    first: date = FIRST,
    entries: Sequence[Entry] = (),
    apps: Mapping[str, str] | None = None,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in which the chain has evaluated all days, see :func:`detection.backtest.play`.

    ``apps`` names the application of some users; that of the others is not logged.
    """
    with connect(threads=1) as con:
        names = ("provider", "user", "population", "hour", "files", "bytes")
        columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        con.register("given", pa.table(columns))
        con.execute(
            'CREATE TABLE app_of AS SELECT unnest($1) AS "user", unnest($2) AS app',
            [[*(apps or {})] or ["-"], [*(apps or {}).values()] or ["-"]],
        )
        con.execute(
            "CREATE TABLE hours AS SELECT *, CASE WHEN bytes IS NULL THEN 0 ELSE files END AS sized_files, "
            "'person' AS actor_class, CASE WHEN app IS NOT NULL THEN MAP {app: files} END AS apps, "
            "CAST(NULL AS MAP(VARCHAR, BIGINT)) AS app_ids, "
            "CAST(NULL AS BIGINT[]) AS again_files, CAST(NULL AS BIGINT[]) AS again_sized_files "
            'FROM given LEFT JOIN app_of USING ("user")'
        )
        con.execute(
            "CREATE TABLE sources AS SELECT DISTINCT provider, CAST(? AS TIMESTAMP) AS first_day FROM given", [first]
        )
        con.execute(f"CREATE TABLE reviews AS {empty('reviews')}")
        for number, review in enumerate(reviews, 1):
            user, opens, ends, verdict, when = review
            con.execute(
                "INSERT INTO reviews VALUES (?, ?, ?, ?, ?, ?, 'ann', 'as agreed', ?, NULL, NULL)",
                [number, f"alert {user} {opens}", user, opens, ends, verdict, when],
            )
        play(con, first, first + timedelta(days=days - 1), parameters or SOON, entries=entries)
        yield con


def evaluated(
    rows: Sequence[Hour],
    *,
    reviews: Sequence[Review] = (),
    days: int = DAYS,
    since: int = 5,
    parameters: Parameters | None = None,
    first: date = FIRST,
) -> list[Raised]:
    """The alerts that the chain comes to from the nth day on."""
    with played(rows, reviews=reviews, days=days, parameters=parameters, first=first) as con:
        return raised(con, first + timedelta(days=since))


def openings(alerts: Sequence[Raised], user: str) -> list[datetime]:
    """Return the opening times of a user's alerts."""
    return [alert.first_window_start for alert in alerts if alert.user == user]


def cases_opened(alerts: Sequence[Raised], parameters: Parameters | None = None) -> list[datetime]:
    """Return the opening times of the cases that these alerts form where nobody reviews any."""
    period = timedelta(days=(parameters or SOON).case_days)
    opened: dict[str, list[datetime]] = defaultdict(list)
    for alert in sorted(alerts, key=lambda each: each.first_window_start):
        before = opened[alert.user]
        if not before or alert.first_window_start >= before[-1] + period:
            before.append(alert.first_window_start)
    return sorted(start for starts in opened.values() for start in starts)


def scores_of(alerts: Sequence[Raised], user: str) -> list[float]:
    """The highest score of each alert of a user."""
    return [alert.score for alert in alerts if alert.user == user]
