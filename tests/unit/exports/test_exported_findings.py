"""Life of an alert, exported as activities of one finding."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from detection.tables import TABLES, empty
from exports.mapping import json_line, largest_uploads, map_alerts, map_uploads
from exports.ocsf_validation import check
from tests.support.memory import connect

OPENS = datetime(2026, 3, 1, 22)
HOUR = timedelta(hours=1)


def fill(con: duckdb.DuckDBPyConnection, table: str, rows: list[dict[str, Any]], columns: str = "") -> None:
    """Make a table with the lake's columns, any further ones, and these rows."""
    also = "".join(f", CAST(NULL AS {kind}) AS {name}" for name, _, kind in (c.partition(":") for c in columns.split()))
    con.execute(f"CREATE OR REPLACE TABLE {table} AS SELECT * {also} FROM ({empty(table if not also else 'alerts')})")
    if rows:
        con.register("given", pa.Table.from_pylist(rows))
        con.execute(f"INSERT INTO {table} BY NAME FROM given")
        con.unregister("given")


def revision(alert_id: str, number: int, state: str, **more: Any) -> dict[str, Any]:
    """A form in which an alert was published."""
    return {
        "alert_id": alert_id,
        "revision": number,
        "published_at": OPENS + number * 24 * HOUR,
        "state": state,
        "user": "ann@example.com",
        "first_window_start": OPENS,
        "last_window_end": OPENS + 3 * HOUR,
        **more,
    }


BESIDE = (
    "revision:BIGINT verdict:VARCHAR reviewed_by:VARCHAR review_note:VARCHAR case_id:VARCHAR outgrown_verdict:VARCHAR "
    "outgrown_revision:BIGINT"
)
"""Columns of ``shown`` beside those of alerts."""


