"""Benchmark of pulling audit events into the lake: speed and memory.

Pages per second of a day of Box events, one slice and slices in parallel, beside a bare ``requests`` loop that follows
the same pages from the same server and throws the bodies away. Each way runs in a process of its own, in turn. The
server is the sandbox. Then a day of five million events is pulled from a server that costs next to nothing, and a
tenth of it, for the memory at the peak: it should not follow the size of the day.

Run: ``python -m bench.connectors [--events N] [--day N] [--repeat R] [--json]``
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import re
import resource
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import requests

from bench.page_server import PAGE, serve
from cli.replay import sandbox
from connectors import Limits, build
from lake.landing import due
from lake.manifest import Manifest
from lake.pulling import pull
from sandbox.workload.format import SCHEMA, write_workload

DAY = date(2026, 1, 5)
START = datetime(2026, 1, 5, tzinfo=UTC)
END = START + timedelta(days=1)
NOW = START + timedelta(days=3)
PARALLEL = 4
_SECOND = timedelta(seconds=1)
_POSITION = re.compile(rb'"next_stream_position":"?(\d+)')
_SPAWN = multiprocessing.get_context("spawn")


def write_day(path: Path, events: int) -> None:
    """Write a workload of ``events`` uploads to Box within the day."""
    draw = np.random.default_rng(20260105)
    seconds = np.sort(draw.integers(0, 86_400, events))
    columns: dict[str, Any] = {
        "provider": pa.array(["box"] * events),
        "kind": pa.array(["upload"] * events),
        "time": pa.array([START + timedelta(seconds=int(second)) for second in seconds]),
        "user": pa.array([f"user{number}@example.com" for number in draw.integers(0, 2000, events)]),
        "file_name": pa.array([f"Quarterly report {number}.xlsx" for number in range(events)]),
        "folder": pa.array(["Projects/North"] * events),
        "file_gone": pa.array([False] * events),
        "bytes": pa.array(draw.integers(1000, 10**7, events)),
    }
    nothing = {field.name: pa.nulls(events, field.type) for field in SCHEMA}
    write_workload(pa.table({**nothing, **columns}, schema=SCHEMA), path)


def bare(variables: Mapping[str, str]) -> int:
    """Read the pages of the day and discard them; return their number."""
    session = requests.Session()
    url = variables["BOX_API_URL"]
    form = {
        "grant_type": "client_credentials",
        "client_id": variables["BOX_CLIENT_ID"],
        "client_secret": variables["BOX_CLIENT_SECRET"],
        "box_subject_type": "enterprise",
        "box_subject_id": variables["BOX_ENTERPRISE_ID"],
    }
    answer = session.post(f"{url}/oauth2/token", data=form, timeout=60)
    session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    asked = {"stream_type": "admin_logs", "limit": str(PAGE)}
    # The bounds that the connector requests, so that both get the same pages.
    asked |= {"created_after": f"{START - _SECOND:%Y-%m-%dT%H:%M:%SZ}"}
    asked |= {"created_before": f"{END + _SECOND:%Y-%m-%dT%H:%M:%SZ}"}
    pages = 0
    while True:
        body = session.get(f"{url}/2.0/events", params=asked, timeout=60).content
        found = _POSITION.search(body[:200])
        if found is None or b'"entries":[]' in body[:200]:
            return pages
        pages += 1
        asked["stream_position"] = found[1].decode()


def ours(variables: Mapping[str, str], slices: int) -> int:
    """Pull the day into a lake; return the number of pages."""
    with tempfile.TemporaryDirectory() as directory:
        stop = threading.Event()
        values = {**variables, "BOX_PARALLEL_SLICES": str(slices)}
        connector = build("box", values, now=lambda: NOW, limits=Limits(Path(directory) / "limits", stop))
        manifest = Manifest(Path(directory) / f"day={DAY}")
        hour = timedelta(hours=1)
        wanted = due(manifest, DAY, now=NOW, lateness=hour, retention=365 * 24 * hour, again=None, pieces=slices)
        done = pull(
            connector,
            [(manifest, start, end) for start, end in wanted],
            now=lambda: NOW,
            stop=stop,
            landed=lambda _piece: None,
        )
        if done.failures:
            raise done.failures[0]
        return sum(piece.pages for piece in done.slices)


def _ways() -> dict[str, Callable[[Mapping[str, str]], int]]:
    return {
        "bare": bare,
        "one_slice": lambda variables: ours(variables, 1),
        "parallel": lambda variables: ours(variables, PARALLEL),
    }


def _run(way: str, variables: Mapping[str, str], answer: Connection) -> None:
    began = time.perf_counter()
    pages = _ways()[way](variables)
    seconds = time.perf_counter() - began
    answer.send((pages, seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def _in_process(way: str, variables: Mapping[str, str]) -> tuple[int, float, float]:
    """Run one way in a process of its own; return pages, seconds and peak MiB."""
    receive, send = _SPAWN.Pipe(duplex=False)
    process = _SPAWN.Process(target=_run, args=(way, dict(variables), send))
    process.start()
    send.close()
    pages, seconds, mib = receive.recv()
    process.join()
    return int(pages), float(seconds), float(mib)


@contextmanager
def _page_server(events: int) -> Iterator[dict[str, str]]:
    receive, send = _SPAWN.Pipe(duplex=False)
    process = _SPAWN.Process(target=serve, args=(events, send), daemon=True)
    process.start()
    try:
        yield {
            "BOX_CLIENT_ID": "id",
            "BOX_CLIENT_SECRET": "measured",
            "BOX_ENTERPRISE_ID": "1",
            "BOX_API_URL": receive.recv(),
            "BOX_REQUESTS_PER_MINUTE": "1000000",
        }
    finally:
        process.terminate()
        process.join()


def measure(events: int, day: int, repeat: int) -> dict[str, Any]:
    """Run every way ``repeat`` times in turn, then the day to measure its memory.

    Returns:
        Pages per second of each way, the medians of their ratios to the bare loop in the same round, and MiB at the
        peak for the day and a tenth of it.
    """
    rates: dict[str, list[float]] = {way: [] for way in _ways()}
    with tempfile.TemporaryDirectory() as directory:
        workload = Path(directory) / "day.parquet"
        write_day(workload, events)
        with sandbox(workload, Path(directory) / "state", now=NOW) as stand_in:
            for _ in range(repeat):
                for way, found in rates.items():
                    pages, seconds, _ = _in_process(way, stand_in.environment)
                    found.append(pages / seconds)
    rate = {way: statistics.median(found) for way, found in rates.items()}
    # Ratios are taken within a round, since a machine's speed may change between rounds.
    ratio = {
        way: statistics.median(ours / bare for ours, bare in zip(found, rates["bare"], strict=True))
        for way, found in rates.items()
    }
    peaks, seconds_of_day = [], 0.0
    for size in (day // 10, day):
        with _page_server(size) as variables:
            _, seconds_of_day, mib = _in_process("parallel", variables)
            peaks.append(mib)
    return {
        "events": events,
        "repeat": repeat,
        "pages_per_second": {way: round(value, 1) for way, value in rate.items()},
        "ratio_one_slice": round(ratio["one_slice"], 2),
        "ratio_parallel": round(ratio["parallel"], 2),
        "day_events": day,
        "day_seconds": round(seconds_of_day, 1),
        "peak_mib": round(peaks[1]),
        "peak_mib_of_a_tenth": round(peaks[0]),
    }


def main() -> None:
    """Read the command line, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000, help="events of the day that the sandbox serves")
    parser.add_argument("--day", type=int, default=5_000_000, help="events of the day pulled for its memory")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    result = measure(options.events, options.day, options.repeat)
    if options.json:
        print(json.dumps(result))
        return
    print(f"{result['events']:,} events from the sandbox, median of {result['repeat']}")
    for way, rate in result["pages_per_second"].items():
        ratio = result.get(f"ratio_{way}", 1.0)
        print(f"{way.replace('_', ' '):12} {rate:8.1f} pages/s {ratio:6.2f} x the bare loop")
    print(
        f"a day of {result['day_events']:,} events: {result['day_seconds']} s, {result['peak_mib']} MiB at the peak; "
        f"a tenth of it: {result['peak_mib_of_a_tenth']} MiB"
    )


if __name__ == "__main__":
    main()
