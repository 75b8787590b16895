"""Alerts for other programs: rows of the ledger and the tables in the form of JSON."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime
from typing import Any

import duckdb

from lake.ledger import publish
from lake.store import Lake

__all__ = ["read_alerts", "read_suppressed", "shown_alerts", "suppressed", "utc"]


def utc(value: datetime | None) -> str | None:
    """Return a table's time, UTC without zone, as ISO 8601."""
    return value.replace(tzinfo=UTC).isoformat().replace("+00:00", "Z") if value else None


def _baseline(row: dict[str, Any], metric: str) -> dict[str, float | int | None]:
    windows = row[f"baseline_{metric}_windows"]
    total = row[f"baseline_{metric}_sum"]
    return {
        "windows": windows,
        "min": row[f"baseline_{metric}_min"],
        "mean": total / windows if windows and total is not None else None,
        "max": row[f"baseline_{metric}_max"],
    }


def read_alerts(lake: Lake, now: datetime) -> list[dict[str, Any]]:
    """Return all alerts, sorted by the start of their first window and user. Reading publishes them, so their ids stay.

    Args:
        lake: The lake.
        now: Present time, UTC.

    Returns:
        One dictionary per alert with the fields documented in ``docs/alerts.md``. Times are ISO 8601 in UTC, sizes
        bytes.
    """
    with duckdb.connect() as con:
        publish(con, lake, now)
        return shown_alerts(con)


def shown_alerts(con: duckdb.DuckDBPyConnection, since: datetime | None = None) -> list[dict[str, Any]]:
    """Return published alerts in the form of :func:`read_alerts`.

    Args:
        con: Connection with ``shown`` and ``largest_members``, see :func:`lake.ledger.publish`.
        since: Only alerts whose last window ended at this time or later, UTC without zone; None for all.
    """
    cursor = con.execute(
        "SELECT * FROM shown WHERE last_window_end >= coalesce(?, TIMESTAMP '0001-01-01') "
        'ORDER BY first_window_start, "user"',
        [since],
    )
    rows = _rows(cursor)
    cases = {row["case_id"]: _case(row) for row in _rows(con.execute("FROM cases"))}
    largest: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in _rows(con.execute("FROM largest_members")):
        largest[row["alert_id"]].append(
            {"by": row["largest_by"], "alert_id": row["member"], "user": row["user"]}
            | {"files": row["files"], "sized_files": row["sized_files"], "bytes": row["bytes"]}
        )
    return [
        {
            "alert_id": row["alert_id"],
            "name": row["name"],
            "severity": row["severity"],
            "user": row["user"],
            "users": row["users"],
            "providers": row["providers"],
            "cause": row["cause"],
            "largest": largest[row["alert_id"]],
            "first_window_start": utc(row["first_window_start"]),
            "period_start": utc(row["period_start"] or row["first_window_start"]),
            "last_window_end": utc(row["last_window_end"]),
            "files": row["files"],
            "sized_files": row["sized_files"],
            "bytes": row["bytes"],
            "saves": row["saves"],
            "estimated_files": row["estimated_files"],
            "estimated_bytes": row["estimated_bytes"],
            "population": row["population"],
            "scope": row["scope"],
            "score": row["score"],
            "one_in": row["one_in"],
            "baseline": {"files": _baseline(row, "files"), "bytes": _baseline(row, "bytes")},
            "sentence": row["sentence"],
            "reasons": row["reasons"],
            "revision": row["revision"],
            "review": {"verdict": row["verdict"], "by": row["reviewed_by"], "note": row["review_note"]}
            if row["verdict"]
            else None,
            "outgrown_review": {
                "verdict": row["outgrown_verdict"],
                "by": row["outgrown_by"],
                "note": row["outgrown_note"],
                "revision": row["outgrown_revision"],
            }
            if row["outgrown_verdict"]
            else None,
            "case": cases[row["case_id"]],
            "escalates": row["escalates"],
            "suppressed_count": row["suppressed_count"],
            "last_suppressed_at": utc(row["last_suppressed_at"]),
        }
        for row in rows
    ]


def _rows(cursor: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _case(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "case_id": row["case_id"],
        "state": row["state"],
        "severity": row["severity"],
        "opened_at": utc(row["opened_at"]),
        "closes_at": utc(row["closes_at"]),
        "alert_ids": row["alert_ids"],
        "escalations": row["escalations"],
        "opening_distance": row["opening_distance"],
        "largest_distance": row["largest_distance"],
        "one_in": row["one_in"],
        "files": row["files"],
        "bytes": row["bytes"],
    }


def read_suppressed(lake: Lake) -> dict[str, int]:
    """Return the windows that the allow-list suppresses, by entry."""
    with duckdb.connect() as con:
        whole = [day for day in lake.days("detections") if not lake.fault("detections", day, deep=True)]
        lake.view(con, "detections", ["detections"], whole)
        return suppressed(con)


def suppressed(con: duckdb.DuckDBPyConnection, day: date | None = None) -> dict[str, int]:
    """Return the suppressed windows, by the allow-list entry that they are marked with.

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
