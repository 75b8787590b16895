"""Measures the import of exported history: rows a second and memory, of a CSV as Purview's audit search exports it.

The export is written first and does not count. Each import runs in a process of its own into an empty lake, so that
the peak of memory is its own, and an export of ten times the size shows whether that grows. The last column is the
same import once more, when every row has landed before.

Run: ``python -m bench.import_history [--rows N] [--repeat R] [--json]``
"""

from __future__ import annotations

import argparse
import csv
import json
import multiprocessing
import random
import resource
import statistics
import tempfile
import time
import uuid
from datetime import UTC, date, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path

from assets.history import import_history
from assets.history_stage import Span
from assets.lake import Lake
from bench.audit_events import EVENTS

START = datetime(2026, 1, 5, tzinfo=UTC)
DAYS = 30
NOW = START + timedelta(days=60)
_HEADER = ("RecordId", "CreationDate", "RecordType", "Operation", "UserId", "AuditData", "AssociatedAdminUnits")


def write_export(path: Path, rows: int) -> None:
    """Writes thirty days of records, in order of time, the same for the same number."""
    draw = random.Random(20260105)
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(_HEADER)
        for number in range(rows):
            moment = START + timedelta(days=DAYS) * number / rows
            record = EVENTS["office365"](draw, moment)
            record["Id"] = str(uuid.UUID(int=draw.getrandbits(128)))
            told = (record["Id"], f"{moment:%Y-%m-%dT%H:%M:%S}.0000000Z", record.get("RecordType", 6))
            data = json.dumps(record, separators=(",", ":"))
            writer.writerow((*told, record["Operation"], record["UserId"], data, ""))


def _import(lake: Path, export: Path, out: Connection) -> None:
    began, worked = time.perf_counter(), time.process_time()
    report = import_history(
        Lake(root=str(lake)),
        "office365",
        [export],
        span=Span(date(2026, 1, 1), None),
        now=NOW,
        tell=lambda _what, _share: None,
    )
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    out.send((seconds, peak, report.read, sum(report.landed.values()), time.process_time() - worked))


def _in_process(lake: Path, export: Path) -> tuple[float, float, int, int, float]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_import, args=(lake, export, theirs))
    process.start()
    theirs.close()
    found: tuple[float, float, int, int, float] = ours.recv()
    process.join()
    return found


def measure(rows: int, repeat: int) -> dict[str, float]:
    """Imports an export several times, one of ten times the size once, and the first once more."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        write_export(place / "export.csv", rows)
        write_export(place / "large.csv", 10 * rows)
        runs = [_in_process(place / f"lake{n}", place / "export.csv") for n in range(repeat)]
        again = _in_process(place / "lake0", place / "export.csv")
        large = _in_process(place / "large", place / "large.csv")
        size = (place / "export.csv").stat().st_size
    if {(read, landed) for _, _, read, landed, _ in runs} != {(rows, rows)} or again[3] or large[3] != 10 * rows:
        raise RuntimeError("an import lost or doubled rows")
    return {
        "rows": rows,
        "bytes": size,
        "repeat": repeat,
        "rows_per_s": round(rows / statistics.median(run[0] for run in runs)),
        "cpu_seconds": round(statistics.median(run[4] for run in runs), 2),
        "rows_per_s_of_ten_times": round(10 * rows / large[0]),
        "rows_per_s_again": round(rows / again[0]),
        "peak_mib": round(statistics.median(run[1] for run in runs)),
        "peak_mib_of_ten_times": round(large[1]),
    }


def main() -> None:
    """Reads the command line, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    result = measure(options.rows, options.repeat)
    if options.json:
        print(json.dumps(result))
        return
    print(f"{result['bytes'] / 1e6:.0f} MB of CSV with {result['rows']:,} records, median of {result['repeat']}")
    print(f"{'import':24} {'rows/s':>10} {'MiB at the peak':>16}")
    print(
        f"{'into an empty lake':24} {result['rows_per_s']:10,} {result['peak_mib']:16,}"
        f"   {result['cpu_seconds']} s of CPU, over all threads"
    )
    print(
        f"{'ten times as many rows':24} {result['rows_per_s_of_ten_times']:10,} {result['peak_mib_of_ten_times']:16,}"
    )
    print(f"{'the same again':24} {result['rows_per_s_again']:10,}")


if __name__ == "__main__":
    main()
