"""Generated exports of an audit log, and their import."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import zstandard

from history.importing import ImportReport, import_history
from history.staging import Span
from lake.manifest import Manifest
from lake.store import Lake

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = [date(2026, 1, day) for day in (5, 6, 7)]
HOUR = timedelta(hours=1)


def record(n: int, **more: Any) -> dict[str, Any]:
    """Return an Office 365 record of an upload; the records are spread over the days."""
    time = f"{DAYS[n % len(DAYS)]}T{8 + n % 10:02}:00:{n % 60:02}"
    named = {"SourceFileName": f"report {n}.pdf", "UserId": "ann.lee@example.com", "ItemType": "File"}
    return {"CreationTime": time, "Id": f"id-{n}", "Operation": "FileUploaded", **named, **more}


RECORDS = [record(n) for n in range(12)]


def purview(rows: Sequence[dict[str, Any] | str], *, newline: str = "\r\n", indent: int | None = None) -> str:
    """Return a CSV as Purview's audit search exports it; a row may be any text instead of a record."""
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
    """Import files with these contents."""
    folder = Path(lake.root).parent / "exports"
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, content in enumerate(contents):
        files.append(folder / f"{number}.txt")
        files[-1].write_bytes(content.encode() if isinstance(content, str) else content)
    span = Span(date(2026, 1, 1), None)
    report = import_history(lake, provider, files, span=span, now=now, progress=lambda _what, _share: None)
    assert report.read == sum(report.landed.values()) + report.duplicate + sum(report.rejected.values())
    return report


def landed(lake: Lake, provider: str = "office365") -> list[dict[str, Any]]:
    """Return the events on disk, parsed."""
    found = []
    for day in lake.landed_days(f"{provider}/audit_events"):
        for file in Manifest(lake.directory(f"{provider}/audit_events", day)).files:
            with zstandard.ZstdDecompressor().stream_reader(Path(file).open("rb"), read_across_frames=True) as reader:
                found += [json.loads(line) for line in reader.read().split(b"\n") if line]
    return found


def kept(report: ImportReport) -> list[dict[str, Any]]:
    """Return the rejected rows."""
    assert report.rejects
    return [json.loads(line) for line in report.rejects.read_text(encoding="utf-8").splitlines()]


ANSWERS: dict[str, tuple[str, dict[str, Any]]] = {
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
