"""What the allow-list suppressed, and what its expired entries no longer do."""

from __future__ import annotations

from datetime import UTC, date, timedelta

import dagster as dg
import duckdb
from dagster_duckdb import DuckDBResource

from assets.calendar import DAY
from assets.lake import Lake
from assets.refresh import days_between
from assets.resources import Clock, Detector
from detection.allow_list import AllowListError, allow
from detection.sql import into

__all__ = ["LOOKED_AT", "allow_list_check", "suppressed", "suppressed_metadata"]

LOOKED_AT = 14
"""Days before now in which the check looks for what was suppressed, and for what an expired entry no longer was."""


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


def allow_list_check() -> dg.AssetChecksDefinition:
    """The check that no expired entry of the allow-list is still needed."""

    @dg.asset_check(
        name="allow_list",
        asset="alerts",
        description=f"No detection of the last {LOOKED_AT} days is one that an entry allowed before it expired.",
    )
    def _check(lake: Lake, clock: Clock, engine: DuckDBResource, detector: Detector) -> dg.AssetCheckResult:
        today = clock.now().astimezone(UTC).date()
        days = days_between(today - timedelta(days=LOOKED_AT), today)
        try:
            entries = detector.entries()
        except AllowListError as error:
            return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.ERROR, description=str(error))
        missed = []
        with engine.get_connection() as con:
            lake.view(con, "detections", ["detections"], days)
            lake.view(con, "user_hours", ["user_hours"], [*days, today + DAY])
            counts = suppressed(con)
            con.execute(
                "CREATE OR REPLACE TEMP VIEW found AS "
                "SELECT * EXCLUDE (allowed_by) FROM detections WHERE allowed_by IS NULL"
            )
            for entry in entries:
                if entry.expires >= today:
                    continue
                allow(con, [entry], expired=True)
                into(con, "would_be", "allowed", detector.parameters.model_dump())
                [(windows,)] = con.execute(
                    'SELECT count(DISTINCT ("user", window_start)) FROM would_be WHERE allowed_by IS NOT NULL'
                ).fetchall()
                if windows:
                    missed.append(
                        f"{entry.said} expired on {entry.expires} and would have suppressed {windows} "
                        f"window{'' if windows == 1 else 's'} since: "
                        "renew or remove it"
                    )
        total = sum(counts.values())
        return dg.AssetCheckResult(
            passed=not missed,
            severity=dg.AssetCheckSeverity.WARN,
            description="; ".join(missed)
            or f"{total} windows of the last {LOOKED_AT} days suppressed by {len(counts)} entries",
            metadata={"suppressed windows": dg.MetadataValue.json(counts)},
        )

    return _check
