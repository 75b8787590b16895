"""Benchmark of exports: the cost should follow the new rows, and not all rows of the day.

Two homes are given a day of few and a day of very many uploads, written into the lake as the pipeline would write them,
and export it in all formats. Then each is run without news, and with one new event, by the asset and its check. What
counts is the files, rows and bytes that are written and checked; seconds are those of the processor.

Run: ``python -m bench.exports [--few N] [--many N] [--json]``
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
import warnings
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb

from assets.core.resources import Engine
from assets.core.runbooks import Runbooks
from assets.exports import Exporter, exports, valid_exports
from common.clock import Clock
from detection.tables import empty
from lake.store import Lake
from orchestration.schedules import range_tags

for _category in (dg.BetaWarning, dg.PreviewWarning):
    warnings.filterwarnings("ignore", category=_category)

DAY = date(2026, 1, 20)
_UPLOADS = """
SELECT
    'box' AS provider,
    concat('e', n) AS event_key,
    0 AS asset,
    CAST($day AS TIMESTAMP) + to_milliseconds(CAST(n * 86400000 // $uploads AS BIGINT)) AS time,
    concat('user', n % 2000, '@example.com') AS "user",
    'person' AS actor_class,
    'upload' AS kind,
    'UPLOAD' AS operation,
    CAST(n AS VARCHAR) AS file_id,
    concat('Quarterly report ', n, '.xlsx') AS file_name,
    'xlsx' AS extension,
    'Archive' AS folder,
    1000 + n % 9999991 AS bytes,
    'log' AS size_source,
    concat('198.51.', n % 100, '.', n % 250) AS ip
FROM range($uploads) AS numbers(n)
UNION ALL BY NAME
SELECT
    'box' AS provider,
    concat('late', n) AS event_key,
    0 AS asset,
    CAST($day AS TIMESTAMP) + INTERVAL 870 MINUTE AS time,
    'late@example.com' AS "user", 'person' AS actor_class, 'upload' AS kind, 'UPLOAD' AS operation
FROM range($late) AS numbers(n)
"""


class _Home:
    def __init__(self, root: Path, uploads: int) -> None:
        self._root, self._uploads = root, uploads
        self._lake = Lake(root=str(root / "lake"))

    def land(self, late: int) -> None:
        """Write the day, with a number of late events."""
        with duckdb.connect() as con:
            con.execute(f"CREATE TABLE uploads AS {empty('uploads')}")
            con.execute(
                f"INSERT INTO uploads BY NAME SELECT * FROM ({_UPLOADS}) ORDER BY time",  # noqa: S608 -- our own query
                {"day": DAY, "uploads": self._uploads, "late": late},
            )
            self._lake.write(con, "uploads", "box/uploads", DAY, "")
            self._lake.write(con, f"({empty('alerts')})", "alerts", DAY, "")

    def run(self) -> dict[str, Any]:
        """Run the asset and its check; return what was written and checked, and the duration."""
        before = self._files()
        partitions = dg.DailyPartitionsDefinition(start_date="2026-01-01", end_date="2026-06-01")
        job = dg.Definitions(
            assets=[exports(["box"], partitions)],
            asset_checks=[valid_exports(Runbooks())],
            jobs=[dg.define_asset_job("exporting", executor_def=dg.in_process_executor)],
            resources={
                "lake": self._lake,
                "engine": Engine(home=str(self._root)),
                "clock": Clock(fixed="2026-02-01T00:00:00+00:00"),
                "exporter": Exporter(
                    out=str(self._root / "exports"), formats=["ocsf-json", "ocsf-parquet", "csv"], region="eu-central-1"
                ),
            },
        ).resolve_job_def("exporting")
        with dg.DagsterInstance.ephemeral() as instance:
            # Processor time, so that other load on the machine matters less.
            began = time.process_time()
            result = job.execute_in_process(
                instance=instance,
                tags=range_tags(DAY, DAY),
                run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
            )
            seconds = time.process_time() - began
        [check] = result.get_asset_check_evaluations()
        if not check.passed:
            raise RuntimeError(check.description)
        written = [path for path, state in self._files().items() if before.get(path) != state]
        return {
            "seconds": round(seconds, 2),
            "files_written": len(written),
            "bytes_written": sum(path.stat().st_size for path in written),
            "rows_checked": check.metadata["rows read"].value,
        }

    def _files(self) -> dict[Path, tuple[int, int]]:
        found = (path for path in (self._root / "exports").rglob("part-*") if path.is_file())
        return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}


def measure(few: int, many: int) -> dict[str, Any]:
    """Export both days, and run each without news and with one new event.

    Returns:
        For each day what the ``first``, the ``idle`` and the run with ``one_event`` wrote, checked and took; and the
        ratios of the seconds of the last two.
    """
    runs: dict[str, dict[str, dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as directory:
        for name, uploads in (("few", few), ("many", many)):
            home = _Home(Path(directory) / name, uploads)
            home.land(0)
            first = home.run()
            idle = min((home.run() for _ in range(3)), key=lambda run: run["seconds"])
            home.land(1)
            runs[name] = {"first": first, "idle": idle, "one_event": home.run()}
    ratios = {
        f"{run}_ratio": round(runs["many"][run]["seconds"] / runs["few"][run]["seconds"], 2)
        for run in ("idle", "one_event")
    }
    return {"few": few, "many": many, "runs": runs, **ratios}


def main() -> None:
    """Read the command line, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--few", type=int, default=120)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    result = measure(options.few, options.many)
    if options.json:
        print(json.dumps(result))
        return
    print(f"{'uploads of the day':20} {'run':10} {'seconds':>8} {'files':>8} {'bytes':>14} {'rows checked':>13}")
    for name, runs in result["runs"].items():
        for run, figures in runs.items():
            print(
                f"{result[name]:20,} {run:10} {figures['seconds']:8.2f} {figures['files_written']:8,} "
                f"{figures['bytes_written']:14,} {figures['rows_checked']:13,}"
            )
    print(f"ratio of seconds: idle {result['idle_ratio']}, one new event {result['one_event_ratio']}")


if __name__ == "__main__":
    main()
