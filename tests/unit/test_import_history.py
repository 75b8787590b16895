"""What an import lands, leaves out and rejects, and what the manifest says of it afterwards."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assets.coverage import evaluations, first_days
from assets.event_files import EventFileError
from assets.history import _LIMITS, ImportReport, import_history
from assets.history_stage import Span
from assets.lake import Lake
from assets.landing import due, land
from assets.manifest import Manifest
from assets.normalised import raw_files
from connectors import Gap, Page
from detection.normalise import normalise
from tests.memory import connect

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = [date(2026, 1, day) for day in (5, 6, 7)]
HOUR = timedelta(hours=1)


def record(n: int, **more: Any) -> dict[str, Any]:
    """One of Office 365's records of an upload; a few a day, by turns."""
    time = f"{DAYS[n % len(DAYS)]}T{8 + n % 10:02}:00:{n % 60:02}"
    named = {"SourceFileName": f"report {n}.pdf", "UserId": "ann.lee@example.com", "ItemType": "File"}
    return {"CreationTime": time, "Id": f"id-{n}", "Operation": "FileUploaded", **named, **more}


RECORDS = [record(n) for n in range(12)]


def purview(rows: Sequence[dict[str, Any] | str], *, newline: str = "\r\n", indent: int | None = None) -> str:
    """A CSV as Purview's audit search exports it; a row may be any text in place of a record."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator=newline)
    writer.writerow(
        ["RecordId", "CreationDate", "RecordType", "Operation", "UserId", "AuditData", "AssociatedAdminUnits"]
    )
    for row in rows:
        data = row if isinstance(row, str) else json.dumps(row, indent=indent)
        writer.writerow(["id", "2026-01-05T08:00:00.0000000Z", "6", "FileUploaded", "ann.lee@example.com", data, ""])
    return out.getvalue()


def lines(rows: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def lake_at(path: Path) -> Lake:
    return Lake(root=str(path / "lake"))


def bring(lake: Lake, *contents: bytes | str, provider: str = "office365", now: datetime = NOW) -> ImportReport:
    """Imports files of these contents."""
    folder = Path(lake.root).parent / "exports"
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, content in enumerate(contents):
        files.append(folder / f"{number}.txt")
        files[-1].write_bytes(content.encode() if isinstance(content, str) else content)
    span = Span(date(2026, 1, 1), None)
    report = import_history(lake, provider, files, span=span, now=now, tell=lambda _what, _share: None)
    assert report.read == sum(report.landed.values()) + report.duplicate + sum(report.rejected.values())
    return report


def landed(lake: Lake, provider: str = "office365") -> list[dict[str, Any]]:
    """Events on disk, each as it can be read."""
    found = []
    for day in lake.landed_days(f"{provider}/audit_events"):
        for file in Manifest(lake.directory(f"{provider}/audit_events", day)).files:
            with zstandard.ZstdDecompressor().stream_reader(Path(file).open("rb"), read_across_frames=True) as reader:
                found += [json.loads(line) for line in reader.read().split(b"\n") if line]
    return found


def kept(report: ImportReport) -> list[dict[str, Any]]:
    """The rejected rows."""
    assert report.rejects
    return [json.loads(line) for line in report.rejects.read_text(encoding="utf-8").splitlines()]


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


ANSWERS = {
    "box": ("entries", {"event_id": "1", "event_type": "UPLOAD", "created_at": "2026-01-05T00:30:00-08:00"}),
    "dropbox": ("events", {"timestamp": "2026-01-05T08:30:00Z", "event_type": {".tag": "file_add"}}),
    "google_workspace": (
        "items",
        {
            "id": {"time": "2026-01-05T08:30:00.5Z", "uniqueQualifier": "7", "applicationName": "drive"},
            "events": [{"name": "upload"}],
        },
    ),
}


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
"""What is no whole export, what is said of it, and how many of its records land."""


@pytest.mark.parametrize("name", HOSTILE)
def test_of_what_is_no_whole_export_lands_what_can_be_read(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch):
    """Prevents a full disk or memory, a traceback, and records lost for what is broken behind them."""
    monkeypatch.setattr("assets.event_files.unpacking._UNPACKED_AT_LEAST", 20_000_000)
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
                lake_at(tmp_path), "office365", [path], span=Span(DAYS[0], None), now=NOW, tell=lambda _w, _s: None
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


def test_importing_again_changes_nothing(tmp_path: Path):
    """Prevents doubled events and days that are computed anew each time a command is repeated."""
    lake = lake_at(tmp_path)
    first = bring(lake, purview(RECORDS[:8]), lines(RECORDS[4:]))
    assert (sum(first.landed.values()), first.duplicate) == (12, 4)
    before = {path: path.read_bytes() for path in sorted(Path(lake.root).rglob("*")) if path.is_file()}
    again = bring(lake, purview(RECORDS), json.dumps(RECORDS))
    assert (again.landed, again.duplicate) == ({}, 24)
    assert {path: path.read_bytes() for path in sorted(Path(lake.root).rglob("*")) if path.is_file()} == before


def pull(lake: Lake, day: date, rows: Sequence[dict[str, Any]], *, now: datetime = NOW, hours: int = 24) -> None:
    """Lands rows as the API would give them on a day of publication."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    manifest = Manifest(lake.directory("office365/audit_events", day))
    land(manifest, start, start + hours * HOUR, [Page(lines(rows))], now=now)


