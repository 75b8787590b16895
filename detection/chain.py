"""One day's judgement in steps: what is usual, how unusual each window is, from when it counts, and what is over it.

A day's steps read what the days before came to, so days are judged in ascending order. Each step is a function from
tables in a connection to a table there; whoever calls them says where the tables come from: the lake or a backtest.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from itertools import pairwise

import duckdb

from detection.allow_list import Entry, allow
from detection.parameters import Parameters
from detection.sql import into, version

__all__ = ["QUERIES", "RULES", "activate", "calibrate", "detect", "learn", "score"]

QUERIES = {
    "baselines": ("verdicts", "excluded_hours", "user_sums", "baselines"),
    "scores": ("active_scopes", "scores"),
    "thresholds": ("active_scopes", "verdicts", "openings", "accounts", "past_maxima", "calibration", "thresholds"),
    "detections": ("active_scopes", "past_maxima", "detections", "allowed"),
}
"""The queries that each step's table depends on."""

RULES = version(*sorted({query for queries in QUERIES.values() for query in queries}))
"""Digest of all queries that judge a window; it is stored with each detection."""

_DAY = timedelta(days=1)
_PIECE = 8_000_000
"""User-hours summed at a time: the windows of a month of a million users would fill the memory. Partitions are in the
order of their users, so that a range of users is read without the rest."""
_BEYOND = "\U0010ffff"
"""Behind every user in order."""


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def learn(con: duckdb.DuckDBPyConnection, day: date, parameters: Parameters) -> None:
    """Makes ``baselines`` from ``user_hours`` and ``past_detections`` of the training days, and ``reviews``."""
    bound = parameters.bind(_midnight(day))
    into(con, "verdicts", "verdicts", bound)
    into(con, "excluded_hours", "excluded_hours", bound)
    bounds = _bounds(con)
    for number, (first, end) in enumerate(pairwise(bounds)):
        piece = {**bound, "from_user": first, "to_user": end}
        into(con, "more_user_sums" if number else "user_sums", "user_sums", piece)
        if number:
            con.execute("INSERT INTO user_sums FROM more_user_sums")
            con.execute("DROP TABLE more_user_sums")
    into(con, "baselines", "baselines", bound)
    con.execute("DROP TABLE user_sums")


def _bounds(con: duckdb.DuckDBPyConnection) -> list[str]:
    """Users between which there are about as many user-hours as are summed at a time; where exactly changes no sum."""
    [(rows,)] = con.execute("SELECT count(*) FROM user_hours").fetchall()
    pieces = -(-rows // _PIECE)
    if pieces < 2:
        return ["", _BEYOND]
    sample = con.execute('SELECT "user" FROM user_hours USING SAMPLE 10000 ROWS').fetchall()
    users = sorted(user for (user,) in sample if user is not None)
    return ["", *sorted({users[len(users) * n // pieces] for n in range(1, pieces)}), _BEYOND]


def activate(
    con: duckdb.DuckDBPyConnection, day: date, parameters: Parameters, *, table: str = "active_scopes"
) -> None:
    """Makes the scopes that are past their activation on a day, from ``sources`` (provider, first_day)."""
    into(con, table, "active_scopes", parameters.bind(_midnight(day)))


def score(con: duckdb.DuckDBPyConnection, day: date, parameters: Parameters) -> None:
    """Makes ``scores`` from ``user_hours`` of the day and the next, the day's ``baselines``, and ``sources``."""
    activate(con, day, parameters)
    into(con, "scores", "scores", parameters.bind(_midnight(day)))


def calibrate(con: duckdb.DuckDBPyConnection, day: date, parameters: Parameters) -> None:
    """Makes ``thresholds`` from what the days before came to.

    Reads ``past_scores``, ``past_baselines`` and ``past_detections`` of the training days, ``last_baselines`` and
    ``last_thresholds`` of the day before, ``reviews`` and ``sources``.
    """
    bound = parameters.bind(_midnight(day))
    into(con, "verdicts", "verdicts", bound)
    con.execute("CREATE OR REPLACE TEMP VIEW all_detections AS FROM past_detections WHERE allowed_by IS NULL")
    into(con, "past_openings", "openings", bound)
    activate(con, day - _DAY, parameters, table="last_active_scopes")
    into(con, "accounts", "accounts", bound)
    into(con, "past_maxima", "past_maxima")
    into(con, "calibration", "calibration", bound)
    into(con, "thresholds", "thresholds", bound)


def detect(con: duckdb.DuckDBPyConnection, day: date, parameters: Parameters, entries: Sequence[Entry] = ()) -> None:
    """Makes ``detections`` from the day's ``scores``, ``thresholds`` and ``baselines``.

    Reads ``past_scores`` of the training days, ``user_hours`` of the day and the next, and ``sources``, too.

    Args:
        con: Connection.
        day: The day.
        parameters: Settings of the detector.
        entries: The allow-list; what it allows is marked, and stays a detection.
    """
    activate(con, day, parameters)
    bound = parameters.bind(_midnight(day))
    stored = {"parameters": parameters.model_dump_json(), "rules": RULES}
    into(con, "past_maxima", "past_maxima")
    into(con, "found", "detections", {**bound, **stored})
    allow(con, entries)
    into(con, "detections", "allowed", bound)
