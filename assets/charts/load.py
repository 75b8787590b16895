"""The load of alerts: what the budget allowed and what was raised, day by day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import duckdb

from lake.store import Lake

__all__ = ["load_of_days"]


def load_of_days(con: duckdb.DuckDBPyConnection, lake: Lake, days: Sequence[date]) -> list[dict[str, Any]]:
    """Return each day's load, by population and day.

    The next day's thresholds hold a day's balance and its number of monitored users. So the last day has no figures
    yet; it shows the budget without monitored users until then.

    Args:
        con: Connection to make views in.
        lake: Where thresholds and alerts are.
        days: Days wanted, ascending.

    Returns:
        A dictionary with population, day, budget, watched_users, allowed, raised (cases that opened on the day, as
        charged; a group counts once) and balance (the budget balance after the day).
    """
    lake.view(con, "settled", ["thresholds"], [day + timedelta(days=1) for day in days], dated=True)
    cursor = con.execute(
        """
        SELECT population, day - INTERVAL 1 DAY AS day, budget, watched_users, allowed, opened AS raised, balance
        FROM settled
        WHERE metric = 'files'
        ORDER BY population, day
        """
    )
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, (*row[:1], row[1].date(), *row[2:]), strict=True)) for row in cursor.fetchall()]