def findings(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """The findings of the day, each valid by the schema."""
    con.execute("CREATE TABLE plain_alerts AS FROM shown")
    con.execute('CREATE TABLE IF NOT EXISTS largest_members (alert_id VARCHAR, largest_by VARCHAR, "user" VARCHAR)')
    con.execute("CREATE TABLE case_alerts AS SELECT 'a' AS alert_id, 'of ann' AS case_id")
    con.execute('CREATE VIEW person_uploads AS SELECT *, "user" AS person FROM uploads')
    largest_uploads(con, OPENS.date())
    map_uploads(con, "ocsf_uploads")
    map_alerts(con, OPENS.date())
    line = json_line(con, "detection_finding")
    con.execute(f"CREATE OR REPLACE TABLE exported AS SELECT {line} AS line FROM detection_finding")
    assert check(con, "exported", "detection_finding").faults == ()
    return [json.loads(line) for (line,) in con.execute("SELECT line FROM exported").fetchall()]


def test_a_finding_is_created_updated_reviewed_and_closed():
    """Prevents a receiver that sees a second alert in place of an update, or never hears of the end."""
    said = {
        "name": "Massive upload to SaaS service",
        "severity": "Informational",
        "sentence": "so much",
        "files": 9,
        "suppressed_count": 0,
    }
    with connect() as con:
        fill(con, "uploads", [])
        fill(
            con,
            "revisions",
            [
                revision("a", 1, "open", **said),
                revision("a", 2, "open", **said | {"severity": "Low", "files": 12, "suppressed_count": 2}),
                revision("a", 3, "withdrawn"),
                revision("b", 1, "folded", **said),
                revision("c", 1, "open", **said) | {"first_window_start": OPENS + 5 * HOUR},
            ],
        )
        ledger = {"user": "ann@example.com", "first_window_start": OPENS, "last_window_end": OPENS + 3 * HOUR}
        fill(
            con,
            "published",
            [
                {"alert_id": "a", "revision": 3, "state": "withdrawn", "reason": "allowed by ops", **ledger},
                {"alert_id": "b", "revision": 1, "state": "folded", "reason": "part of alert f", **ledger},
            ],
        )
        con.execute("ALTER TABLE published RENAME TO ledger")
        review = {"review": 1, "alert_id": "a", "verdict": "confirmed", "note": "theft", "reviewed_by": "eve"}
        fill(con, "reviews", [{**review, "reviewed_at": OPENS + 60 * HOUR}])
        fill(con, "shown", [], BESIDE)
        found = findings(con)
    told = [(f["finding_info"]["uid"], f["activity_id"], f["status_id"], f.get("status_detail")) for f in found]
    assert told == [
        ("a", 1, 1, None),
        ("a", 2, 1, None),
        ("a", 3, 4, "reviewed: confirmed"),
        ("a", 3, 4, "withdrawn: allowed by ops"),
        ("b", 1, 3, "folded: part of alert f"),
    ]
    assert [f["severity_id"] for f in found] == [1, 2, 2, 2, 1]
    assert {f["message"] for f in found} == {"so much"}
    assert found[1]["count"] == 3
    assert found[2]["comment"] == "theft"
    assert len({f["metadata"]["uid"] for f in found}) == 5
    # The folded one is in no case of its own.
    assert [f["metadata"].get("correlation_uid") for f in found] == ["of ann"] * 4 + [None]
    times = [f["finding_info"]["modified_time"] for f in found[:4]]
    assert times == sorted(times)
    assert {f["finding_info"]["created_time"] for f in found[:4]} == {times[0]}


def test_an_alert_without_history_sizes_or_reasons_is_valid():
    """Prevents a newcomer's alert that the schema refuses: no baseline, no size, no file to show."""
    with connect() as con:
        fill(con, "uploads", [])
        fill(con, "revisions", [revision("a", 1, "open", name="n", severity="Low", sentence="s", files=60)])
        fill(con, "published", [])
        con.execute("ALTER TABLE published RENAME TO ledger")
        fill(con, "reviews", [])
        fill(
            con,
            "shown",
            [
                {
                    **dict.fromkeys(column.name for column in TABLES["alerts"]),
                    "alert_id": "a",
                    "revision": 1,
                    "user": "ann@example.com",
                    "providers": ["box"],
                    "first_window_start": OPENS,
                    "last_window_end": OPENS + 3 * HOUR,
                    "peak_window_start": OPENS,
                    "peak_files": 60,
                    "baseline_files_windows": 0,
                    "baseline_bytes_windows": 0,
                }
            ],
            BESIDE,
        )
        [found] = findings(con)
    [analysis] = found["anomaly_analyses"]
    assert [anomaly["observation_parameter"] for anomaly in analysis["anomalies"]] == ["files_uploaded_3h"]
    assert analysis["baselines"] == []
    assert "bytes" not in found["unmapped"]
    assert "evidences" not in found


def test_a_finding_on_a_long_scale_names_its_days():
    """Prevents thirty days' files under the name of three hours, and the last day alone as their time."""
    with connect() as con:
        fill(con, "uploads", [])
        fill(con, "revisions", [revision("a", 1, "open", name="n", severity="Low", sentence="s", files=700)])
        fill(con, "published", [])
        con.execute("ALTER TABLE published RENAME TO ledger")
        fill(con, "reviews", [])
        day = OPENS.replace(hour=0)
        peak = {"peak_window_start": day, "peak_window_end": day + 24 * HOUR, "peak_period_start": day - 29 * 24 * HOUR}
        amounts = {"peak_files": 700, "peak_largest_files": 40, "baseline_files_windows": 3, "baseline_files_sum": 30}
        shown = {"alert_id": "a", "revision": 1, "user": "ann@example.com", "providers": ["box"], "scope": "month"}
        shown |= {"first_window_start": day, "last_window_end": day + 24 * HOUR, "period_start": day - 29 * 24 * HOUR}
        fill(con, "shown", [{**shown, **peak, **amounts}], BESIDE)
        [found] = findings(con)
        [row] = con.execute("SELECT scope, period_start FROM alert_rows").fetchall()
    [analysis] = found["anomaly_analyses"]
    values = {
        anomaly["observation_parameter"]: anomaly["observations"][0]["value"] for anomaly in analysis["anomalies"]
    }
    assert values == {"files_uploaded_30d": "700", "files_uploaded_30d_without_largest_day": "660"}
    timespan = analysis["anomalies"][0]["observations"][0]["timespan"]
    assert timespan["duration_hours"] == 30 * 24
    assert timespan["end_time"] - timespan["start_time"] == 30 * 24 * 3600 * 1000
    # What it is compared with are sums without their largest day, too.
    assert [each["observation_parameter"] for each in analysis["baselines"]] == [
        "files_uploaded_30d_without_largest_day_mean"
    ]
    assert row == ("month", day - 29 * 24 * HOUR)


def test_a_groups_finding_names_its_cause_and_its_largest_users():
    """Prevents a receiver from learning of a rollout without those of it that should be looked at."""
    with connect() as con:
        fill(con, "uploads", [])
        fill(con, "revisions", [revision("a", 1, "open", name="n", severity="Low", sentence="s", files=60)])
        fill(con, "published", [])
        con.execute("ALTER TABLE published RENAME TO ledger")
        fill(con, "reviews", [])
        shown = {
            "alert_id": "a",
            "revision": 1,
            "user": "(many users of box/Rclone)",
            "users": 9,
            "cause": "box/Rclone",
        }
        shown |= {"providers": ["box"], "first_window_start": OPENS, "last_window_end": OPENS + 3 * HOUR}
        fill(con, "shown", [shown], BESIDE)
        con.execute(
            "CREATE TABLE largest_members AS SELECT 'a' AS alert_id, "
            "unnest(['score', 'files', 'bytes']) AS largest_by, unnest(['ann', 'ben', 'ann']) AS \"user\""
        )
        [found] = findings(con)
        [row] = con.execute(
            "SELECT cause, largest_by_score, largest_by_files, largest_by_bytes FROM alert_rows"
        ).fetchall()
    said = found["unmapped"]
    assert (said["cause"], said["largest_by_score"], said["largest_by_files"]) == ("box/Rclone", "ann", "ben")
    assert row == ("box/Rclone", "ann", "ben", "ann")
