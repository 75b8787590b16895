"""Differences that the chaos bench counts as lost, doubled or withdrawn."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bench.chaos.comparison import State, differences, state_of

KEY = ("alerts", "day=2026-01-05")


def rows(*users: str) -> pa.Table:
    return pa.table({"user": list(users), "files": [1] * len(users)})


def kinds(calm: State, here: State) -> list[str]:
    return [each.kind for each in differences(calm, here)]


def message(event: str, sentence: str) -> dict:
    alert = {"alert_id": "a", "user": "ann", "first_window_start": "x", "last_window_end": "y", "files": 1, "bytes": 2}
    return {"event": event, "alert": alert | {"sentence": sentence}}


def test_a_missing_row_is_lost_and_one_too_many_doubled() -> None:
    """Prevents a table that lacks rows, or has some twice, from passing."""
    calm = State(tables={KEY: rows("ann", "ben")})
    assert kinds(calm, State(tables={KEY: rows("ann", "ben")})) == []
    assert kinds(calm, State(tables={KEY: rows("ann")})) == ["lost"]
    assert kinds(calm, State()) == ["lost"]
    assert kinds(calm, State(tables={KEY: rows("ann", "ben", "ben")})) == ["doubled"]
    assert kinds(calm, State(tables={KEY: rows("ben", "ann")})) != []


def test_raw_events_and_reviews_are_compared() -> None:
    """Prevents evidence that is gone from passing because the tables still stand."""
    calm = State(raw={("box", "day=2026-01-05"): frozenset({b"1", b"2"})}, reviews=Counter({("ann", "benign"): 1}))
    assert kinds(calm, State(raw={("box", "day=2026-01-05"): frozenset({b"1"})})) == ["lost", "lost"]


def test_what_the_receiver_was_told_is_followed(tmp_path: Path) -> None:
    """Prevents the same from being told twice, or an alert that stands from being withdrawn, without a word."""
    calm = state_of(tmp_path, {"a-1": message("case.opened", "ten files")})
    again = state_of(
        tmp_path, {"a-1": message("case.opened", "ten files"), "a-2": message("case.updated", "ten files")}
    )
    withdrawn = state_of(
        tmp_path, {**{"a-1": message("case.opened", "ten files")}, "a-2": message("alert.withdrawn", "")}
    )
    never = state_of(tmp_path, {})
    assert kinds(calm, again) == ["doubled"]
    assert differences(calm, again, resent=True) == []
    assert kinds(calm, withdrawn) == ["lost", "lost"]
    assert kinds(calm, never) == ["lost"]


def test_a_file_that_cannot_be_read_is_a_difference(tmp_path: Path) -> None:
    """Prevents a damaged file from counting as one without rows."""
    path = tmp_path / "lake" / "alerts" / "day=2026-01-05" / "part.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(rows("ann"), path)
    calm = state_of(tmp_path, {})
    path.write_bytes(b"")
    assert kinds(calm, state_of(tmp_path, {})) == ["other", "lost"]


def test_exported_uploads_are_compared(tmp_path: Path) -> None:
    """Prevents a comparison that reads a layout which no export has, and so finds every export equal."""
    part = tmp_path / "exports" / "csv" / "uploads" / "day=2026-01-05" / "part-090000.csv"
    part.parent.mkdir(parents=True)
    part.write_text("a\nb\n")
    whole = state_of(tmp_path, {})
    part.write_text("a\n")
    assert [found.kind for found in differences(whole, state_of(tmp_path, {}))] == ["lost"]
