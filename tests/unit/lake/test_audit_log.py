"""The audit log only grows, and shows where somebody changed it."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lake.audit_log import AuditLogError, audit_log_path, broken_acts, latest_acts, read_acts, record
from lake.store import Lake
from privacy.erasure.databases import forget_database
from privacy.erasure.person import Person

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ALERT = "a" * 64


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(root=str(tmp_path / "lake"))


def _three(lake: Lake) -> None:
    for number in range(3):
        record(
            lake,
            at=NOON + timedelta(hours=number),
            by="eve",
            act="comment",
            about="c1",
            text=f"n{number}",
            alerts=[ALERT],
        )


def test_acts_are_read_latest_first_and_by_alert(lake: Lake) -> None:
    """Prevents a history of a case that lacks acts, or has those of other cases."""
    _three(lake)
    record(lake, at=NOON, by="ann", act="sign_in")
    assert [(act.number, act.text) for act in read_acts(lake, about_alerts=[ALERT])] == [
        (3, "n2"),
        (2, "n1"),
        (1, "n0"),
    ]
    assert [act.act for act in read_acts(lake, by="ann")] == ["sign_in"]
    assert latest_acts(lake, ["comment"])[ALERT].text == "n2"
    assert read_acts(Lake(root=str(Path(lake.root) / "none" / "lake"))) == []


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM acts WHERE number = 2",
        "UPDATE acts SET act = 'take'",
        "UPDATE acts SET at = '2020-01-01T00:00:00+00:00'",
    ],
)
def test_acts_cannot_be_changed(lake: Lake, change: str) -> None:
    """Prevents a statement of a later version, or of a tool, from changing what was recorded."""
    _three(lake)
    with (
        closing(sqlite3.connect(audit_log_path(lake))) as con,
        pytest.raises(sqlite3.IntegrityError, match="only grows"),
    ):
        con.execute(change)


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ("DELETE FROM acts WHERE number = 2", [3]),
        ("UPDATE acts SET act = 'take' WHERE number = 2", [2]),
        ("UPDATE acts SET content = 'x' WHERE number = 1", [1]),
        ("SELECT 1", []),
    ],
)
def test_changes_behind_the_triggers_are_found(lake: Lake, change: str, broken: list[int]) -> None:
    """Prevents an act from being removed by somebody with access to the file without a trace."""
    _three(lake)
    with closing(sqlite3.connect(audit_log_path(lake))) as con:
        con.executescript(f"DROP TRIGGER acts_stay; DROP TRIGGER acts_hold; {change};")
    assert broken_acts(audit_log_path(lake)) == broken


def test_acts_of_many_at_once_are_all_kept(lake: Lake) -> None:
    """Prevents two people who act at once from taking the same number."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: record(lake, at=NOON, by=f"p{n % 3}", act="comment", text=str(n)), range(60)))
    assert sorted(int(act.text or "") for act in read_acts(lake)) == list(range(60))
    assert broken_acts(audit_log_path(lake)) == []


def test_a_damaged_log_refuses_the_act(lake: Lake) -> None:
    """Prevents acts without a record: the error says which file, and what to do."""
    _three(lake)
    audit_log_path(lake).write_bytes(b"no database" * 1000)
    with pytest.raises(AuditLogError, match=r"audit\.db cannot be used"):
        record(lake, at=NOON, by="eve", act="take")


def test_erasure_removes_texts_and_keeps_acts(lake: Lake) -> None:
    """Prevents comments about a person from outliving their erasure, and the erasure from failing at the triggers."""
    _three(lake)
    record(
        lake, at=NOON, by="ann@example.com", act="comment", about="c2", text="asked ann@example.com", alerts=["b" * 64]
    )
    person = Person("ann@example.com", ["ann@example.com"], alert_ids=[ALERT])
    forget_database(audit_log_path(lake), person, write=True)
    acts = read_acts(lake)
    assert [act.act for act in acts] == ["comment"] * 4
    assert [act.text for act in acts[1:]] == [None] * 3
    assert "ann@example.com" not in (acts[0].text or "") + acts[0].by
    assert b"ann@example.com" not in audit_log_path(lake).read_bytes()
    assert broken_acts(audit_log_path(lake)) == []
