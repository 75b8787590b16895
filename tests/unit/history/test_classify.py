"""Output of `uploadwatch classify` for each event."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import zstandard
from rich.console import Console
from typer.testing import CliRunner, Result

from cli.app import app
from history.classification import _LIMITS, outcome_table
from history.classification import classify as classified
from providers import PROVIDERS

Event = dict[str, Any]
_LISTS = {"box": ("entries",), "dropbox": ("events",), "google_workspace": ("items",), "office365": ()}


def box(number: int, operation: str = "UPLOAD", day: int = 4, **changes: Any) -> Event:
    return {
        "event_id": f"e{number}",
        "event_type": operation,
        "created_at": f"2026-03-{day:02}T12:00:00Z",
        "created_by": {"id": "71", "login": "ada@example.com"},
        "source": {"item_type": "file", "item_id": f"f{number}", "item_name": "plan.pdf"},
        "additional_details": {"size": 10},
        **changes,
    }


def dropbox(operation: str, *names: str) -> Event:
    return {
        "timestamp": "2026-03-04T12:00:00Z",
        "event_type": {".tag": operation},
        "actor": {".tag": "user", "user": {".tag": "team_member", "email": "ada@example.com"}},
        "assets": [{".tag": "file", "display_name": name, "file_size": len(name)} for name in names],
    }


def google(number: int) -> Event:
    return {
        "id": {"time": "2026-03-04T12:00:00.250Z", "uniqueQualifier": str(number), "applicationName": "drive"},
        "actor": {"email": "ada@example.com"},
        "events": [{"type": "access", "name": "upload", "parameters": [{"name": "doc_title", "value": "plan.pdf"}]}],
    }


def office365(number: int, operation: str = "FileUploaded", second: int = 0, **changes: Any) -> Event:
    return {
        "Id": f"r{number}",
        "CreationTime": f"2026-03-04T12:00:{second:02}",
        "Operation": operation,
        "UserId": "ada@example.com",
        "ListItemUniqueId": "item",
        "SourceFileName": "plan.pdf",
        **changes,
    }


def save(directory: Path, content: str | bytes, name: str = "events.json") -> Path:
    path = directory / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def classify(provider: str, files: Sequence[Path], *, organisation_domains: Sequence[str] = ()) -> list[Event]:
    """The rows of some files."""
    with classified(provider, files, organisation_domains=organisation_domains) as found:
        return list(found.rows())


def told(provider: str, *files: Path) -> list[tuple[Any, ...]]:
    rows = classify(provider, files, organisation_domains=["example.com"])
    return [(row["number"], row["outcome"], row["kind"] or row["reason"]) for row in rows]


def test_an_upload_is_told_in_full(tmp_path: Path) -> None:
    """Prevents a field from being dropped or mixed up on the way to the reader."""
    event = box(1, ip_address="203.0.113.7", additional_details={"size": 10, "service_name": "Box Drive"})
    (row,) = classify("box", [save(tmp_path, json.dumps(event))], organisation_domains=["example.com"])
    assert row == {
        "source": str(tmp_path / "events.json"),
        "line": 1,
        "number": 1,
        "outcome": "upload",
        "kind": "upload",
        "operation": "UPLOAD",
        "time": "2026-03-04T12:00:00Z",
        "user": "ada@example.com",
        "actor_class": "person",
        "ip": "203.0.113.7",
        "country": None,
        "app": "Box Drive",
        "file": "plan.pdf",
        "files": 1,
        "bytes": 10,
        "event_key": "e1",
        "reason": None,
        "detail": None,
    }


@pytest.mark.parametrize(
    ("provider", "answer"),
    [
        ("box", {"chunk_size": 2, "next_stream_position": 1 << 60, "entries": [box(1), box(2)]}),
        ("dropbox", {"events": [dropbox("file_add", "a"), dropbox("file_add", "b")], "cursor": "c", "has_more": True}),
        ("google_workspace", {"kind": "reports", "items": [google(1), google(2)]}),
        ("google_workspace", {"activities": [google(1), google(2)]}),
        ("office365", [office365(1), office365(2)]),
        ("office365", {"@odata.context": "https://example.org", "value": [office365(1), office365(2)]}),
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("wrap", [lambda text: text.encode(), lambda text: zstandard.compress(text.encode())])
def test_answers_are_unwrapped(tmp_path: Path, provider: str, answer: Any, indent: int | None, wrap: Any) -> None:
    """Prevents a saved answer, compact, indented or compressed, from being taken for one event without a name."""
    file = save(tmp_path, wrap(json.dumps(answer, indent=indent)))
    assert told(provider, file) == [(1, "upload", "upload"), (2, "upload", "upload")]


def test_bad_lines_are_rows_with_a_reason(tmp_path: Path) -> None:
    """Prevents a traceback, or a silent gap, where a line is broken, and lines told by a wrong number."""
    lines = [
        json.dumps(box(1)).encode(),
        b'{"event_id": "cut',
        b"",
        b"[]",
        b"17",
        b'{"event_type": "UPLOAD", "created_at": "soon"}',
        b"\xff\xfe",
        json.dumps({"entries": [box(2), "text", box(3, "LOGIN")]}).encode(),
        json.dumps(box(4)).replace("plan", "\\ud800").encode(),
    ]
    rows = classify("box", [save(tmp_path, b"\n".join(lines))])
    assert [(row["line"], row["outcome"], row["kind"] or row["reason"]) for row in rows] == [
        (1, "upload", "upload"),
        (2, "rejected", "not JSON"),
        (5, "rejected", "not a JSON object"),
        (6, "rejected", "time cannot be read"),
        (7, "rejected", "not JSON"),
        (8, "upload", "upload"),
        (8, "rejected", "not a JSON object"),
        (8, "activity", "sign_in"),
        (9, "upload", "upload"),
    ]


@pytest.mark.parametrize("content", [b'{\n "entries": [\n  {\n   "event_id": "e1",\n', b"\x00\xff"])
def test_a_file_that_is_no_json_is_one_reject(tmp_path: Path, content: bytes) -> None:
    """Prevents a page that was cut off from being shown as hundreds of broken events, or as a traceback."""
    assert [outcome for _, outcome, _ in told("box", save(tmp_path, content))] == ["rejected"]


def test_a_damaged_archive_is_told(tmp_path: Path) -> None:
    """Prevents a half-copied file from ending in a traceback of the decompressor, or as if it were whole."""
    ((_, outcome, reason),) = told("box", save(tmp_path, zstandard.compress(json.dumps(box(1)).encode())[:-3]))
    assert (outcome, "cut off" in reason) == ("rejected", True)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("answer", [[], {"entries": []}, {"events": []}, {"items": []}, {"value": []}])
def test_an_empty_answer_has_no_events(tmp_path: Path, provider: str, answer: Any) -> None:
    """Prevents an answer without events from being an error."""
    if isinstance(answer, dict) and next(iter(answer)) not in (*("value",), *_LISTS[provider]):
        return
    assert told(provider, save(tmp_path, json.dumps(answer))) == []


def test_events_of_any_day_are_told(tmp_path: Path) -> None:
    """Prevents the day by which the product reads from hiding the events of other days."""
    lines = "\n".join(json.dumps(box(day, day=day)) for day in (1, 9, 30))
    found = told("box", save(tmp_path, lines), save(tmp_path, json.dumps(box(5, "EDIT", 5)), "more.json"))
    assert [outcome for _, outcome, _ in found] == ["upload"] * 4


def test_what_is_counted_once_is_told_so(tmp_path: Path) -> None:
    """Prevents the reader from counting what the product leaves out: repeats, and saves beside uploads."""
    assert told("box", save(tmp_path, json.dumps([box(1), box(1), box(2)]))) == [
        (1, "upload", "upload"),
        (2, "ignored", "upload"),
        (3, "upload", "upload"),
    ]
    saved = [office365(1), office365(2, "FileModified", 2, FileSizeBytes=99)]
    upload, part = classify("office365", [save(tmp_path, json.dumps(saved))], organisation_domains=[])
    assert (upload["outcome"], upload["bytes"]) == ("upload", 99)
    assert (part["outcome"], part["reason"]) == ("ignored", "part of another upload")


def test_alike_events_without_an_id_count_in_one_file_and_not_in_two(tmp_path: Path) -> None:
    """Prevents Dropbox's events, which have no id, from being told otherwise than the product counts them."""
    answer = json.dumps({"events": [dropbox("file_add", "a"), dropbox("file_add", "a")]})
    files = save(tmp_path, answer), save(tmp_path, answer, "again.json")
    assert [outcome for _, outcome, _ in told("dropbox", files[0])] == ["upload", "upload"]
    assert sorted(outcome for _, outcome, _ in told("dropbox", *files)) == ["ignored", "ignored", "upload", "upload"]


