"""Preview of an allow-list entry: the published alerts that it would have suppressed."""

from __future__ import annotations

import duckdb

from detection.allow_list import Entry, allow
from detection.persons import named
from detection.sql import into
from lake.days import days_between
from lake.people import view_people
from lake.store import Lake

__all__ = ["suppressed_by"]


def suppressed_by(con: duckdb.DuckDBPyConnection, lake: Lake, entry: Entry) -> tuple[list[str], int]:
    """Return the alerts that an entry would have suppressed, had it been there from the start.

    Args:
        con: Connection in which alerts are published, see :func:`lake.ledger.publish`.
        lake: The lake.
        entry: The entry.

    Returns:
        Ids of the alerts, by opening, and the number of all alerts of the persons that the entry names.
    """
    persons = named(con, entry.user, first_only=True)
    spans = con.execute(
        "SELECT min(first_window_start), max(last_window_end), count(*) FROM shown WHERE list_contains(?, person)",
        [persons],
    ).fetchone()
    if not spans or spans[0] is None:
        return [], 0
    first, last, alerts = spans
    view_people(con, lake, "user_hours", ["user_hours"], days_between(first.date(), last.date()), lost_too=True)
    allow(con, [entry])
    into(con, "allowed_hours", "allowed_hours")
    into(con, "suppressed_alerts", "suppressed_alerts")
    return [alert for (alert,) in con.execute("SELECT alert_id FROM suppressed_alerts").fetchall()], int(alerts)
