"""Raw files of a day that another run pulls again while the day is read."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest

import assets.normalised
from connectors import Page
from detection.normalise import normalise
from lake.landing import land
from lake.manifest import Manifest
from lake.store import Lake
from tests.support.memory import connect

DAY = date(2026, 3, 2)
MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)


def event(number: int) -> dict[str, Any]:
    return {
        "event_id": f"e{number}",
        "event_type": "UPLOAD",
        "created_at": "2026-03-02T10:00:00Z",
        "created_by": {"id": "7", "login": "mia@example.com"},
        "source": {"item_type": "file", "item_id": f"f{number}", "item_name": "a.pdf"},
        "additional_details": {"size": 5},
    }


def pull(lake: Lake, events: int) -> None:
    lines = b"".join(orjson.dumps(event(n)) + b"\n" for n in range(events))
    manifest = Manifest(lake.directory("box/audit_events", DAY))
    land(manifest, MIDNIGHT, MIDNIGHT + timedelta(days=1), [Page(lines)], now=MIDNIGHT + timedelta(days=2))


def test_a_slice_that_is_pulled_again_meanwhile_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents a day from failing because an overlapping run gave its raw file another name."""
    lake = Lake(root=str(tmp_path))
    pull(lake, 1)

    def overtaken(*arguments: Any, **named: Any) -> None:
        if Manifest(lake.directory("box/audit_events", DAY)).events == 1:
            pull(lake, 2)
        normalise(*arguments, **named)

    monkeypatch.setattr(assets.normalised, "normalise", overtaken)
    with connect() as con:
        assets.normalised.read_again(con, lake, "box", DAY, [])
    assert lake.note("box/logged_uploads", DAY).rows == 2


def test_a_file_that_is_gone_for_good_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents a day from being read for ever where its file does not come back."""
    lake = Lake(root=str(tmp_path))
    pull(lake, 1)

    def lost(*arguments: Any, raw_files: list[str], **named: Any) -> None:
        Path(raw_files[0]).unlink()
        normalise(*arguments, raw_files=raw_files, **named)

    monkeypatch.setattr(assets.normalised, "normalise", lost)
    with connect() as con, pytest.raises(duckdb.IOException):
        assets.normalised.read_again(con, lake, "box", DAY, [])
