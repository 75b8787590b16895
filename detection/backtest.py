"""Backtest of the detector: replay stored history in memory with other settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

import duckdb

from detection.allow_list import Entry
from detection.chain import (
    BALANCE_DAYS,
    CAUSE_DAYS,
    PERIOD_DAYS,
    SCORE_DAYS,
    add_up,
    calibrate,
    cases_from,
    detect,
    learn,
    score,
)
from detection.parameters import Parameters, bind
from detection.risk import ListedUser
from detection.sql import into
from detection.tables import empty

__all__ = ["Raised", "play", "raised"]

_DAY = timedelta(days=1)


class Raised(NamedTuple):
    """An alert as it would have been raised: times UTC without zone, sizes in bytes of its largest window."""

    user: str
    population: str
    first_window_start: datetime
    last_window_end: datetime
    files: int
    bytes: int | None
    score: float


_KEPT = {"baselines": 'SELECT * FROM baselines WHERE "user" IS NULL', "period_sums": "FROM period_sums"}
_KEPT |= {table: f"FROM {table}" for table in ("scores", "thresholds", "detections", "causes")}
_DAYS_BEFORE = {"period_sums": PERIOD_DAYS, "scores": SCORE_DAYS, "causes": CAUSE_DAYS}
"""Days before a day that are read, where they are not the training days."""


def play(
    con: duckdb.DuckDBPyConnection,
    first: date,
    last: date,
    parameters: Parameters,
    *,
    entries: Sequence[Entry] = (),
    listed: Sequence[ListedUser] = (),
    passed: Callable[[date], None] = lambda _day: None,
) -> None:
    """Evaluate each day from ``first`` to ``last`` and fold what is found.

    Reads ``hours`` (user-hours of these days, of the training days before and of the day after), ``sources`` and
    ``reviews``. Makes the temporary tables ``played_baselines`` (the organisation's rows), ``played_scores``,
    ``played_thresholds`` and ``played_detections``, each with the ``day`` it is of, and ``openings``.

    Args:
        con: Connection, nothing else of which is changed but the chain's own temporary tables.
        first: First day evaluated. Thresholds are calibrated once there are days behind it, so begin well before the
            days that are looked at.
        last: Last day evaluated.
        parameters: Settings to try.
        entries: The allow-list to try.
        listed: The risk list to try.
        passed: Called with each day once it is evaluated.
    """
    for table in _KEPT:
        con.execute(f"CREATE OR REPLACE TEMP TABLE played_{table} AS {empty(table, dated=True)}")
    add_up(con, "hours")
    day = first
    while day <= last:
        _judge(con, day, parameters, entries, listed)
        for table, kept in _KEPT.items():
            con.execute(f"INSERT INTO played_{table} BY NAME SELECT *, CAST(? AS DATE) AS day FROM ({kept})", [day])  # noqa: S608 -- our own names
        passed(day)
        day += _DAY
    con.execute(
        "CREATE OR REPLACE TEMP VIEW all_detections AS "
        "SELECT * EXCLUDE (day) FROM played_detections WHERE allowed_by IS NULL"
    )
    into(con, "openings", "openings", bind(parameters, datetime.combine(first, time())))


def raised(con: duckdb.DuckDBPyConnection, first: date) -> list[Raised]:
    """The alerts that :func:`play` came to and that open on or after a day, by opening and user."""
    return [
        Raised(*row)
        for row in con.execute(
            """
            SELECT
              o."user", min(d.population), o.opening, max(d.window_end),
              max(d.files), max(d.bytes), max(d.score)
            FROM openings o
            JOIN played_detections d
              ON d."user" = o."user" AND d.window_start >= o.opening AND d.window_start < o.closes
              AND d.allowed_by IS NULL
            WHERE o.opening >= ?
            GROUP BY o."user", o.opening
            ORDER BY o.opening, o."user"
            """,
            [first],
        ).fetchall()
    ]


def _judge(
    con: duckdb.DuckDBPyConnection,
    day: date,
    parameters: Parameters,
    entries: Sequence[Entry],
    listed: Sequence[ListedUser],
) -> None:
    training = day - timedelta(days=parameters.training_days)
    _view(con, "user_hours", "hours", f"hour >= '{training}' AND hour < '{day + 2 * _DAY}'")
    for table in _KEPT:
        before = day - timedelta(days=_DAYS_BEFORE.get(table, parameters.training_days))
        _view(con, f"past_{table}", f"played_{table}", f"day >= '{before}' AND day < '{day}'")
        _view(con, f"last_{table}", f"played_{table}", f"day = '{day - _DAY}'")
    joined = cases_from(day, parameters)
    _view(con, "case_detections", "played_detections", f"day >= '{joined}' AND day < '{day}'")
    _view(con, "charged_thresholds", "played_thresholds", f"day >= '{day - BALANCE_DAYS * _DAY}' AND day < '{day}'")
    learn(con, day, parameters, entries)
    score(con, day, parameters, entries)
    calibrate(con, day, parameters, listed)
    detect(con, day, parameters, listed)


def _view(con: duckdb.DuckDBPyConnection, name: str, table: str, condition: str) -> None:
    query = f'CREATE OR REPLACE TEMP VIEW "{name}" AS SELECT * FROM {table} WHERE {condition}'  # noqa: S608 -- our own
    con.execute(query)
