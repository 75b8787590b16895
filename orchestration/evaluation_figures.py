"""Figures of the evaluation: windows that were not evaluated, cases, and populations without monitored users."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import duckdb

from detection.allow_list import AllowListError, read
from detection.rule import RULE
from lake.source_status import Source
from lake.store import Lake
from orchestration.settings import Settings

__all__ = ["PopulationLoad", "count_cases", "count_windows", "load_by_population", "nobody_reason", "weak_entries"]

_WATCH_LIST = "watch_list"


def count_cases(con: duckdb.DuckDBPyConnection, lake: Lake) -> dict[str, int]:
    """Count the stored cases by state, those to review first."""
    lake.view(con, "cases", ["cases"], lake.days("cases"))
    rows = con.execute(
        "SELECT state, count(*) FROM cases GROUP BY state ORDER BY state = 'reviewed', state DESC"
    ).fetchall()
    return dict(rows)


def weak_entries(settings: Settings, today: date) -> list[str]:
    """Return what is wrong with the allow-list: that it can't be used, or entries that others may use."""
    try:
        entries = read(settings.allow_list) if settings.allow_list else []
    except AllowListError as error:
        return [str(error)]
    return [f"Allow-list: {entry.weakness}" for entry in entries if entry.weakness and entry.expires >= today]


def count_windows(
    con: duckdb.DuckDBPyConnection, lake: Lake, days: Sequence[date], sources: Sequence[Source], now: datetime
) -> list[dict[str, Any]]:
    """Count windows by source, state and reason; leave out those that no run could have evaluated yet."""
    lake.view(con, "evaluations", ["evaluations"], days)
    con.execute("CREATE TEMP TABLE seen (scope VARCHAR, until TIMESTAMP)")
    for source in sources:
        # A window that ended after the last run is still to be evaluated, unless runs have stopped.
        until = now if source.overdue else min(now, source.health.checked_at or now)
        con.execute("INSERT INTO seen VALUES (?, ?)", [source.provider, until.astimezone(UTC).replace(tzinfo=None)])
    cursor = con.execute(
        """
        SELECT
          e.scope,
          e.state,
          min(regexp_replace(e.reason, ' from \\d\\d:\\d\\d UTC$', ''))
            || CASE WHEN count(DISTINCT e.reason) > 1 AND min(e.reason) LIKE 'gap: %'
                 THEN concat('; other causes: ', count(DISTINCT e.reason) - 1) ELSE '' END AS reason,
          count(*) AS windows,
          min(e.window_start) AS first_window_start,
          max(e.window_start) AS last_window_start
        FROM evaluations e
        LEFT JOIN seen s ON s.scope = e.scope
        WHERE e.state <> 'not evaluated' OR e.window_start + ? * INTERVAL 1 HOUR <= coalesce(s.until, ?)
        GROUP BY e.scope, e.state, CASE WHEN e.state = 'not evaluated' THEN e.reason LIKE 'gap: %' END,
          CASE WHEN e.state = 'in activation' THEN e.reason END
        ORDER BY e.scope, first_window_start, e.state, reason
        """,
        [RULE.periods.test_window_hours, now.astimezone(UTC).replace(tzinfo=None)],
    )
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


class PopulationLoad(NamedTuple):
    """Cases of a population against its budget, over some days.

    Attributes:
        population: Its name.
        budget: Present budget, cases per 1000 monitored users and day.
        allowed: Cases that the budget allowed.
        raised: Cases that opened.
        actual: Cases per 1000 monitored users and day; None without monitored users.
        balance: Budget balance after the last day.
    """

    population: str
    budget: float
    allowed: float
    raised: int
    actual: float | None
    balance: float


def load_by_population(load: Sequence[dict[str, Any]]) -> list[PopulationLoad]:
    """Return the sums of each population, from :func:`assets.charts.load.load_of_days`."""
    found = []
    for population in dict.fromkeys(row["population"] for row in load):
        rows = [row for row in load if row["population"] == population]
        allowed, raised = sum(row["allowed"] for row in rows), sum(row["raised"] for row in rows)
        users = sum(row["watched_users"] for row in rows)
        actual = 1000 * raised / users if users else None
        found.append(PopulationLoad(population, rows[-1]["budget"], allowed, raised, actual, rows[-1]["balance"]))
    return found


def nobody_reason(population: str, until: date | None, *, has_risk_list: bool) -> str:
    """Say why a population has no monitored users."""
    if population == _WATCH_LIST and not has_risk_list:
        return "No monitored users: UPLOADWATCH_RISK_LIST names no file"
    if until:
        return f"No monitored users yet: activation ends on {until}"
    if population == _WATCH_LIST:
        return "No monitored users: nobody on the risk list uploaded"
    return "No monitored users: no such user uploaded"