def test_several_files_of_an_event_are_one_row(tmp_path: Path) -> None:
    """Prevents the files of one event from looking like several events, and a partly known size like a whole one."""
    unsized = dropbox("file_add", "a", "b")
    del unsized["assets"][1]["file_size"]
    rows = classify(
        "dropbox",
        [save(tmp_path, json.dumps([dropbox("file_add", "aa", "bbb"), unsized]))],
        organisation_domains=[],
    )
    assert [(row["file"], row["files"], row["bytes"]) for row in rows] == [("aa", 2, 5), ("a", 2, None)]
    console = Console(width=200, record=True)
    console.print(outcome_table(iter(rows), several=False))
    shown = console.export_text()
    assert "aa and 1 more" in shown
    assert "unknown" in shown


def test_names_from_outside_do_not_steer_the_terminal(tmp_path: Path) -> None:
    """Prevents a file name with markup or escape codes from hiding rows or forging them."""
    name = "[red]x[/red]\x1b[2J\nnext"
    event = box(1, source={"item_type": "file", "item_id": "1", "item_name": name})
    console = Console(width=200, record=True)
    console.print(outcome_table(iter(classify("box", [save(tmp_path, json.dumps(event))])), several=False))
    assert "[red]x[/red]\ufffd[2J\ufffdnext" in console.export_text()


