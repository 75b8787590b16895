"""Measures normalisation beside other ways to read the same audit events.

Four ways to get a million events from compressed NDJSON into a table, side by side and in turn, so that what else
the machine does weighs on all of them alike: ``normalise``; orjson into pandas; ``pd.json_normalize``; and DuckDB's
typed scan, which does nothing but parse and store, as the limit. Ratios are what counts: seconds depend on the
machine.

Run: ``python -m bench.normalise [--events N] [--provider P] [--repeat R] [--json]``
"""

from __future__ import annotations

import argparse
import io
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import orjson
import pandas as pd
import zstandard

from detection.normalise import PROVIDERS, normalise

DAY = date(2026, 1, 5)
SLICES = 24
NORMALIZE_SAMPLE = 50_000
_PACIFIC = timezone(timedelta(hours=-8))

_SCANS = {
    "box": {
        "type": "VARCHAR",
        "event_id": "VARCHAR",
        "event_type": "VARCHAR",
        "created_at": "VARCHAR",
        "ip_address": "VARCHAR",
        "session_id": "VARCHAR",
        "created_by": "STRUCT(type VARCHAR, id VARCHAR, name VARCHAR, login VARCHAR)",
        "action_by": "STRUCT(type VARCHAR, id VARCHAR, name VARCHAR, login VARCHAR)",
        "source": "STRUCT(item_type VARCHAR, item_id VARCHAR, item_name VARCHAR, "
        "parent STRUCT(type VARCHAR, id VARCHAR, name VARCHAR), "
        "owned_by STRUCT(type VARCHAR, id VARCHAR, name VARCHAR, login VARCHAR))",
        "additional_details": "STRUCT(size BIGINT, ekm_id VARCHAR, version_id VARCHAR, service_id VARCHAR, "
        "service_name VARCHAR)",
    },
    "dropbox": {
        "timestamp": "VARCHAR",
        "event_category": 'STRUCT(".tag" VARCHAR)',
        "actor": 'STRUCT(".tag" VARCHAR, "user" STRUCT(".tag" VARCHAR, account_id VARCHAR, email VARCHAR, '
        "display_name VARCHAR, team_member_id VARCHAR))",
        "origin": "STRUCT(geo_location STRUCT(ip_address VARCHAR, country VARCHAR), "
        'access_method STRUCT(".tag" VARCHAR, end_user STRUCT(".tag" VARCHAR, session_id VARCHAR)))',
        "involve_non_team_member": "BOOLEAN",
        "context": 'STRUCT(".tag" VARCHAR, account_id VARCHAR, email VARCHAR, display_name VARCHAR, '
        "team_member_id VARCHAR)",
        "participants": "VARCHAR[]",
        "assets": 'STRUCT(".tag" VARCHAR, file_id VARCHAR, display_name VARCHAR, file_size BIGINT, '
        "path STRUCT(contextual VARCHAR, namespace_relative STRUCT(ns_id VARCHAR, relative_path VARCHAR)))[]",
        "event_type": 'STRUCT(".tag" VARCHAR, description VARCHAR)',
        "details": 'STRUCT(".tag" VARCHAR)',
    },
    "google_workspace": {
        "kind": "VARCHAR",
        "id": 'STRUCT("time" VARCHAR, uniqueQualifier VARCHAR, applicationName VARCHAR, customerId VARCHAR)',
        "actor": "STRUCT(email VARCHAR, profileId VARCHAR, callerType VARCHAR)",
        "ipAddress": "VARCHAR",
        "networkInfo": "STRUCT(regionCode VARCHAR)",
        "events": "STRUCT(type VARCHAR, name VARCHAR, parameters STRUCT(name VARCHAR, value VARCHAR, "
        "boolValue BOOLEAN, multiValue VARCHAR[])[])[]",
    },
    "office365": {
        "Id": "VARCHAR",
        "CreationTime": "VARCHAR",
        "Operation": "VARCHAR",
        "RecordType": "BIGINT",
        "Workload": "VARCHAR",
        "OrganizationId": "VARCHAR",
        "UserId": "VARCHAR",
        "UserKey": "VARCHAR",
        "UserType": "BIGINT",
        "ClientIP": "VARCHAR",
        "UserAgent": "VARCHAR",
        "ItemType": "VARCHAR",
        "ListItemUniqueId": "VARCHAR",
        "ListId": "VARCHAR",
        "Site": "VARCHAR",
        "WebId": "VARCHAR",
        "SiteUrl": "VARCHAR",
        "SourceRelativeUrl": "VARCHAR",
        "SourceFileName": "VARCHAR",
        "SourceFileExtension": "VARCHAR",
        "ObjectId": "VARCHAR",
        "FileSizeBytes": "BIGINT",
    },
}


