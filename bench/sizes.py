"""Benchmark of the recovery of sizes: files per second and requests per file, by provider and distribution of uploads.

The sandbox serves so many files without a size in the log, spread in three ways: all of one user in one folder (a mass
upload), twenty to a user, and each of another user. The connectors look them up as in a deployment, without a limit,
and what they ask is counted as the providers count it: each file of a batch is a request. Sign-ins count, too. Seconds
are those of a sandbox on the same machine, so that they show our own cost; over a network the quota dominates. The
requests per file give the share of a day of a million uploads that a quota covers: with requests all day, and in poll
runs every 15 minutes, each for as long as a run may take by default.

Run: ``python -m bench.sizes [--files N] [--json]``
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from cli.replay import sandbox
from connectors import FileQuestion, Limiter, Limits, Page, build
from connectors.box.settings import BoxSettings
from connectors.dropbox.settings import DropboxSettings
from connectors.google_workspace.settings import GoogleWorkspaceSettings
from connectors.office365.settings import Office365Settings
from detection.normalise import normalise
from detection.sizes import ask, find_open
from detection.tables import empty
from orchestration.settings import Settings
from providers import PROVIDERS
from sandbox.workload.format import SCHEMA, write_workload

START = datetime(2026, 1, 5, 9, tzinfo=UTC)
DAY = START.replace(hour=0)
NOW = DAY + timedelta(days=1)
SHAPES = {"one user": 1_000_000, "20 a user": 20, "1 a user": 1}
"""Files of each user, by name of the distribution."""
MILLION = 1_000_000
MINUTES = 24 * 60
TICK_MINUTES = 15
APIS = {"box": "box", "dropbox": "dropbox", "google_workspace": "google_drive", "office365": "graph"}
CONFIGURED: dict[str, int] = {
    "box": BoxSettings.model_fields["requests_per_minute"].default,
    "dropbox": DropboxSettings.model_fields["requests_per_minute"].default,
    "google_workspace": GoogleWorkspaceSettings.model_fields["drive_requests_per_minute"].default,
    "office365": Office365Settings.model_fields["graph_requests_per_minute"].default,
}
"""Requests a minute that the connectors keep to by default."""
DOCUMENTED = {"box": 1000, "dropbox": None, "google_workspace": 12_000, "office365": 1250}
"""Requests a minute that the providers name; Office 365's are those of the smallest tenant. Dropbox names none."""


class _Counted(Limiter):
    def __init__(self) -> None:
        super().__init__(None, 10**9, timedelta(minutes=1))
        self.requests = 0

    def wait(self, requests: int = 1) -> None:
        super().wait(requests)
        self.requests += requests


class _Counting(Limits):
    """Limits that only count requests."""

    def __init__(self) -> None:
        super().__init__(None)
        self.apis: dict[str, _Counted] = {}

    def per_minute(self, api: str, requests: int) -> Limiter:
        return self.apis.setdefault(api, _Counted())


def _workload(path: Path, provider: str, files: int, each: int) -> None:
    rows = []
    for number in range(files):
        user = number // each
        rows.append(
            {
                **dict.fromkeys(SCHEMA.names),
                "provider": provider,
                "kind": "upload",
                "time": START + timedelta(seconds=number * 7200 / files),
                "user": f"user{user:05}@example.com",
                "file_name": f"file {number:06}.zip",
                "folder": "" if provider == "office365" else "Archive",
                "bytes": 1000 + number,
                "size_in_log": False,
                "file_gone": False,
            }
        )
    write_workload(pa.Table.from_pylist(rows, schema=SCHEMA), path)


def _questions(provider: str, environment: dict[str, str], folder: Path) -> list[FileQuestion]:
    """Return the file lookups that the audit events leave open, as the pipeline computes them."""
    raw = folder / f"day={DAY:%Y-%m-%d}" / "events.ndjson"
    raw.parent.mkdir()
    connector = build(provider, environment, now=lambda: NOW)
    pages: Iterator[Page] = (page for page in connector.pages(DAY, NOW) if isinstance(page, Page))
    raw.write_bytes(b"\n".join(event for page in pages for event in page.events))
    with duckdb.connect() as con:
        normalise(con, provider, day=DAY.date(), raw_files=[str(raw)], organisation_domains=["example.com"])
        con.execute("ALTER TABLE uploads RENAME TO logged_uploads")
        con.execute(f"CREATE TEMP TABLE dated_sizes AS {empty('file_sizes', dated=True)}")
        find_open(con, now=NOW, floor_files=50)
        ask(con, most=10**6)
        rows = con.sql("SELECT * EXCLUDE (days) FROM questions").to_arrow_table().to_pylist()
    return [FileQuestion(**{**row, "since": row["since"].replace(tzinfo=UTC)}) for row in rows]


def measure(provider: str, shape: str, files: int) -> dict[str, Any]:
    """Look the files up once.

    Returns:
        Seconds, files found, requests, requests per file, and the share of a day of a million uploads that the
        configured and the documented quota cover (None where the provider documents none).
    """
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        _workload(folder / "workload.parquet", provider, files, SHAPES[shape])
        with sandbox(folder / "workload.parquet", folder / "state", now=NOW) as stand_in:
            questions = _questions(provider, stand_in.environment, folder)
            limits = _Counting()
            connector = build(provider, stand_in.environment, now=lambda: NOW, limits=limits)
            began = time.perf_counter()
            found = sum(answer.state == "found" for answer in connector.file_sizes(questions))
            seconds = time.perf_counter() - began
    if found != files:
        raise RuntimeError(f"{provider}, {shape}: {found} of {files} files were found")
    requests = limits.apis[APIS[provider]].requests

    def share(quota: int | None, minutes: float = MINUTES) -> float | None:
        return None if quota is None else round(min(1.0, quota * minutes / (MILLION * requests / files)), 3)

    return {
        "provider": provider,
        "shape": shape,
        "files": files,
        "seconds": round(seconds, 3),
        "files_per_second": round(files / seconds, 1),
        "requests": requests,
        "requests_per_file": round(requests / files, 4),
        "configured_per_minute": CONFIGURED[provider],
        "share_of_a_million_configured": share(CONFIGURED[provider]),
        "share_of_a_million_in_ticks": share(CONFIGURED[provider], MINUTES * Settings().size_minutes / TICK_MINUTES),
        "documented_per_minute": DOCUMENTED[provider],
        "share_of_a_million_documented": share(DOCUMENTED[provider]),
    }


def main() -> None:
    """Read the command line, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    results = [measure(provider, shape, options.files) for provider in PROVIDERS for shape in SHAPES]
    if options.json:
        print(json.dumps({"files": options.files, "results": results}))
        return
    print(f"{options.files:,} files; which share of a day of a million such uploads a quota covers:")
    print("documented: the provider's, all day; configured: ours, all day; in ticks: ours, in runs of the usual length")
    print(
        f"{'provider':18}{'spread':12}{'files/s':>9}{'requests':>10}{'a file':>9}"
        f"{'documented':>12}{'configured':>12}{'in ticks':>10}"
    )
    for result in results:
        documented = result["share_of_a_million_documented"]
        print(
            f"{result['provider']:18}{result['shape']:12}{result['files_per_second']:9,.0f}{result['requests']:10,}"
            f"{result['requests_per_file']:9.4f}{'none' if documented is None else format(documented, '.0%'):>12}"
            f"{result['share_of_a_million_configured']:12.0%}{result['share_of_a_million_in_ticks']:10.0%}"
        )


if __name__ == "__main__":
    main()