def test_the_command_prints_json(tmp_path: Path) -> None:
    """Prevents a broken wiring of the command, and a provider's name mistyped from ending in a traceback."""
    file = save(tmp_path, json.dumps([box(1), box(2, "LOGIN")]))
    result = CliRunner().invoke(app, ["classify", "--provider", "box", "--format", "json", str(file)])
    assert [row["outcome"] for row in json.loads(result.stdout)] == ["upload", "activity"]
    mistyped = CliRunner().invoke(app, ["classify", "--provider", "boxx", str(file)])
    assert mistyped.exit_code == 2
    assert "not a provider" in mistyped.output


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["classify", *arguments])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("<!DOCTYPE html><html>", "It is a web page"),
        ("Date,User\n1,2\n", "a CSV with the columns date, user"),
        (json.dumps([office365(1)]), "give --provider office365"),
        (json.dumps({"result": {"_time": "now", "user": "ada"}}), "| table _raw"),
        (json.dumps({"_source": {"@timestamp": "now", "event": {"action": "upload"}}}), "Preserve original event"),
        (json.dumps({"event_type_s": "UPLOAD", "created_at_t": "now"}), "Log Analytics"),
        (json.dumps({"error": "invalid_grant"}), "an error that the API answered with"),
        (json.dumps(box(1))[:-9], "holds no event of Box"),
    ],
)
def test_a_file_of_which_nothing_can_be_read_is_an_error_with_advice(tmp_path: Path, content: str, said: str) -> None:
    """Prevents a command that ends well although it read nothing, and advice that does not fit what was given."""
    result = run("--provider", "box", str(save(tmp_path, content)))
    assert result.exit_code == 1
    assert said in str(result.exception)


def test_what_can_be_read_ends_well_and_the_rest_is_counted(tmp_path: Path) -> None:
    """Prevents one broken line, or a file without events beside others, from making the command fail or be silent."""
    file = save(tmp_path, json.dumps(box(1)) + "\n{broken\n")
    result = run("--provider", "box", str(file), str(save(tmp_path, "Date,User\n1,2\n", "report.csv")))
    assert result.exit_code == 0
    assert "1 upload" in result.stderr
    assert "1 rejected: not JSON" in result.stderr
    assert "report.csv is a CSV with the columns date, user" in " ".join(result.stderr.split())


def test_only_the_beginning_of_a_long_file_is_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents a table that nobody can read and that takes minutes to lay out, without a word of what is left out."""
    for module in ("history.classification", "cli.classify"):
        monkeypatch.setattr(f"{module}.SHOWN_AT_MOST", 3)
    file = save(tmp_path, "\n".join(json.dumps(box(n)) for n in range(5)))
    result = run("--provider", "box", str(file))
    assert "The first 3 of 5 events are shown" in result.stderr
    assert ("e2" in result.stdout, "e3" in result.stdout) == (True, False)
    assert len(json.loads(run("--provider", "box", "--format", "json", str(file)).stdout)) == 5


def test_more_events_than_fit_into_memory_are_an_error_with_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prevents a file that is too large from ending in an error of DuckDB's, with advice for who wrote the product."""
    monkeypatch.setitem(_LIMITS, "memory_limit", "40MB")
    padding = "x" * 3_000
    file = save(tmp_path, "\n".join(json.dumps(office365(n, Padding=f"{n} {padding}")) for n in range(20_000)))
    result = run("--provider", "office365", str(file))
    assert "smaller pieces" in str(result.exception)
