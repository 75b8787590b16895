"""Report of ``verify`` on small files that heal by themselves."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lake.audit_log import audit_log_path
from lake.audit_log import record as record_act
from lake.health import read_health, record
from lake.store import Lake
from lake.verification import verify

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)


@pytest.mark.parametrize("content", [b"", b"\0" * 40, b'{"checked_at": "soon"}', b"[]"])
def test_a_damaged_health_file_is_named_and_repaired(tmp_path: Path, content: bytes) -> None:
    """Prevents a source that was removed from coming back as not configured, and nobody who knows why."""
    lake = Lake(root=str(tmp_path / "lake"))
    record(lake, "box", "pull", "refused", now=NOW)
    assert list(verify(lake)) == []
    path = tmp_path / "lake" / "box" / "health.json"
    path.write_bytes(content)
    [problem] = verify(lake)
    assert (problem.state, problem.path) == ("damaged", path)
    assert problem.repair is not None
    problem.repair()
    assert list(verify(lake)) == []
    assert read_health(lake, ["box"])["box"].troubles == {}


def test_a_changed_audit_log_is_reported(tmp_path: Path):
    """Prevents acts that somebody removed from the audit log from going unseen."""
    lake = Lake(root=str(tmp_path / "lake"))
    for act in ("take", "comment", "release"):
        record_act(lake, at=datetime(2026, 3, 1, tzinfo=UTC), by="eve", act=act)
    assert not [problem for problem in verify(lake) if problem.path.name == "audit.db"]
    with closing(sqlite3.connect(audit_log_path(lake))) as con:
        con.executescript("DROP TRIGGER acts_stay; DELETE FROM acts WHERE number = 2;")
    [problem] = [problem for problem in verify(lake) if problem.path.name == "audit.db"]
    assert "the first is number 3" in problem.cause