def _text(draw: random.Random, length: int) -> str:
    return f"{draw.getrandbits(length * 4):0{length}x}"


def _box(draw: random.Random, moment: datetime) -> dict[str, Any]:
    number = draw.randrange(2000)
    user = {
        "type": "user",
        "id": str(10_000_000 + number),
        "name": f"User Number {number}",
        "login": f"user{number}@example.com",
    }
    return {
        "source": {
            "item_type": "file",
            "item_id": str(700_000_000_000 + draw.randrange(10**9)),
            "item_name": f"Quarterly report {draw.randrange(10**6)}.xlsx",
            "parent": {"type": "folder", "name": f"Folder {draw.randrange(1000)}", "id": _text(draw, 11)},
            "owned_by": user,
        },
        "created_by": user,
        "action_by": None,
        "created_at": moment.astimezone(_PACIFIC).isoformat(timespec="seconds"),
        "event_id": _text(draw, 32),
        "event_type": draw.choice(("UPLOAD",) * 3 + ("EDIT",) * 2 + ("COPY", "DOWNLOAD", "ITEM_OPEN")),
        "ip_address": f"198.51.{number % 100}.{draw.randrange(256)}",
        "type": "event",
        "session_id": None,
        "additional_details": {
            "size": draw.randrange(10**7),
            "ekm_id": _text(draw, 32),
            "version_id": str(draw.randrange(10**12)),
            "service_id": "254429",
            "service_name": "Box Drive",
        },
    }


def _dropbox(draw: random.Random, moment: datetime) -> dict[str, Any]:
    number = draw.randrange(2000)
    member = {
        ".tag": "team_member",
        "account_id": f"dbid:{number:035d}",
        "email": f"user{number}@example.com",
        "display_name": f"User Number {number}",
        "team_member_id": f"dbmid:{number:034d}",
    }
    name = f"Quarterly report {draw.randrange(10**6)}.xlsx"
    tag = draw.choice(("file_add", "file_add", "file_add", "file_edit", "file_download", "file_preview"))
    path = f"/Folder {draw.randrange(1000)}/{name}"
    return {
        "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "event_category": {".tag": "file_operations"},
        "actor": {".tag": "user", "user": member},
        "origin": {
            "geo_location": {"ip_address": f"198.51.{number % 100}.{draw.randrange(256)}", "country": "US"},
            "access_method": {".tag": "end_user", "end_user": {".tag": "desktop", "session_id": "dbdsid:1"}},
        },
        "involve_non_team_member": False,
        "context": member,
        "participants": [],
        "assets": [
            {
                ".tag": "file",
                "path": {"contextual": path, "namespace_relative": {"ns_id": "1", "relative_path": path}},
                "display_name": name,
                "file_id": f"id:{_text(draw, 22)}",
                "file_size": draw.randrange(10**7),
            }
        ],
        "event_type": {".tag": tag, "description": tag.replace("_", " ")},
        "details": {".tag": f"{tag}_details"},
    }


def _google_workspace(draw: random.Random, moment: datetime) -> dict[str, Any]:
    number = draw.randrange(2000)
    email = f"user{number}@example.com"
    about = [
        {"name": "owner", "value": email},
        {"name": "doc_id", "value": _text(draw, 28)},
        {"name": "doc_type", "value": "pdf"},
        {"name": "doc_title", "value": f"Quarterly report {draw.randrange(10**6)}.pdf"},
        {"name": "visibility", "value": "private"},
    ]
    first = draw.choice(("upload", "upload", "upload", "edit", "download", "view"))
    names = (first, "edit", "add_to_folder") if first == "upload" else (first,)
    return {
        "kind": "admin#reports#activity",
        "id": {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "uniqueQualifier": str(draw.getrandbits(62)),
            "applicationName": "drive",
            "customerId": "C01",
        },
        "actor": {"email": email, "profileId": str(10**20 + number)},
        "ipAddress": f"198.51.{number % 100}.{draw.randrange(256)}",
        "networkInfo": {"regionCode": "US"},
        "events": [
            {
                "type": "access",
                "name": name,
                "parameters": [{"name": "primary_event", "boolValue": n == 0}, *about],
            }
            for n, name in enumerate(names)
        ],
    }


