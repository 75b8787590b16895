"""Cases: the alerts of a person until somebody reviews them, within a bounded period. People read and close cases."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import duckdb
import pyarrow as pa

from detection.rule import RULE, SEVERITIES
from detection.sql import into

__all__ = ["ESCALATION", "join_alerts", "pick_cases", "queue_key", "state_cases"]

ESCALATION = 3.0
"""How much farther above its threshold than the opening alert an alert must be to escalate its case. Scores are in
standard deviations: three more are no chance, and nobody who read the opening expects them."""

_BOUND = {
    "case_period": timedelta(days=RULE.periods.case_days),
    "case_escalation": ESCALATION,
    "window_hours": RULE.periods.test_window_hours,
    "rule_id": RULE.id,
    "severities": list(SEVERITIES),
    "day_start": datetime.max,  # noqa: DTZ901 -- tables have UTC without zone
}


def join_alerts(con: duckdb.DuckDBPyConnection) -> None:
    """Make ``case_alerts`` (each alert with its case) and ``standing`` (the latest review of each).

    Reads ``alerts``, ``ledger``, ``revisions`` and ``reviews``.
    """
    con.execute(
        "CREATE OR REPLACE TEMP VIEW case_openings AS "
        'SELECT coalesce(person, "user") AS "user", first_window_start AS opening FROM alerts WHERE folded_into IS NULL'
    )
    into(con, "case_spans", "case_spans", _BOUND)
    into(con, "case_alerts", "case_alerts", _BOUND)
    into(con, "standing", "standing", _BOUND)


def state_cases(con: duckdb.DuckDBPyConnection) -> None:
    """Make ``cases`` (columns as in :data:`detection.tables.TABLES`) from ``shown`` and ``case_alerts``."""
    into(con, "cases", "cases", _BOUND)


def queue_key(state: str, severity: str, one_in: int | None) -> tuple[bool, int, int]:
    """Return the place of a case in the queue, the highest first: not reviewed, then severe, then rare.

    Of ten cases read in this order most are harmful; in order of time it is half of them.
    """
    return state != "reviewed", SEVERITIES.index(severity), one_in or 0


def pick_cases(con: duckdb.DuckDBPyConnection, day: date) -> pa.Table:
    """Return the rows of ``cases`` that opened on a day, by opening."""
    query = "FROM cases WHERE CAST(opened_at AS DATE) = ? ORDER BY opened_at, case_id"
    return con.sql(query, params=[day]).to_arrow_table()
