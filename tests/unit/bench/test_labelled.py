"""Labelled workloads of the sandbox as the comparison of scores reads them, and the matching of alerts with them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from bench.research.labelled import Raised, judge, load
from sandbox.workload.format import SCHEMA, Label, write_workload
from tests.support.memory import connect

DAY = datetime(2026, 3, 20)
HOUR, ONE_DAY = timedelta(hours=1), timedelta(days=1)


def test_a_workload_is_read_as_after_recovery(tmp_path: Path) -> None:
    """Prevents a second delivery from counting, a gone file from having a size, and a service from being watched."""
    base = {
        **dict.fromkeys(SCHEMA.names),
        "kind": "upload",
        "time": DAY.replace(tzinfo=UTC),
        "file_name": "plan.pdf",
        "bytes": 7,
        "file_gone": False,
    }
    rows = [
        {**base, "provider": "google_workspace", "user": "Ann@example.com", "event_id": "once"},
        {**base, "provider": "google_workspace", "user": "ann@example.com", "event_id": "once"},
        {**base, "provider": "google_workspace", "user": "bob@example.com", "file_gone": True},
        {**base, "provider": "box", "user": "bob@example.com", "file_gone": True},
        {**base, "provider": "box", "user": "bob@example.com", "kind": "edit", "size_in_log": False, "file_gone": True},
        {**base, "provider": "box", "user": "AutomationUser_1@boxdevedition.com"},
        {**base, "provider": "dropbox", "user": None},
        {**base, "provider": "dropbox", "user": "ann@example.com", "kind": "download"},
    ]
    write_workload(pa.Table.from_pylist(rows, schema=SCHEMA), tmp_path / "workload.parquet")
    with connect() as con:
        load(con, tmp_path / "workload.parquet")
        hours = con.execute(
            'SELECT provider, "user", hour, files, sized_files, bytes FROM user_hours '
            "WHERE population = 'people' ORDER BY ALL"
        ).fetchall()
    assert hours == [
        ("box", "bob@example.com", DAY, 1, 0, 7),
        ("google_workspace", "ann@example.com", DAY, 1, 1, 7),
        ("google_workspace", "bob@example.com", DAY, 1, 0, None),
    ]


def label(user: str, start: datetime, hours: float, scenario: str = "bulk", **more: Any) -> Label:
    """A harmful incident that an alert is expected for."""
    named = {"malicious": True, "expected": "alert", "providers": "box", "note": "", **more}
    begin = start.replace(tzinfo=UTC)
    return Label(incident_id="", scenario=scenario, users=user, start=begin, end=begin + hours * HOUR, **named)


def test_matching_counts_an_incident_once_and_an_alert_once() -> None:
    """Prevents two alerts on one incident from finding it twice, and another user's alert from finding it at all."""
    noon = DAY + 12 * HOUR
    labels = [
        label("ann", noon, 30),
        label("bob", noon, 1),
        label("bob", noon + 2 * HOUR, 1),
        label("cat", noon, 1),
        label("dan", noon, 1, "drip", expected="miss"),
        label("eve", noon, 1, "migration", malicious=False),
    ]
    raised = [
        Raised("ann", noon, noon + HOUR),
        Raised("ann", noon + ONE_DAY, noon + ONE_DAY + HOUR),
        Raised("bob", noon, noon + 3 * HOUR),
        Raised("cat", noon - HOUR, noon),  # over before the incident began
        Raised("dan", noon, noon + HOUR),
        Raised("eve", noon, noon + HOUR),
    ]
    outcome = judge(raised, labels, 1_000)
    assert outcome.wanted == {"bulk": 4}
    assert outcome.found == {"bulk": 3}
    assert (outcome.alerts, outcome.true) == (6, 4)
    assert outcome.realised_per_1000 == 6
    assert (outcome + outcome).found == {"bulk": 6}
    assert (outcome + outcome).realised_per_1000 == 6