def _office365(draw: random.Random, moment: datetime) -> dict[str, Any]:
    number = draw.randrange(2000)
    name = f"Quarterly report {draw.randrange(10**6)}.xlsx"
    site = f"https://example-my.sharepoint.com/personal/user{number}_example_com/"
    return {
        "CreationTime": moment.strftime("%Y-%m-%dT%H:%M:%S"),
        "Id": _text(draw, 32),
        "Operation": draw.choice(("FileUploaded",) * 3 + ("FileModified", "FileDownloaded", "FileAccessed")),
        "OrganizationId": "6d1b6c1e-0000-0000-0000-000000000000",
        "RecordType": 6,
        "UserKey": f"i:0h.f|membership|{number:016x}@live.com",
        "UserType": 0,
        "Workload": "OneDrive",
        "ClientIP": f"198.51.{number % 100}.{draw.randrange(256)}",
        "UserId": f"user{number}@example.com",
        "UserAgent": "Microsoft SkyDriveSync 24.1",
        "ItemType": "File",
        "ListId": _text(draw, 32),
        "ListItemUniqueId": _text(draw, 32),
        "Site": _text(draw, 32),
        "WebId": _text(draw, 32),
        "SiteUrl": site,
        "SourceRelativeUrl": "Documents/Reports",
        "SourceFileName": name,
        "SourceFileExtension": "xlsx",
        "ObjectId": f"{site}Documents/Reports/{name}",
        "FileSizeBytes": draw.randrange(10**7),
    }


_EVENTS: dict[str, Callable[[random.Random, datetime], dict[str, Any]]] = {
    "box": _box,
    "dropbox": _dropbox,
    "google_workspace": _google_workspace,
    "office365": _office365,
}


