"""Benchmark of normalisation against other ways to read the same audit events.

Four ways to get a million events from compressed NDJSON into a table, in turn and each in its own process, so that
other load on the machine affects all of them equally: ``normalise``; orjson into pandas; ``pd.json_normalize``;
and DuckDB's typed scan, which does nothing but parse and store, as the limit. Ratios are what counts: seconds depend
on the machine.

Run: ``python -m bench.normalise [--events N] [--provider P] [--repeat R] [--json]``
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import orjson
import pandas as pd
import zstandard

from bench.audit_events import EVENTS, SCANS
from detection.normalise import normalise
from detection.normalise.reading import LONGEST_LINE
from detection.sql import ENGINE
from detection.tables import TABLES
from lake.landing import compressing
from providers import PROVIDERS

DAY = date(2026, 1, 5)
SLICES = 24
NORMALIZE_SAMPLE = 50_000
COMPARED = ("normalise", "orjson_pandas")
"""Ways whose uploads must be equal, column by column."""


def write_events(directory: Path, provider: str, events: int) -> list[str]:
    """Write a day of events, one compressed file per hour, equal for equal arguments; return the paths.

    They are in the order of time, in which Box gives its history.
    """
    draw = random.Random(20260105)
    start = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
    files = []
    for hour in range(SLICES):
        path = directory / f"day={DAY}" / f"{hour:02d}00.ndjson.zst"
        with compressing(path) as out:
            count = events * (hour + 1) // SLICES - events * hour // SLICES
            for second in sorted(draw.randrange(3600) for _ in range(count)):
                moment = start + timedelta(hours=hour, seconds=second)
                out.write(orjson.dumps(EVENTS[provider](draw, moment)) + b"\n")
        files.append(str(path))
    return files


def _lines(files: Sequence[str]) -> Iterator[bytes]:
    for file in files:
        with Path(file).open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as reader:
            yield from io.BufferedReader(reader, 1 << 20)


def _connect() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect(config=dict(ENGINE))
    con.execute("SET enable_progress_bar = FALSE")
    return con


def ours(provider: str, files: Sequence[str]) -> duckdb.DuckDBPyConnection:
    """Normalise events into uploads, activity, rejects and counts; return the connection that holds them."""
    con = _connect()
    normalise(con, provider, day=DAY, raw_files=files, organisation_domains=["example.com"])
    return con


def scan(provider: str, files: Sequence[str]) -> duckdb.DuckDBPyConnection:
    """Read events by DuckDB's typed scan into a table, in buffers as large as ours; return its connection."""
    con = _connect()
    con.read_json(
        list(files), columns=SCANS[provider], format="newline_delimited", maximum_object_size=LONGEST_LINE
    ).create("events")
    return con


_KINDS = {
    "UPLOAD": "upload",
    "EDIT": "edit",
    "DOWNLOAD": "download",
    "DELETE": "delete",
    "LOGIN": "sign_in",
    "FAILED_LOGIN": "sign_in_failed",
}
_FIELDS = {
    "event_key": "event_id",
    "time": "created_at",
    "user_id": "created_by.id",
    "user": "created_by.login",
    "operation": "event_type",
    "item_type": "source.item_type",
    "file_id": "source.item_id",
    "version": "additional_details.version_id",
    "file_name": "source.item_name",
    "folder": "source.parent.name",
    "folder_id": "source.parent.id",
    "owner": "source.owned_by.login",
    "owner_id": "source.owned_by.id",
    "label": "source.classification.name",
    "bytes": "additional_details.size",
    "app": "additional_details.service_name",
    "ip": "ip_address",
}
_UPLOADS = [column.name for column in TABLES["logged_uploads"]]


def _part(whole: dict[str, Any], key: str) -> dict[str, Any]:
    value = whole.get(key)
    return value if isinstance(value, dict) else {}


def with_orjson(files: Sequence[str]) -> pd.DataFrame:
    """Read Box events by orjson, one by one, into a DataFrame of the same uploads as ours."""
    rows = []
    for line in _lines(files):
        event = orjson.loads(line)
        source, details = _part(event, "source"), _part(event, "additional_details")
        actor, parent, owner = _part(event, "created_by"), _part(source, "parent"), _part(source, "owned_by")
        rows.append(
            (
                event.get("event_id"),
                event.get("created_at"),
                actor.get("id"),
                actor.get("login"),
                event.get("event_type"),
                source.get("item_type"),
                source.get("item_id"),
                details.get("version_id"),
                source.get("item_name"),
                parent.get("name"),
                parent.get("id"),
                owner.get("login"),
                owner.get("id"),
                _part(source, "classification").get("name"),
                details.get("size"),
                details.get("service_name"),
                event.get("ip_address"),
            )
        )
    return _finish(pd.DataFrame(rows, columns=list(_FIELDS)))


def with_json_normalize(files: Sequence[str], events: int) -> pd.DataFrame:
    """Read the first Box events by ``json`` and ``pd.json_normalize`` into the same uploads."""
    objects = [json.loads(line) for line, _ in zip(_lines(files), range(events), strict=False)]
    table = pd.json_normalize(objects).reindex(columns=list(_FIELDS.values()))
    return _finish(table.set_axis(list(_FIELDS), axis=1))


