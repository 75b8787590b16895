"""Counts that normalising makes for the checks: hours, operations, and the fields of a sample."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import zstandard

from detection.normalise import normalise
from detection.normalise.sampling import SAMPLE, create_sample, read_fields
from providers import PROVIDERS
from tests.support.memory import connect

DAY = date(2026, 3, 4)


def event(number: int, hour: int, operation: str = "UPLOAD", **more: Any) -> bytes:
    return json.dumps(
        {
            "event_id": f"e{number}",
            "event_type": operation,
            "created_at": f"{DAY}T{hour:02}:10:00Z",
            "created_by": {"id": "71", "login": "ada@example.com"},
            "source": {"item_type": "file", "item_id": "501", "item_name": "a.pdf"},
            **more,
        }
    ).encode()


def land(path: Path, lines: Sequence[bytes]) -> str:
    path.write_bytes(zstandard.ZstdCompressor().compress(b"\n".join([*lines, b""])))
    return str(path)


def counted(*files: str) -> dict[str, dict[str, tuple[int, bool]]]:
    with connect() as con:
        normalise(con, "box", day=DAY, raw_files=files, organisation_domains=())
        found: dict[str, dict[str, tuple[int, bool]]] = {}
        for kind, name, events, known in con.sql("FROM counts").fetchall():
            found.setdefault(kind, {})[name] = (events, known)
        return found


def test_users_by_hour_and_operations_are_counted(tmp_path):
    """Prevents checks of freshness, volume and format that look at figures of something else."""
    other = event(6, 9, created_by={"id": "72", "login": "bob@example.com"})
    lines = [
        event(1, 9),
        event(2, 9),
        event(2, 9),
        other,
        event(3, 14),
        event(4, 14, "LOGIN"),
        event(5, 15, "GROUP_EDIT"),
        event(7, 15, "PREVIEW"),
        event(8, 15, "FILE_ADD"),
    ]
    found = counted(land(tmp_path / "a", lines))
    assert found["uploads"] == {f"{DAY} 09:00:00": (2, True), f"{DAY} 14:00:00": (1, True)}
    assert found["activity"] == {f"{DAY} 14:00:00": (1, True)}
    assert found["operation"] == {"UPLOAD": (4, True), "LOGIN": (1, True), "GROUP_EDIT": (1, False)} | {
        "PREVIEW": (1, True),
        "FILE_ADD": (1, False),
    }
    assert found["perhaps_upload"] == {"FILE_ADD": (1, False)}


def test_fields_are_counted_with_those_that_the_rules_read_marked(tmp_path):
    """Prevents a renamed field from going unnoticed, and one that rules read from being taken for unknown."""
    found = counted(land(tmp_path / "a", [event(1, 9), event(2, 9, source={"item_type": "file", "etag": [1, 2]})]))
    assert found["sample"] == {"events": (2, True)}
    assert found["field"]["event_id"] == (2, True)
    assert found["field"]["source.item_id"] == (1, True)
    assert found["field"]["source.etag"] == (1, False)
    assert "source" not in found["field"]


def test_an_event_that_was_delivered_twice_counts_once(tmp_path):
    """Prevents a provider that refuses a page cursor, and so delivers again, from changing what a day's format is."""
    lines = [event(1, 9), event(2, 9, "LOGIN"), event(3, 9)]
    assert counted(land(tmp_path / "a", lines), land(tmp_path / "b", [*lines[1:], *lines])) == counted(
        land(tmp_path / "c", lines)
    )


def test_broken_lines_do_not_stop_it(tmp_path):
    """Prevents one hostile line, or a day without events, from failing a run."""
    lines = [b"{", b"7", b'"text"', b"\xff\xfe", b'{"a": "\\ud800"}', event(1, 9), b"{" * 5000]
    found = counted(land(tmp_path / "a", lines))
    assert found["sample"]["events"][0] in {1, 2}
    assert counted() == {"sample": {"events": (0, True)}}


def test_the_sample_has_a_bound_and_looks_at_the_newest_files(tmp_path):
    """Prevents a day of a million events from being parsed twice, and a change at noon from being missed."""
    files = [land(tmp_path / f"{n:02}", [b'{"f%d": %d}' % (n, each) for each in range(500)]) for n in range(40)]
    with connect() as con:
        create_sample(con, files)
        [(events,)] = con.sql("FROM sample_size").fetchall()
        names = {name for (name,) in con.sql("SELECT name FROM sampled_fields").fetchall()}
    assert SAMPLE <= events <= 1.1 * SAMPLE
    assert names == {f"f{n}" for n in range(16, 40)}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_fields_are_named_alike_by_the_rules_and_by_the_sample(tmp_path, provider):
    """Prevents a field that is read from being told as gone for its name alone."""
    read = read_fields(PROVIDERS[provider].layout)
    whole: dict[str, Any] = {}
    for path in PROVIDERS[provider].layout.columns.values():
        at = whole
        *way, leaf = path.split("/")
        for key in way:
            at = at.setdefault(key, {})
        at[leaf] = "x"
    with connect() as con:
        create_sample(con, [land(tmp_path / "a", [json.dumps(whole).encode()])])
        names = {name for (name,) in con.sql("SELECT name FROM sampled_fields").fetchall()}
    assert len(names) == len(PROVIDERS[provider].layout.columns)
    assert names <= set(read)


def test_names_in_a_list_of_parameters_are_fields(tmp_path):
    """Prevents the fields of Google's events, which are names in a list, from all looking alike."""
    line = json.dumps({"events": [{"name": "edit", "parameters": [{"name": "doc_id", "value": "1"}]}]}).encode()
    with connect() as con:
        create_sample(con, [land(tmp_path / "a", [line])])
        names = {name for (name,) in con.sql("SELECT name FROM sampled_fields").fetchall()}
    assert "events.parameters.doc_id" in names
