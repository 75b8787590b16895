"""What the allow-list suppressed."""

from __future__ import annotations

from datetime import date

import dagster as dg
import duckdb

__all__ = ["suppressed", "suppressed_metadata"]


def suppressed(con: duckdb.DuckDBPyConnection, day: date | None = None) -> dict[str, int]:
    """Windows that raised no alert, by the entry of the allow-list that they are marked with.

    Args:
        con: Connection in which ``detections`` can be read.
        day: Only windows of this day; None for all.
    """
    rows = con.execute(
        """
        SELECT allowed_by, count(DISTINCT ("user", window_start))
        FROM detections
        WHERE allowed_by IS NOT NULL AND (CAST($day AS DATE) IS NULL OR CAST(window_start AS DATE) = $day)
        GROUP BY allowed_by
        ORDER BY allowed_by
        """,
        {"day": day},
    ).fetchall()
    return dict(rows)


def suppressed_metadata(con: duckdb.DuckDBPyConnection, day: date) -> dict[str, dg.MetadataValue]:
    """What the UI tells of :func:`suppressed` on one day; nothing where there is nothing to tell."""
    found = suppressed(con, day)
    return {"suppressed windows": dg.MetadataValue.json(found)} if found else {}