def _finish(table: pd.DataFrame) -> pd.DataFrame:
    """Derive the fields that rules need: kind, time, user and class, extension, size, address; unique and in order."""
    table["kind"] = table["operation"].map(_KINDS)
    table["time"] = pd.to_datetime(table["time"], utc=True, format="ISO8601", errors="coerce")
    table["user"] = table["user"].str.lower()
    domain = table["user"].str.split("@").str[-1]
    table["actor_class"] = np.where(domain.isin(["example.com"]), "person", "guest")
    table.loc[domain == "boxdevedition.com", "actor_class"] = "service"
    table["extension"] = table["file_name"].str.extract(r"\.(\w{1,16})$", expand=False).str.lower().fillna("")
    table["bytes"] = pd.to_numeric(table["bytes"], errors="coerce").astype("Int64")
    table["ip"] = table["ip"].where(table["ip"].str.fullmatch(r"\d{1,3}(\.\d{1,3}){3}"))
    asks = table["actor_class"] == "person"
    table["asker"] = table["user_id"].where(asks).fillna(table["owner_id"])
    start = pd.Timestamp(DAY, tz="UTC")
    table = table[(table["time"] >= start) & (table["time"] < start + pd.Timedelta(days=1))]
    useful = table[table["kind"].notna()].drop_duplicates("event_key").sort_values(["time", "event_key"])
    is_upload = useful["kind"].isin(["upload", "edit"])
    activity, uploads = useful[~is_upload], useful[is_upload & (useful["item_type"] == "file")]
    ignored = len(table) - len(useful)
    if not len(activity) or not ignored:
        raise RuntimeError("the events are not as mixed as they should be")
    nothing = dict.fromkeys(("visibility", "country", "app_id", "site_id", "list_id"))
    return uploads.assign(provider="box", asset=0, **nothing)[_UPLOADS]


def _content(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Return the number of uploads and a digest of each column, independent of the order of rows."""
    each = ", ".join(f'bit_xor(hash(event_key, CAST("{name}" AS VARCHAR))) AS "{name}"' for name in _UPLOADS)
    found = con.execute(f"SELECT count(*), {each} FROM uploads").fetchall()[0]  # noqa: S608 -- our own columns
    return dict(zip(("uploads", *_UPLOADS), found, strict=True))


def _timed(way: str, provider: str, files: Sequence[str], sample: int, answer: Connection) -> None:
    began = time.perf_counter()
    if way == "normalise":
        made: duckdb.DuckDBPyConnection | pd.DataFrame = ours(provider, files)
    elif way == "orjson_pandas":
        made = with_orjson(files)
    elif way == "json_normalize":
        made = with_json_normalize(files, sample)
    else:
        made = scan(provider, files)
    seconds = time.perf_counter() - began
    if isinstance(made, pd.DataFrame):
        made = _connect().register("uploads", made.assign(time=made["time"].dt.tz_localize(None)))
    answer.send((seconds, _content(made) if way in COMPARED else {}))


def _in_process(way: str, provider: str, files: Sequence[str], sample: int) -> tuple[float, dict[str, int]]:
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=_timed, args=(way, provider, files, sample, send))
    process.start()
    send.close()
    seconds, content = receive.recv()
    process.join()
    return float(seconds), content


def measure(provider: str, events: int, repeat: int) -> dict[str, Any]:
    """Run every way ``repeat`` times in turn.

    Returns:
        Median seconds of each way that applies, the events and uploads, and the ratios: each the median of the
        ratios within a round.
    """
    with tempfile.TemporaryDirectory() as directory:
        files = write_events(Path(directory), provider, events)
        sample = min(events, NORMALIZE_SAMPLE)
        ways = ["normalise", "scan", *(("orjson_pandas", "json_normalize") if provider == "box" else ())]
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        content: dict[str, int] = {}
        for _ in range(repeat):
            for way in ways:
                took, found = _in_process(way, provider, files, sample)
                seconds[way].append(took)
                if way == "normalise":
                    content = found
                elif way == "orjson_pandas" and found != content:
                    differ = [name for name, value in content.items() if found[name] != value]
                    raise RuntimeError(f"uploads by orjson differ from those of normalise in {', '.join(differ)}")
        size = sum(Path(file).stat().st_size for file in files)
    if "json_normalize" in seconds:
        seconds["json_normalize"] = [value * events / sample for value in seconds["json_normalize"]]
    # Ratios are taken within a round, since a machine's speed may change between rounds.
    ratio = {
        way: statistics.median(each / own for each, own in zip(values, seconds["normalise"], strict=True))
        for way, values in seconds.items()
    }
    slowdown = statistics.median(own / least for own, least in zip(seconds["normalise"], seconds["scan"], strict=True))
    result: dict[str, Any] = {
        "provider": provider,
        "events": events,
        "uploads": content["uploads"],
        "compressed_bytes": size,
        "repeat": repeat,
        "json_normalize_scaled_from": sample if sample < events else None,
        "seconds": {way: round(statistics.median(values), 3) for way, values in seconds.items()},
        "slowdown_over_scan": round(slowdown, 2),
    }
    for way in ("orjson_pandas", "json_normalize"):
        if way in ratio:
            result[f"speedup_over_{way}"] = round(ratio[way], 2)
    return result


def main() -> None:
    """Read the command line, measure and print."""
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
        ratio = 1 / result["slowdown_over_scan"] if way == "scan" else result.get(f"speedup_over_{way}", 1.0)
        scaled = result["json_normalize_scaled_from"] if way == "json_normalize" else None
        note = f"   scaled from {scaled:,} events" if scaled else ""
        print(f"{way:16} {result['events'] / seconds:12,.0f} events/s {seconds:8.2f} s {ratio:8.2f} x{note}")


if __name__ == "__main__":
    main()
