"""Files that an import reads: every shape of an export, and rows and files that are none."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest
import zstandard

from history.formats import EventFileError
from history.importing import import_history
from history.staging import Span
from tests.support.made_export import ANSWERS, DAYS, NOW, RECORDS, bring, kept, lake_at, landed, lines, purview, record

SHAPES: dict[str, bytes | str] = {
    "csv": purview(RECORDS),
    "csv with a mark": "\ufeff" + purview(RECORDS),
    "csv in UTF-16": purview(RECORDS).encode("utf-16"),
    "csv in UTF-16 without a mark": purview(RECORDS).encode("utf-16-le"),
    "csv by PowerShell": '#TYPE Deserialized.Record\r\n"Identity","AuditData"\r\n'
    + "".join('"x","{}"\r\n'.format(json.dumps(row).replace('"', '""')) for row in RECORDS),
    "csv saved anew with semicolons": purview(RECORDS).replace(
        "RecordId,CreationDate,RecordType,Operation,UserId,AuditData,AssociatedAdminUnits", "A;auditdata"
    )[:13]
    + "\n"
    + "".join('x;"{}"\n'.format(json.dumps(row).replace('"', '""')) for row in RECORDS),
    "csv without the last columns": "A,AuditData,B\n"
    + "".join('x,"{}"\n'.format(json.dumps(row).replace('"', '""')) for row in RECORDS),
    "csv with line breaks in it": purview(RECORDS, indent=1),
    "csv with other line breaks": purview(RECORDS, newline="\n"),
    "lines": lines(RECORDS),
    "lines, gzip": gzip.compress(lines(RECORDS)),
    "lines, zstd in frames": zstandard.compress(lines(RECORDS[:5])) + zstandard.compress(lines(RECORDS[5:])),
    "array": json.dumps(RECORDS),
    "array over lines": json.dumps(RECORDS, indent=2),
    "arrays, one a line": json.dumps(RECORDS[:7]) + "\n" + json.dumps(RECORDS[7:]),
    "answer of Graph": json.dumps({"value": [{"id": "x", "auditData": row} for row in RECORDS]}, indent=1),
    "records of PowerShell": json.dumps([{"RecordType": 6, "AuditData": json.dumps(row)} for row in RECORDS]),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_lands_the_same_events(tmp_path: Path, shape: str):
    """Prevents an export that is taken for something else by its name, its encoding or its header."""
    lake = lake_at(tmp_path)
    report = bring(lake, SHAPES[shape])
    assert report.landed == dict.fromkeys(DAYS, 4)
    assert not report.rejected
    assert sorted(landed(lake), key=lambda row: row["Id"]) == sorted(RECORDS, key=lambda row: row["Id"])


@pytest.mark.parametrize("provider", ANSWERS)
def test_answers_of_the_other_providers_land(tmp_path: Path, provider: str):
    """Prevents an import that only knows Office 365: answers and their events land alike, and once."""
    key, event = ANSWERS[provider]
    lake = lake_at(tmp_path)
    assert bring(lake, json.dumps({key: [event], "next": None}), provider=provider).landed == {DAYS[0]: 1}
    again = bring(lake, lines([event]), json.dumps([event]), provider=provider)
    assert (again.landed, again.duplicate) == ({}, 2)
    assert landed(lake, provider) == [event]


BROKEN = ['{"CreationTime": "2026-01', "", "3", '["x"]', json.dumps(record(90, CreationTime="soon"))]
WRONG = {
    "later than now": record(91, CreationTime="2026-03-01T00:00:01"),
    "before UPLOADWATCH_START_DATE": record(92, CreationTime="2025-12-31T23:59:59"),
    "time cannot be read": record(93, CreationTime="9999-12-31T00:00:00"),
    "does not tell what happened": {"event_type": "UPLOAD", "event_id": "of another provider"},
}


@pytest.mark.parametrize(
    "content",
    [
        purview([*RECORDS, *BROKEN, *WRONG.values()]),
        "\n".join(
            [*(json.dumps(row) for row in RECORDS), *BROKEN[:1], "{", *BROKEN[2:], *map(json.dumps, WRONG.values())]
        ),
    ],
    ids=["csv", "lines"],
)
def test_rows_that_are_no_event_are_kept_with_the_reason(tmp_path: Path, content: str):
    """Prevents one broken row from stopping an import, and any row from being lost in silence."""
    lake = lake_at(tmp_path)
    report = bring(lake, content)
    assert sum(report.landed.values()) == len(RECORDS)
    assert report.rejected == {
        "not JSON": 2,
        "not a JSON object": 2,
        "later than now": 1,
        "before UPLOADWATCH_START_DATE": 1,
        "time cannot be read": 2,
        "does not tell what happened": 1,
    }
    rows = kept(report)
    assert len(rows) == sum(report.rejected.values())
    for text in [BROKEN[0], *(row["CreationTime"] for row in WRONG.values() if "CreationTime" in row)]:
        assert any(text in row["row"].replace("\\", "") for row in rows)
    assert bring(lake, content).rejects == report.rejects


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("only,two\r\n", "has 2 columns in place of 7"),
        ('a,b,c,d,e,"never closed\r\n', "columns in place of 7"),
        ('a,b,c,d,e,"' + "y" * 3_000_000 + '",g\r\n', "longer than 2,000,000 characters"),
    ],
    ids=["columns", "quote", "long"],
)
def test_rows_that_break_the_csv_are_kept_and_those_around_land(tmp_path: Path, row: str, reason: str):
    """Prevents a broken row from taking the rest of the file with it, or from being swallowed by the reader."""
    header, *rest = purview(RECORDS).splitlines(keepends=True)
    report = bring(lake_at(tmp_path), "".join([header, *rest[:4], row, *rest[4:]]))
    # Of an open quote nobody can tell where it should have ended: the row after it may go with it, into the rejects.
    assert sum(report.landed.values()) >= len(RECORDS) - 1
    assert any(reason in told for told in report.rejected)
    kept_ids = {n for n in range(12) for reject in kept(report) if re.search(rf"\bid-{n}\b", reject["row"])}
    assert sum(report.landed.values()) + len(kept_ids) == len(RECORDS)


def test_names_with_half_a_character_are_mended(tmp_path: Path):
    """Prevents the loss of uploads whose file names Windows allows and JSON does not, as when they are pulled."""
    broken = '{"CreationTime":"2026-01-05T09:00:00","Id":"h","Operation":"FileUploaded","SourceFileName":"a\\ud800b"}'
    lake = lake_at(tmp_path)
    assert not bring(lake, purview([broken]), broken.replace('"h"', '"i"')).rejected
    assert {row["SourceFileName"] for row in landed(lake)} == {"a\ufffdb"}


HOSTILE = {
    "empty": (b"", "is empty", 0),
    "blank": (b"\xef\xbb\xbf \n", "is empty", 0),
    "no export": (b"Date,User\r\n1,2\r\n", "a CSV with a column of events", 0),
    "archive": (b"PK\x03\x04....", "is a zip archive that is cut off", 0),
    "cut off": (json.dumps(RECORDS).encode()[:-9], "not JSON", 11),
    "gzip cut off": (gzip.compress(lines(RECORDS))[:-12], "cut off", 11),
    "zstd cut off": (zstandard.compress(lines(RECORDS) * 3000)[:-2], "cut off", 12),
    "bomb": (zstandard.compress(bytes(30_000_000)), "200 times its size", 0),
    "deep": (b"[" * 200_000, "not JSON", 0),
}
"""Damaged exports, each with its message and the number of records that land."""


@pytest.mark.parametrize("name", HOSTILE)
def test_of_what_is_no_whole_export_lands_what_can_be_read(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch):
    """Prevents a full disk or memory, a traceback, and records lost for what is broken behind them."""
    monkeypatch.setattr("history.formats.unpacking._UNPACKED_AT_LEAST", 20_000_000)
    content, said, number = HOSTILE[name]
    lake = lake_at(tmp_path)
    report = bring(lake, lines([record(77)]), content)
    assert any(said in reason for reason in report.rejected)
    assert sum(report.landed.values()) >= 1 + number
    assert len(report.advice) == (0 if number else 1)


def test_paths_that_are_no_file_are_errors(tmp_path: Path):
    """Prevents an import that waits for ever on a pipe, or dies without saying which path was meant."""
    for path in (tmp_path, tmp_path / "missing", Path("/dev/null")):
        with pytest.raises(EventFileError, match=str(path)):
            import_history(
                lake_at(tmp_path), "office365", [path], span=Span(DAYS[0], None), now=NOW, progress=lambda _w, _s: None
            )


def test_a_csv_of_purview_is_not_read_as_another_providers(tmp_path: Path):
    """Prevents thousands of rejects where one word says what is wrong."""
    report = bring(lake_at(tmp_path), purview(RECORDS), provider="box")
    assert sum(report.rejected.values()) == 1
    assert "--provider office365" in report.advice[0]


def test_rejects_tell_the_line(tmp_path: Path):
    """Prevents a reject that nobody finds in the file."""
    found = ["{", json.dumps(record(1)), "[3]", json.dumps(record(2, CreationTime="soon"))]
    report = bring(lake_at(tmp_path), "\n".join(found))
    assert sorted((row["line"], row["reason"]) for row in kept(report)) == [
        (1, "not JSON"),
        (3, "not a JSON object"),
        (4, "time cannot be read"),
    ]
    assert {row["file"] for row in kept(report)} == {"0.txt"}
