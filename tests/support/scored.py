"""Scores of user-hours from a test, together with ten users with a usual month."""

from __future__ import annotations

from datetime import datetime, timedelta

from detection.chain import add_up, learn, score
from detection.parameters import Parameters
from detection.tables import empty
from tests.support.memory import connect

DAY = datetime(2026, 3, 20)
_PROVIDERS = ("box", "dropbox", "google_workspace")
_INSERT = (
    'INSERT INTO user_hours (provider, "user", hour, files, bytes, sized_files, actor_class, population) '
    "VALUES (?, ?, ?, ?, ?, 1, 'person', 'people')"
)


def scored(active: list[str], rows: list[tuple[str, str, datetime, int, int]]) -> list[tuple[str, str, int]]:
    """Return scopes, users and files of the scored windows for user-hours (provider, user, hour, files, bytes).

    Sources that are not among the active ones are in activation.
    """
    usual = [
        (provider, f"user{n}@example.com", DAY - timedelta(days=day, hours=14), 3 + n % 4, 1_000_000)
        for provider in _PROVIDERS
        for n in range(10)
        for day in range(1, 20)
    ]
    with connect() as con:
        con.execute(f"CREATE TABLE user_hours AS {empty('user_hours')}")
        con.executemany(_INSERT, usual)
        for table, of in (("past_detections", "detections"), ("reviews", "reviews")):
            con.execute(f"CREATE TABLE {table} AS {empty(of)}")
        con.execute(f"CREATE TABLE past_period_sums AS {empty('period_sums', dated=True)}")
        con.execute("CREATE TABLE sources (provider VARCHAR, first_day TIMESTAMP)")
        con.executemany(
            "INSERT INTO sources VALUES (?, ?)",
            [[name, DAY - timedelta(days=90 if name in active else 1)] for name in _PROVIDERS],
        )
        add_up(con)
        learn(con, DAY.date(), Parameters())
        con.executemany(_INSERT, rows)
        score(con, DAY.date(), Parameters())
        return con.execute(
            'SELECT DISTINCT scope, "user", max(files) FROM scores GROUP BY 1, 2 ORDER BY 1, 2'
        ).fetchall()