def test_what_the_api_gave_is_left_out_whenever_it_was_published(tmp_path: Path):
    """Prevents a record that Office 365 published a day or two later from landing again on the day of the event."""
    lake = lake_at(tmp_path)
    pull(lake, DAYS[2], RECORDS[:6])
    report = bring(lake, purview(RECORDS))
    assert (sum(report.landed.values()), report.duplicate) == (6, 6)


def uploads(lake: Lake, provider: str = "office365") -> list[tuple[Any, ...]]:
    """Uploads and counts of what was ignored or rejected, day by day, as the product reads them."""
    found = []
    with connect() as con:
        for day in DAYS:
            normalise(
                con, provider, day=day, raw_files=raw_files(lake, provider, day), organisation_domains=["example.com"]
            )
            found += con.execute("SELECT * FROM uploads").fetchall()
            assert con.execute("SELECT count(*) FROM rejects").fetchall() == [(0,)]
    return found


def test_a_later_pull_of_imported_days_doubles_nothing_and_loses_nothing(tmp_path: Path):
    """Prevents alerts of twice the size where the API and an import overlap, in either order."""
    imported, pulled, both = lake_at(tmp_path / "a"), lake_at(tmp_path / "b"), lake_at(tmp_path / "c")
    bring(imported, purview(RECORDS))
    for lake in (pulled, both):
        if lake is both:
            bring(lake, purview(RECORDS[:7]))
        for n, day in enumerate(DAYS):
            pull(lake, day, RECORDS[n::3])
    bring(both, purview(RECORDS))
    assert len(uploads(imported)) == 12
    assert uploads(imported) == uploads(pulled) == uploads(both)


def test_events_alike_without_an_id_count_as_in_one_file(tmp_path: Path):
    """Prevents Dropbox events of one second from being taken for one, and one export read twice for two."""
    _, event = ANSWERS["dropbox"]
    lake = lake_at(tmp_path)
    assert bring(lake, lines([event]), provider="dropbox").landed == {DAYS[0]: 1}
    report = bring(lake, lines([event, event]), lines([event]), provider="dropbox")
    assert (sum(report.landed.values()), report.duplicate) == (1, 2)
    with connect() as con:
        files = raw_files(lake, "dropbox", DAYS[0])
        normalise(con, "dropbox", day=DAYS[0], raw_files=files, organisation_domains=[])
        assert con.execute("SELECT count(*) FROM uploads").fetchall() == [(2,)]
    assert bring(lake, lines([event, event]), provider="dropbox").landed == {}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> object:
    """The uploads of one import of all records."""
    lake = lake_at(tmp_path_factory.mktemp("whole"))
    bring(lake, purview(RECORDS))
    return uploads(lake)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pieces=st.lists(st.lists(st.integers(0, 11), max_size=12), max_size=3),
    order=st.randoms(use_true_random=False),
    shape=st.lists(st.sampled_from(["csv", "lines", "array"]), min_size=4, max_size=4),
    at_once=st.booleans(),
)
def test_pieces_in_any_order_and_with_repeats_land_the_same_uploads(
    tmp_path_factory: pytest.TempPathFactory,
    whole: object,
    pieces: list[list[int]],
    order: Any,
    shape: list[str],
    at_once: bool,
):
    """Prevents a result that depends on how an export was cut (Purview gives 50,000 rows at most) or on repeats."""
    write: dict[str, Callable[[list[dict[str, Any]]], bytes | str]] = {
        "csv": purview,
        "lines": lines,
        "array": json.dumps,
    }
    missing = [n for n in range(12) if not any(n in piece for piece in pieces)]
    cut = [*pieces, missing]
    order.shuffle(cut)
    texts = [write[how]([RECORDS[n] for n in piece]) for how, piece in zip(shape, cut, strict=False) if piece]
    lake = lake_at(tmp_path_factory.mktemp("pieces"))
    for group in [texts] if at_once else [[text] for text in texts]:
        bring(lake, *group)
    assert uploads(lake) == whole


