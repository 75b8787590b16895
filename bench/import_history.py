"""Benchmark of `classify` and the import of exported history: rows a second and memory, of each of a few shapes.

The exports are written first and do not count. Each import runs in a process of its own into an empty lake, so that
the peak of memory is its own, and an export of ten times the size shows whether that grows. The same import once more
is one of which every row has landed before. `classify` reads the same files, and writes its rows as JSON.

Run: ``python -m bench.import_history [--rows N] [--repeat R] [--json]``
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import multiprocessing
import os
import random
import resource
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from bench.audit_events import EVENTS
from cli.terminal import write_json_list
from history.classification import classify
from history.importing import import_history
from history.staging import Span
from lake.store import Lake

START = datetime(2026, 1, 5, tzinfo=UTC)
DAYS = 30
NOW = START + timedelta(days=60)
_HEADER = ("RecordId", "CreationDate", "RecordType", "Operation", "UserId", "AuditData", "AssociatedAdminUnits")


def write_export(path: Path, rows: int) -> None:
    """Write thirty days of records, in order of time, the same for the same number."""
    draw = random.Random(20260105)
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(_HEADER)
        for number in range(rows):
            moment = START + timedelta(days=DAYS) * number / rows
            record = EVENTS["office365"](draw, moment)
            record["Id"] = str(uuid.UUID(int=draw.getrandbits(128)))
            fields = (record["Id"], f"{moment:%Y-%m-%dT%H:%M:%S}.0000000Z", record.get("RecordType", 6))
            data = json.dumps(record, separators=(",", ":"))
            writer.writerow((*fields, record["Operation"], record["UserId"], data, ""))


def _as_lines(export: Path, out: Path, *, packed: bool = False) -> None:
    """Write the records of an export, one a line."""
    csv.field_size_limit(10_000_000)
    opened = gzip.open(out, "wt", compresslevel=1) if packed else out.open("w")  # noqa: SIM115 -- closed below
    with export.open(encoding="utf-8-sig", newline="") as file, opened as lines:
        lines.writelines(row["AuditData"] + "\n" for row in csv.DictReader(file))


def _as_splunk(export: Path, out: Path) -> None:
    csv.field_size_limit(10_000_000)
    with export.open(encoding="utf-8-sig", newline="") as file, out.open("w") as lines:
        for row in csv.DictReader(file):
            lines.write(json.dumps({"preview": False, "result": {"_raw": row["AuditData"]}}) + "\n")


def _as_answer(export: Path, out: Path) -> None:
    csv.field_size_limit(10_000_000)
    with export.open(encoding="utf-8-sig", newline="") as file, out.open("w") as text:
        rows = (row["AuditData"] for row in csv.DictReader(file))
        text.write('{"value": [' + next(rows))
        text.writelines(", " + row for row in rows)
        text.write("]}")


def _import(lake: Path, export: Path) -> tuple[int, int]:
    report = import_history(
        Lake(root=str(lake)),
        "office365",
        [export],
        span=Span(date(2026, 1, 1), None),
        now=NOW,
        progress=lambda _what, _share: None,
    )
    return report.read, sum(report.landed.values())


def _classify(_lake: Path, export: Path) -> tuple[int, int]:
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        with classify("office365", [export], organisation_domains=["example.com"]) as found:
            write_json_list(found.rows())
        return found.read + found.rejected, found.read


@dataclass(frozen=True)
class _Run:
    seconds: float
    cpu_seconds: float
    peak_mib: float
    read: int
    good: int


def _work(what: Callable[[Path, Path], tuple[int, int]], lake: Path, export: Path, out: Connection) -> None:
    began, worked = time.perf_counter(), time.process_time()
    read, good = what(lake, export)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    out.send(_Run(time.perf_counter() - began, time.process_time() - worked, peak, read, good))


def _in_process(what: Callable[[Path, Path], tuple[int, int]], lake: Path, export: Path) -> _Run:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(what, lake, export, theirs))
    process.start()
    theirs.close()
    found: _Run = ours.recv()
    process.join()
    return found


def _median(runs: Sequence[_Run], rows: int) -> dict[str, float]:
    if {run.read for run in runs} != {rows}:
        raise RuntimeError("rows were lost or doubled")
    return {
        "rows_per_s": round(rows / statistics.median(run.seconds for run in runs)),
        "cpu_us_per_row": round(statistics.median(run.cpu_seconds for run in runs) / rows * 1e6, 1),
        "peak_mib": round(statistics.median(run.peak_mib for run in runs)),
    }


def measure(rows: int, repeat: int) -> dict[str, Any]:
    """Import and classify each shape several times, and an export of ten times the size once."""
    result: dict[str, Any] = {"rows": rows, "repeat": repeat, "shapes": {}}
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        export, large = place / "export.csv", place / "large.csv"
        write_export(export, rows)
        write_export(large, 10 * rows)
        shapes = {name: place / name for name in ("lines", "lines, gzip", "Splunk", "one answer")}
        _as_lines(export, shapes["lines"])
        _as_lines(export, shapes["lines, gzip"], packed=True)
        _as_splunk(export, shapes["Splunk"])
        _as_answer(export, shapes["one answer"])
        for name, file in {"Purview CSV": export, **shapes}.items():
            imports, looks = [], []
            for n in range(repeat):
                # In turn, so that what else the machine does weighs on both alike.
                imports.append(_in_process(_import, place / f"lake {name} {n}", file))
                looks.append(_in_process(_classify, place, file))
            found = {"import": _median(imports, rows), "classify": _median(looks, rows)}
            ratio = found["classify"]["cpu_us_per_row"] / found["import"]["cpu_us_per_row"]
            result["shapes"][name] = {**found, "bytes": file.stat().st_size, "cpu_ratio": round(ratio, 2)}
        again = _in_process(_import, place / "lake Purview CSV 0", export)
        if again.good:
            raise RuntimeError("an import doubled rows")
        result["again"] = _median([again], rows)
        result["ten_times"] = {
            "import": _median([_in_process(_import, place / "large lake", large)], 10 * rows),
            "classify": _median([_in_process(_classify, place, large)], 10 * rows),
        }
    return result


def main() -> None:
    """Read the command line, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    result = measure(options.rows, options.repeat)
    if options.json:
        print(json.dumps(result))
        return
    print(f"{result['rows']:,} records, median of {result['repeat']}")
    print(f"{'':30} {'rows/s':>10} {'us of CPU a row':>16} {'MiB at the peak':>16}")
    results = {
        f"{what}, {name}": found[what] for name, found in result["shapes"].items() for what in ("import", "classify")
    }
    results["import, the same again"] = result["again"]
    results |= {f"{what}, ten times as many": found for what, found in result["ten_times"].items()}
    for name, found in results.items():
        print(f"{name:30} {found['rows_per_s']:10,} {found['cpu_us_per_row']:16} {found['peak_mib']:16,}")
    for name, found in result["shapes"].items():
        print(f"classify costs {found['cpu_ratio']} times the CPU of an import: {name}")


if __name__ == "__main__":
    main()
