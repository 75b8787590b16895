"""One day's judgement in steps: what is usual, how unusual each window is, from when it counts, and what is over it.

A day's steps read what the days before came to, so days are judged in ascending order. Each step is a function from
tables in a connection to a table there; whoever calls them says where the tables come from: the lake or a backtest.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

import duckdb

from detection.allow_list import Entry, allow
from detection.dependencies import dependencies
from detection.parameters import Parameters, bind
from detection.risk import ListedUser
from detection.rule import RULE
from detection.sql import into, load
from detection.watch_list import create_watch_list

__all__ = [
    "BALANCE_DAYS",
    "CAUSE_DAYS",
    "PERIOD_DAYS",
    "SCORE_DAYS",
    "activate",
    "add_up",
    "calibrate",
    "cases_from",
    "cover",
    "detect",
    "learn",
    "mark",
    "rules",
    "score",
]

_NOT_USUAL = ("excluded_hours", "partial_days", "partial_hours")
_DAY = timedelta(days=1)
BALANCE_DAYS = 60
"""Days before a day whose alerts count in its budget balance, at most."""
PERIOD_DAYS = 60
"""Days before a day whose long sums its baselines read: thirty before those that a sum over thirty days adds up."""
SCORE_DAYS = 45
"""Days before a day whose scores its thresholds read: thirty, and those of a long scale before a lag of fifteen."""
CAUSE_DAYS = 45
"""Days before a day whose common causes are read: those that its own are compared with, and those of its open cases."""


def rules() -> str:
    """Return a digest of all that evaluates a window but the settings; it is stored with each detection."""
    return dependencies(learn, score, calibrate, detect).digest


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def add_up(
    con: duckdb.DuckDBPyConnection,
    hours: str = "user_hours",
    *,
    table: str = "day_sums",
    window_hours: int = RULE.periods.test_window_hours,
) -> None:
    """Sum user-hours of whole days for each user and day; :func:`learn` adds these sums up to baselines.

    A day's sums change with the day's user-hours alone, so that they are worth keeping: to add up a month of them takes
    a seventh of the time that its user-hours take.

    Args:
        con: Connection.
        hours: Table of user-hours.
        table: Temporary table to make.
        window_hours: Length of a test window.
    """
    con.execute(f"CREATE OR REPLACE TEMP VIEW summed_hours AS FROM {hours}")
    into(con, table, "day_sums", {"window_hours": window_hours})


def learn(con: duckdb.DuckDBPyConnection, day: date, parameters: Parameters, entries: Sequence[Entry] = ()) -> None:
    """Make ``baselines`` of usual behaviour, without the hours of alerts, and ``recent_sums`` of the long scales.

    Reads ``day_sums``, ``user_hours`` and ``past_detections`` of the training days, ``past_period_sums`` of
    :data:`PERIOD_DAYS` with their ``day``, and ``sources``.

    Args:
        con: Connection.
        day: The day.
        parameters: Settings of the detector.
        entries: The allow-list; what it allows is in no recent sum.
    """
    bound = bind(parameters, _midnight(day))
    into(con, "scales", "scales", bound)
    for query in _NOT_USUAL:
        into(con, query, query, bound)
    add_up(con, "partial_hours", table="partial_sums", window_hours=parameters.window_hours)
    # Read twice from the files: in memory they would be most of what a day's evaluation needs.
    usual_days = {"usual_days": load("usual_days")}
    into(con, "user_sums", "user_sums", bound, given=usual_days)
    into(con, "baselines", "baselines", bound)
    activate(con, day, parameters)
    cover(con, entries)
    into(con, "recent_sums", "recent_sums", bound, given=usual_days)
    for table in ("partial_hours", "partial_sums", "user_sums"):
        con.execute(f"DROP TABLE {table}")


def activate(
    con: duckdb.DuckDBPyConnection, day: date, parameters: Parameters, *, table: str = "active_scopes"
) -> None:
    """Make a table of the scopes that are past their activation on a day, from ``sources`` (provider, first_day)."""
    into(con, "scales", "scales", bind(parameters, _midnight(day)))
    into(con, table, "active_scopes", bind(parameters, _midnight(day)))


def score(con: duckdb.DuckDBPyConnection, day: date, parameters: Parameters, entries: Sequence[Entry] = ()) -> None:
    """Make ``scores`` and ``period_sums`` of a day.

    Reads ``user_hours`` of the day and the next, the day's ``baselines`` and ``recent_sums``, and ``sources``.

    Args:
        con: Connection.
        day: The day.
        parameters: Settings of the detector.
        entries: The allow-list; what it allows is marked, and is scored all the same.
    """
    activate(con, day, parameters)
    bound = bind(parameters, _midnight(day))
    cover(con, entries)
    into(con, "period_totals", "period_totals", bound)
    into(con, "period_sums", "period_sums", bound)
    into(con, "rated", "scores", bound)
    into(con, "scored", "user_causes", bound)
    mark(con, "scores", parameters)


def cover(con: duckdb.DuckDBPyConnection, entries: Sequence[Entry], *, expired: bool = False) -> None:
    """Make ``allowed_hours``: the ``user_hours`` that entries of the allow-list cover, see :func:`allow`."""
    allow(con, entries, expired=expired)
    into(con, "allowed_hours", "allowed_hours")


def mark(con: duckdb.DuckDBPyConnection, table: str, parameters: Parameters) -> None:
    """Make a table of the windows ``scored``, each with the entry of the allow-list that allows it.

    Reads ``user_hours``, too, and what :func:`cover` makes of them.
    """
    settings = parameters.model_dump()
    into(con, "scales", "scales", settings)
    into(con, table, "allowed", settings)


def cases_from(day: date, parameters: Parameters) -> date:
    """Return the first day whose alerts count in the cases that a day's budget balance is charged for.

    It moves in steps of a case's period. If it moved daily, the cases of somebody who alerts every day would begin anew
    with it, never on the day before, and none would be charged.
    """
    first = day - timedelta(days=parameters.training_days)
    return first - timedelta(days=first.toordinal() % parameters.case_days)


def calibrate(
    con: duckdb.DuckDBPyConnection, day: date, parameters: Parameters, listed: Sequence[ListedUser] = ()
) -> None:
    """Make ``thresholds`` from the results of the days before.

    Reads ``past_baselines``, ``past_thresholds`` and ``past_detections`` of the training days, ``past_scores`` of
    :data:`SCORE_DAYS` and ``past_causes`` of :data:`CAUSE_DAYS` with their ``day``, ``case_detections`` from
    :func:`cases_from` on, ``charged_thresholds`` of :data:`BALANCE_DAYS` with their ``day``, ``last_baselines`` of the
    day before, ``reviews`` and ``sources``.

    Args:
        con: Connection.
        day: The day.
        parameters: Settings of the detector.
        listed: The operator's risk list, whose persons have a budget of their own.
    """
    bound = bind(parameters, _midnight(day))
    create_watch_list(con, listed, day - _DAY)
    into(con, "verdicts", "verdicts", bound)
    con.execute("CREATE OR REPLACE TEMP VIEW all_detections AS FROM case_detections WHERE allowed_by IS NULL")
    into(con, "past_openings", "openings", bound)
    into(con, "single_openings", "single_openings")
    con.execute("CREATE OR REPLACE TEMP VIEW case_openings AS FROM single_openings")
    into(con, "past_cases", "case_spans", bound)
    activate(con, day - _DAY, parameters, table="last_active_scopes")
    into(con, "accounts", "accounts", bound)
    into(con, "past_maxima", "past_maxima", bound)
    into(con, "calibration", "calibration", bound)
    into(con, "thresholds", "thresholds", bound)


def detect(
    con: duckdb.DuckDBPyConnection, day: date, parameters: Parameters, listed: Sequence[ListedUser] = ()
) -> None:
    """Make ``detections`` and ``causes`` from the day's ``scores``, ``thresholds`` and ``baselines``.

    Reads ``past_scores`` of :data:`SCORE_DAYS`, ``past_causes`` of :data:`CAUSE_DAYS`, and ``sources``, too.

    Args:
        con: Connection.
        day: The day.
        parameters: Settings of the detector.
        listed: The operator's risk list, whose persons have a threshold of their own.
    """
    create_watch_list(con, listed, day)
    activate(con, day, parameters)
    bound = bind(parameters, _midnight(day))
    stored = {"parameters": parameters.model_dump_json(), "rules": rules()}
    into(con, "past_maxima", "past_maxima", bound)
    into(con, "detections", "detections", {**bound, **stored})
    into(con, "causes", "causes", bound)