def asked(lake: Lake, day: date, *, now: datetime = NOW) -> list[tuple[datetime, datetime]]:
    """What a run would ask Office 365 for."""
    manifest = Manifest(lake.directory("office365/audit_events", day))
    return due(manifest, day, now=now, lateness=24 * HOUR, retention=timedelta(days=7), again=None)


def test_imported_days_are_seen_from_the_first_on_and_not_asked_for_once_they_are_gone(tmp_path: Path):
    """Prevents a gap in the place of what was imported, and activation that begins with the first pull."""
    lake = lake_at(tmp_path)
    # A backfill found nothing any more, and said so.
    start = datetime(2026, 1, 6, tzinfo=UTC)
    manifest = Manifest(lake.directory("office365/audit_events", DAYS[1]))
    land(manifest, start, start + 24 * HOUR, [Gap(start, start + 24 * HOUR, "kept for 7 days")], now=NOW)
    assert manifest.gaps
    bring(lake, purview(RECORDS))
    assert first_days(lake, ["office365"]) == {"office365": DAYS[0]}
    assert Manifest(manifest.directory).gaps == []
    assert asked(lake, DAYS[1]) == []
    # The export began at eight on the first day and ended on the last: before and after that nobody knows.
    assert [first.hour for first, _ in asked(lake, DAYS[0])] == list(range(8))
    assert asked(lake, DAYS[0])[-1][1] == datetime(2026, 1, 5, 8, tzinfo=UTC)
    states = evaluations(lake, ["office365"], {"office365": DAYS[0]}, DAYS[1], timedelta())
    assert {(state, reason) for _, _, state, reason in states} == {("evaluated", None)}


def test_what_the_api_still_keeps_is_pulled_over_an_import(tmp_path: Path):
    """Prevents an export's last hours, which lack what was published later, from standing in for the API's."""
    lake = lake_at(tmp_path)
    now = datetime(2026, 1, 8, 9, tzinfo=UTC)
    bring(lake, purview(RECORDS), now=now)
    assert asked(lake, DAYS[1], now=now) == [(datetime(2026, 1, 6, tzinfo=UTC), datetime(2026, 1, 7, tzinfo=UTC))]


def test_two_that_note_in_one_manifest_keep_what_the_other_noted(tmp_path: Path):
    """Prevents an import beside a tick from making the slices of the tick unknown, or the other way round."""
    lake = lake_at(tmp_path)
    tick = Manifest(lake.directory("office365/audit_events", DAYS[0]))
    bring(lake, purview(RECORDS))
    start = datetime(2026, 1, 5, tzinfo=UTC)
    land(tick, start, start + HOUR, [Page(lines([record(50)]))], now=NOW)
    assert Manifest(tick.directory).events == tick.events == 5


def test_an_export_is_never_held_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Prevents an import of a few hundred thousand records from running out of memory in a join that holds them all."""
    monkeypatch.setitem(_LIMITS, "memory_limit", "350MB")
    monkeypatch.setitem(_LIMITS, "partitioned_write_flush_threshold", 256)
    monkeypatch.setitem(_LIMITS, "max_temp_directory_size", "1MB")
    report = bring(lake_at(tmp_path), lines([record(n, Padding="x" * 3_000) for n in range(60_000)]))
    assert sum(report.landed.values()) == 60_000