def write_events(directory: Path, provider: str, events: int) -> list[str]:
    """Writes a day of events, one compressed file an hour, the same for the same arguments; gives the paths."""
    draw = random.Random(20260105)
    start = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
    files = []
    for hour in range(SLICES):
        path = directory / f"day={DAY}" / f"{hour:02d}00.ndjson.zst"
        path.parent.mkdir(parents=True, exist_ok=True)
        with zstandard.ZstdCompressor(level=3).stream_writer(path.open("wb")) as out:
            for _ in range(events * (hour + 1) // SLICES - events * hour // SLICES):
                moment = start + timedelta(hours=hour, seconds=draw.randrange(3600))
                out.write(orjson.dumps(_EVENTS[provider](draw, moment)) + b"\n")
        files.append(str(path))
    return files


def _lines(files: Sequence[str]) -> Iterator[bytes]:
    for file in files:
        with Path(file).open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as reader:
            yield from io.BufferedReader(reader, 1 << 20)


def ours(provider: str, files: Sequence[str]) -> int:
    """Events into uploads, activity, rejects and counts."""
    with duckdb.connect() as con:
        normalise(con, provider, day=DAY, raw_files=files, size_files=[], organisation_domains=["example.com"])
        return int(con.execute("SELECT count(*) FROM uploads").fetchall()[0][0])


def scan(provider: str, files: Sequence[str]) -> int:
    """DuckDB's typed scan into a table."""
    with duckdb.connect() as con:
        con.read_json(list(files), columns=_SCANS[provider], format="newline_delimited").create("events")
        return int(con.execute("SELECT count(*) FROM events").fetchall()[0][0])


_KINDS = {
    "UPLOAD": "upload",
    "EDIT": "edit",
    "DOWNLOAD": "download",
    "DELETE": "delete",
    "LOGIN": "sign_in",
    "FAILED_LOGIN": "sign_in_failed",
}
_COLUMNS = (
    *("event_key", "time", "user_id", "user", "kind", "operation", "file_id", "version", "file_name", "folder"),
    *("owner", "bytes", "app", "ip"),
)


def _part(whole: dict[str, Any], key: str) -> dict[str, Any]:
    value = whole.get(key)
    return value if isinstance(value, dict) else {}


def with_orjson(files: Sequence[str]) -> int:
    """Box events by orjson, one after the other, into a DataFrame of the same uploads and activity."""
    rows = []
    for line in _lines(files):
        event = orjson.loads(line)
        operation = event.get("event_type")
        kind = _KINDS.get(operation)
        source, details = _part(event, "source"), _part(event, "additional_details")
        if kind is None or (kind in ("upload", "edit") and source.get("item_type") != "file"):
            continue
        actor = _part(event, "created_by")
        rows.append(
            (
                event.get("event_id"),
                event.get("created_at"),
                actor.get("id"),
                actor.get("login"),
                kind,
                operation,
                source.get("item_id"),
                details.get("version_id"),
                source.get("item_name"),
                _part(source, "parent").get("name"),
                _part(source, "owned_by").get("login"),
                details.get("size"),
                details.get("service_name"),
                event.get("ip_address"),
            )
        )
    return _finish(pd.DataFrame(rows, columns=list(_COLUMNS)))


def with_json_normalize(files: Sequence[str], events: int) -> int:
    """Box events by ``json`` and ``pd.json_normalize``, the first so many."""
    objects = [json.loads(line) for line, _ in zip(_lines(files), range(events), strict=False)]
    table = pd.json_normalize(objects).rename(
        columns={
            "event_id": "event_key",
            "created_at": "time",
            "created_by.login": "user",
            "event_type": "operation",
            "source.item_name": "file_name",
            "additional_details.size": "bytes",
            "ip_address": "ip",
        }
    )
    table["kind"] = table["operation"].map(_KINDS)
    return _finish(table[table["kind"].notna()].copy())


def _finish(table: pd.DataFrame) -> int:
    """What the rules ask of every event: time, user and class, extension, size, address; each once and in order."""
    table["time"] = pd.to_datetime(table["time"], utc=True, format="ISO8601", errors="coerce")
    table["user"] = table["user"].str.lower()
    domain = table["user"].str.split("@").str[-1]
    table["actor_class"] = np.where(domain.isin(["example.com"]), "person", "guest")
    table.loc[domain == "boxdevedition.com", "actor_class"] = "service"
    table["extension"] = table["file_name"].str.extract(r"\.(\w{1,16})$", expand=False).str.lower()
    table["bytes"] = pd.to_numeric(table["bytes"], errors="coerce").astype("Int64")
    table["ip"] = table["ip"].where(table["ip"].str.fullmatch(r"\d{1,3}(\.\d{1,3}){3}"))
    start = pd.Timestamp(DAY, tz="UTC")
    table = table[(table["time"] >= start) & (table["time"] < start + pd.Timedelta(days=1))]
    table = table.drop_duplicates("event_key").sort_values(["user", "time", "event_key"])
    return int(table["kind"].isin(["upload", "edit"]).sum())


def measure(provider: str, events: int, repeat: int) -> dict[str, Any]:
    """Runs every way ``repeat`` times in turn.

    Returns:
        Median seconds of each way (None where it does not apply), the events and uploads, and the two ratios.
    """
    with tempfile.TemporaryDirectory() as directory:
        files = write_events(Path(directory), provider, events)
        sample = min(events, NORMALIZE_SAMPLE)
        ways: dict[str, Callable[[], int]] = {
            "normalise": lambda: ours(provider, files),
            "scan": lambda: scan(provider, files),
        }
        if provider == "box":
            ways["orjson_pandas"] = lambda: with_orjson(files)
            ways["json_normalize"] = lambda: with_json_normalize(files, sample)
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        uploads = 0
        for _ in range(repeat):
            for way, run in ways.items():
                began = time.perf_counter()
                found = run()
                seconds[way].append(time.perf_counter() - began)
                if way == "normalise":
                    uploads = found
                elif way == "orjson_pandas" and found != uploads:
                    raise RuntimeError(f"{found} uploads by orjson, {uploads} by normalise")
        size = sum(Path(file).stat().st_size for file in files)
    median = {way: statistics.median(values) for way, values in seconds.items()}
    if "json_normalize" in median:
        median["json_normalize"] *= events / sample
    result: dict[str, Any] = {
        "provider": provider,
        "events": events,
        "uploads": uploads,
        "compressed_bytes": size,
        "repeat": repeat,
        "json_normalize_scaled_from": sample if sample < events else None,
        "seconds": {way: round(value, 3) for way, value in median.items()},
        "slowdown_over_scan": round(median["normalise"] / median["scan"], 2),
    }
    for way in ("orjson_pandas", "json_normalize"):
        if way in median:
            result[f"speedup_over_{way}"] = round(median[way] / median["normalise"], 2)
    return result


def main() -> None:
    """Reads the command line, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--provider", choices=PROVIDERS, default="box")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    result = measure(options.provider, options.events, options.repeat)
    if options.json:
        print(json.dumps(result))
        return
    print(
        f"{result['events']:,} {result['provider']} events, {result['uploads']:,} uploads, median of {options.repeat}"
    )
    for way, seconds in result["seconds"].items():
        ratio = seconds / result["seconds"]["normalise"]
        scaled = result["json_normalize_scaled_from"] if way == "json_normalize" else None
        note = f"   scaled from {scaled:,} events" if scaled else ""
        print(f"{way:16} {result['events'] / seconds:12,.0f} events/s {seconds:8.2f} s {ratio:8.2f} x{note}")


if __name__ == "__main__":
    main()
