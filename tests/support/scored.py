"""Scores of user-hours from a test, together with ten users with a usual month."""

from __future__ import annotations

from datetime import datetime, timedelta

from detection.chain import add_up, learn
from detection.parameters import Parameters, bind
from detection.sql import into
from detection.tables import empty
from tests.support.memory import connect

DAY = datetime(2026, 3, 20)


def scored(active: list[str], rows: list[tuple[str, str, datetime, int, int]]) -> list[tuple[str, str, int]]:
    """Return scopes, users and files of the scored windows for user-hours (provider, user, hour, files, bytes)."""
    bound = bind(Parameters(), DAY)
    usual = [
        (provider, f"user{n}@example.com", DAY - timedelta(days=day, hours=14), 3 + n % 4, 1_000_000)
        for provider in ("box", "dropbox", "google_workspace")
        for n in range(10)
        for day in range(1, 20)
    ]
    with connect() as con:
        con.execute(
            'CREATE TABLE user_hours (provider VARCHAR, "user" VARCHAR, hour TIMESTAMP, files BIGINT, '
            "bytes BIGINT, sized_files BIGINT DEFAULT 1, population VARCHAR DEFAULT 'people', "
            "again_files BIGINT[], again_sized_files BIGINT[])"
        )
        con.executemany('INSERT INTO user_hours (provider, "user", hour, files, bytes) VALUES (?, ?, ?, ?, ?)', usual)
        for table, of in (("past_detections", "detections"), ("reviews", "reviews")):
            con.execute(f"CREATE TABLE {table} AS {empty(of)}")
        add_up(con)
        learn(con, DAY.date(), Parameters())
        con.executemany('INSERT INTO user_hours (provider, "user", hour, files, bytes) VALUES (?, ?, ?, ?, ?)', rows)
        con.execute("CREATE TABLE active_scopes (scope VARCHAR)")
        con.executemany("INSERT INTO active_scopes VALUES (?)", [[scope] for scope in active])
        into(con, "scores", "scores", bound)
        return con.execute(
            'SELECT DISTINCT scope, "user", max(files) FROM scores GROUP BY 1, 2 ORDER BY 1, 2'
        ).fetchall()
