"""Forty events of a provider in every form in which people save them: content, container, encoding, packing."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import zstandard

Event = dict[str, Any]
Container = Callable[[str, Sequence[Event]], str]


def events(provider: str) -> list[Event]:
    """Return uploads of one day, a second apart, with text in them that looks like the separators between events."""
    return [_EVENT[provider](n, f"2026-01-05T08:00:{n:02}") for n in range(40)]


ODD = 'plan "a}, {b" [1], c;\td €.pdf'

_EVENT: dict[str, Callable[[int, str], Event]] = {
    "box": lambda n, time: {
        "event_id": f"e{n}",
        "event_type": "UPLOAD",
        "created_at": f"{time}Z",
        "created_by": {"id": "71", "login": "ann.lee@example.com"},
        "source": {"item_type": "file", "item_id": f"f{n}", "item_name": ODD},
        "additional_details": {"size": n},
    },
    "dropbox": lambda n, time: {
        "timestamp": f"{time}Z",
        "event_type": {".tag": "file_add"},
        "actor": {".tag": "user", "user": {".tag": "team_member", "email": "ann.lee@example.com"}},
        "assets": [{".tag": "file", "file_id": f"id:{n}", "display_name": ODD, "file_size": n}],
    },
    "google_workspace": lambda n, time: {
        "id": {"time": f"{time}.000Z", "uniqueQualifier": str(n), "applicationName": "drive"},
        "actor": {"email": "ann.lee@example.com"},
        "events": [{"type": "access", "name": "upload", "parameters": [{"name": "doc_title", "value": ODD}]}],
    },
    "office365": lambda n, time: {
        "Id": f"r{n}",
        "CreationTime": time,
        "Operation": "FileUploaded",
        "UserId": "ann.lee@example.com",
        "ListItemUniqueId": f"item {n}",
        "SourceFileName": ODD,
        "ExtendedProperties": [{"Name": "a", "Value": "{}"}, {"Name": "b", "Value": "]"}],
    },
}
_LIST = {"box": "entries", "dropbox": "events", "google_workspace": "items", "office365": "value"}


def _answer(provider: str, part: Sequence[Event], indent: int | None = None) -> str:
    if provider == "office365":
        return json.dumps(part, indent=indent)
    return json.dumps({"kind": "audit", _LIST[provider]: part, "next": None}, indent=indent)


def _rows(header: Sequence[str], rows: Sequence[Sequence[str]], delimiter: str = ",", quoting: int = 0) -> str:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, quoting=quoting)  # type: ignore[arg-type]
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()


def _purview(part: Sequence[Event], delimiter: str = ",", *, old: bool = False) -> str:
    if old:
        header = ["CreationDate", "UserIds", "Operations", "AuditData"]
        rows = [[each["CreationTime"], each["UserId"], each["Operation"], json.dumps(each)] for each in part]
        return _rows(header, rows, delimiter, csv.QUOTE_ALL)
    header = ["RecordId", "CreationDate", "RecordType", "Operation", "UserId", "AuditData", "AssociatedAdminUnits"]
    rows = [
        [each["Id"], each["CreationTime"], "6", each["Operation"], each["UserId"], json.dumps(each), ""]
        for each in part
    ]
    return _rows(header, rows, delimiter)


def _elastic(provider: str, part: Sequence[Event]) -> list[Event]:
    return [
        {
            "_index": "logs",
            "_source": {
                "@timestamp": "2026-01-05T08:00:00Z",
                "event": {"action": "upload", "original": json.dumps(each)},
                provider: {"audit": each},
            },
            "fields": {"event.original": [json.dumps(each)]},
        }
        for each in part
    ]


def _splunk(part: Sequence[Event]) -> list[Event]:
    taken_apart = [{key: str(value) for key, value in each.items()} for each in part]
    return [
        {"_raw": json.dumps(each), "_time": "now", **fields} for each, fields in zip(part, taken_apart, strict=True)
    ]


CONTAINERS: dict[str, Container] = {
    "One event a line": lambda _, part: "\n".join(json.dumps(each) for each in part),
    "One event a line, a comma after each": lambda _, part: ",\r\n".join(json.dumps(each) for each in part),
    "Events one behind the other": lambda _, part: "".join(json.dumps(each) for each in part),
    "Events over many lines": lambda _, part: "\n".join(json.dumps(each, indent=4) for each in part),
    "A list of events": lambda _, part: json.dumps(part),
    "A list over many lines": lambda _, part: json.dumps(part, indent=2),
    "An answer of the provider's API": lambda provider, part: _answer(provider, part, 1),
    "Answers, one a line": lambda provider, part: f"{_answer(provider, part[:9])}\n{_answer(provider, part[9:])}\n",
    "Answers one behind the other": lambda provider, part: _answer(provider, part[:9], 2) + _answer(provider, part[9:]),
    "A list of answers": lambda provider, part: f"[{_answer(provider, part[:9])}, {_answer(provider, part[9:])}]",
    "JSON in strings, one a line": lambda _, part: "\n".join(json.dumps(json.dumps(each)) for each in part),
    "A list of JSON in strings": lambda _, part: json.dumps([json.dumps(each) for each in part], indent=1),
    "An answer in a string": lambda provider, part: json.dumps(_answer(provider, part, 1)),
    '`{"Records": […]}`': lambda _, part: json.dumps({"Records": part}),
    "Splunk: search results as JSON": lambda _, part: "\n".join(
        json.dumps({"preview": False, "offset": n, "result": row}) for n, row in enumerate(_splunk(part))
    ),
    "Splunk: results of the API": lambda _, part: json.dumps({"preview": False, "results": _splunk(part)}),
    "Splunk: export of a search": lambda _, part: "\n".join(
        json.dumps(line)
        for line in [*({"preview": False, "result": row} for row in _splunk(part)), {"preview": False, "lastrow": True}]
    ),
    "Splunk: rows of the API": lambda _, part: json.dumps(
        {
            "preview": False,
            "fields": ["_time", "_raw", "n"],
            "rows": [["now", json.dumps(e), n] for n, e in enumerate(part)],
        }
    ),
    "Splunk: CSV with `_raw`": lambda _, part: _rows(
        ["_serial", "_time", "source", "_raw"], [["0", "now", "http", json.dumps(each)] for each in part], ",", 1
    ),
    "Splunk: events of the collector": lambda _, part: "\n".join(
        json.dumps({"time": 1, "sourcetype": "audit", "event": each}) for each in part
    ),
    "Elastic: documents": lambda provider, part: "\n".join(map(json.dumps, _elastic(provider, part))),
    "Elastic: answer of a search": lambda provider, part: json.dumps(
        {"took": 1, "hits": {"total": {"value": len(part)}, "hits": _elastic(provider, part)}}, indent=1
    ),
    "Elastic: `_source` is the event": lambda _, part: json.dumps({"hits": {"hits": [{"_source": e} for e in part]}}),
    "Elastic: bulk format": lambda _, part: "\n".join(
        f'{{"{("create", "index")[n % 2]}": {{"_index": "logs", "_id": "{n}"}}}}\n{json.dumps(e)}'
        for n, e in enumerate(part)
    ),
    "Logstash: `message`": lambda _, part: "\n".join(json.dumps({"message": json.dumps(e), "tags": []}) for e in part),
    "syslog: a head before the event": lambda _, part: "\n".join(f"<14>Jan 5 gate app: {json.dumps(e)}" for e in part),
    "CSV with a column of events": lambda _, part: _rows(["when", "what"], [["now", json.dumps(e)] for e in part], ";"),
}
"""File formats that hold events, for every provider."""

OFFICE365_CONTAINERS: dict[str, Container] = {
    "Purview: CSV": lambda _, part: _purview(part),
    "Purview: CSV of the old search": lambda _, part: _purview(part, old=True),
    "Purview: CSV with semicolons": lambda _, part: _purview(part, ";"),
    "Purview: CSV with tabs": lambda _, part: _purview(part, "\t"),
    "Purview: CSV after `sep=,`": lambda _, part: "sep=,\r\n" + _purview(part),
    "Purview: CSV files one behind the other": lambda _, part: _purview(part[:9]) + "\ufeff" + _purview(part[9:]),
    "PowerShell: `Export-Csv`": lambda _, part: "#TYPE Deserialized.Record\r\n" + _purview(part, old=True),
    "PowerShell: `ConvertTo-Json`": lambda _, part: json.dumps(
        [{"RecordType": 6, "Operations": e["Operation"], "AuditData": json.dumps(e)} for e in part], indent=4
    ),
    "Windows PowerShell: `ConvertTo-Json`": lambda _, part: json.dumps(
        {"value": [{"CreationDate": "/Date(1)/", "AuditData": json.dumps(e)} for e in part], "Count": len(part)},
        indent=4,
    ),
    "Microsoft Graph: audit log query": lambda _, part: json.dumps(
        {"@odata.context": "x", "value": [{"id": e["Id"], "operation": e["Operation"], "auditData": e} for e in part]}
    ),
}
"""File formats that hold Office 365 records, in addition to :data:`CONTAINERS`."""

ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "UTF-8": str.encode,
    "UTF-8 with a mark": lambda text: text.encode("utf-8-sig"),
    "UTF-16": lambda text: b"\xff\xfe" + text.encode("utf-16-le"),
    "UTF-16, big end first": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    "UTF-16 without a mark": lambda text: text.encode("utf-16-le"),
    "UTF-16, big end first, without a mark": lambda text: text.encode("utf-16-be"),
    "UTF-32": lambda text: text.encode("utf-32"),
}


def _zipped(content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("export/", b"")
        archive.writestr("export/events.txt", content)
        archive.writestr("__MACOSX/._events.txt", b"\0\5")
        archive.writestr("export/.DS_Store", b"\0\5")
    return out.getvalue()


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "gzip in pieces": lambda content: gzip.compress(content[:999]) + gzip.compress(content[999:]),
    "zstd": zstandard.compress,
    "zstd in frames": lambda content: zstandard.compress(content[:999]) + zstandard.compress(content[999:]),
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zip": _zipped,
}


def containers(provider: str) -> dict[str, Container]:
    """Return the containers of a provider's events."""
    return CONTAINERS | (OFFICE365_CONTAINERS if provider == "office365" else {})
