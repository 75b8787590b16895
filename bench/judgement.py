"""Benchmark of evaluating one day for an organisation of a million.

A lake is generated: 30 days of user-hours, the day and the one after it, four providers, heavy tails, each figure
drawn by a hash so that every run has the same rows. The results of the days before are computed by the rules themselves
where that is cheap: the sums of all days but the last; their scores by this day's baselines, which also stand for the
baselines of the days before; one threshold for all of them, calibrated on these scores; and the windows over it as
their detections and their causes. The sums over seven and thirty days of one day stand for those of sixty, and scores
of the first of the thirty days for those of the fifteen before. Then a separate process evaluates the day as the assets
do, from the lake into the lake, and folds its alerts. Uploads and activity are empty, so that folding is measured
without the signs of a suspicious user; the maps of user-hours, which name the apps, are empty, too.

Run: ``python -m bench.judgement [--users N] [--days N] [--rows-per-day N] [--memory GB] [--json]``
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date, datetime, timedelta
from datetime import time as clock
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import duckdb

from assets.judgement import view_sums
from detection.alerts import fold, hours_before
from detection.chain import calibrate, detect, learn, score
from detection.parameters import Parameters
from detection.sql import ENGINE
from detection.tables import empty
from lake.coverage import create_sources
from lake.days import case_days, cause_days, charged_days, days_between, period_days, score_days
from lake.store import Lake

DAY = date(2026, 3, 4)
PROVIDERS = ("box", "dropbox", "google_workspace", "office365")
_ONE = timedelta(days=1)
_PARAMETERS = Parameters()
_BESIDE = {"baselines": ["recent_sums"], "scores": ["period_sums"], "detections": ["causes"]}
"""Tables that a step makes beside the one that is named after it."""
_SPAWN = multiprocessing.get_context("spawn")

# A person works at ten hours from a start of their own, on three days of five, and uploads in a share of these hours
# that is theirs. Files and bytes are lognormal around the person's usual, one hour in 2000 is up to 1000 times that.
_HOURS = """
SELECT
  provider, "user", actor_class,
  CASE actor_class WHEN 'service' THEN 'services' ELSE 'people' END AS population,
  hour, files,
  CASE WHEN sized THEN files ELSE 0 END AS sized_files,
  CASE
    WHEN sized THEN CAST(least(files * 10 ** (5.3 + 0.7 * size_normal + 0.4 * person_size), 1e13) AS BIGINT)
  END AS bytes,
  files AS saves, CAST(0 AS BIGINT) AS estimated_files, CAST(NULL AS BIGINT) AS estimated_bytes,
  CAST(NULL AS BIGINT[]) AS again_files, CAST(NULL AS BIGINT[]) AS again_sized_files,
  CAST(MAP {} AS MAP(VARCHAR, BIGINT)) AS extensions,
  CAST(MAP {} AS MAP(VARCHAR, BIGINT)) AS countries,
  CAST(MAP {} AS MAP(VARCHAR, BIGINT)) AS apps, CAST(MAP {} AS MAP(VARCHAR, BIGINT)) AS app_ids
FROM (
  SELECT
    *,
    CAST(least(greatest(10 ** (0.3 + 0.35 * person_files + 0.4 * files_normal
      + CASE WHEN draw(n, moment, 7) < 0.0005 THEN 3 * draw(n, moment, 8) ELSE 0 END), 1), 1e6) AS BIGINT) AS files,
    draw(n, moment, 9) < 0.9 AS sized
  FROM (
    SELECT
      n,
      d + slot AS moment,
      format('person{:07d}@example.com', n) AS "user",
      CASE WHEN n % 200 = 0 THEN 'service' ELSE 'person' END AS actor_class,
      $day + to_hours(CAST(floor(14 * draw(n, 0, 1)) AS INTEGER) + slot) AS hour,
      list_extract($providers, 1 + CAST(
        CASE WHEN draw(n, d + slot, 2) < 0.7 THEN n % 4 ELSE floor(4 * draw(n, d + slot, 3)) END AS INTEGER
      )) AS provider,
      normal(n, 0, 10) AS person_files,
      normal(n, 0, 12) AS person_size,
      normal(n, d + slot, 14) AS files_normal,
      normal(n, d + slot, 16) AS size_normal
    FROM (
      SELECT n, slot, epoch($day) AS d
      FROM (SELECT range AS n FROM range($users)), (SELECT CAST(range AS INTEGER) AS slot FROM range(10))
      WHERE draw(n, epoch($day), 4) < 0.6 AND draw(n, epoch($day) + slot, 5) < draw(n, 0, 6) * $rows / ($users * 3.0)
    )
  )
)
ORDER BY n, hour
"""


def _training() -> list[date]:
    return [DAY - n * _ONE for n in range(_PARAMETERS.training_days, 0, -1)]


def _connect(memory: str) -> duckdb.DuckDBPyConnection:
    config: dict[str, Any] = {**ENGINE, "threads": 2, "memory_limit": memory}
    config["temp_directory"] = str(Path(tempfile.gettempdir()) / f"uploadwatch-bench-{os.getpid()}")
    con = duckdb.connect(config=config)
    con.execute("SET enable_progress_bar = FALSE")
    return con


def _generate(root: str, users: int, rows: int, days: int, memory: str) -> None:
    """Write user-hours of ``days`` days before the day, the day itself and the next, and the results of the past."""
    lake = Lake(root=root)
    with closing(_connect(memory)) as con:
        con.execute(
            "CREATE MACRO draw(n, moment, salt) AS hash(n, CAST(moment AS BIGINT), salt) / 1.8446744073709552e19"
        )
        con.execute(
            "CREATE MACRO normal(n, moment, salt) AS "
            "sqrt(-2 * ln(1 - draw(n, moment, salt))) * cos(2 * pi() * draw(n, moment, salt + 1))"
        )
        for n in range(-days, 2):
            day = DAY + n * _ONE
            bound = {"users": users, "rows": rows, "providers": list(PROVIDERS), "day": datetime.combine(day, clock())}
            con.execute(f"CREATE OR REPLACE TEMP TABLE generated AS {_HOURS}", bound)
            lake.write(con, "generated", "user_hours", day, "generated")
    with closing(_connect(memory)) as con:
        _past(con, lake)


def _past(con: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    sources = dict.fromkeys(PROVIDERS, DAY - 365 * _ONE)
    create_sources(con, sources)
    for table in ("reviews", "detections", "thresholds"):
        con.execute(f"CREATE TEMP TABLE {'' if table == 'reviews' else 'no_'}{table} AS {empty(table)}")
    for table in ("past_detections", "case_detections"):
        con.execute(f"CREATE TEMP VIEW {table} AS FROM no_detections")
    con.execute(f"CREATE TEMP VIEW past_causes AS {empty('causes', dated=True)}")
    con.execute(f"CREATE TEMP TABLE past_period_sums AS {empty('period_sums', dated=True)}")
    view_sums(con, lake, _training())
    last = DAY - _ONE
    learn(con, DAY, _PARAMETERS)
    # Until there are sums to compare with, baselines have no long scale.
    lake.view(con, "user_hours", ["user_hours"], [last, DAY])
    score(con, last, _PARAMETERS)
    lake.write(con, "period_sums", "period_sums", last, "generated")
    _repeat(lake, "period_sums", last, period_days(DAY))
    con.execute("DROP TABLE past_period_sums")
    lake.view(con, "past_period_sums", ["period_sums"], period_days(DAY), dated=True)
    view_sums(con, lake, _training())
    learn(con, DAY, _PARAMETERS)
    for table in ("baselines", "recent_sums"):
        lake.write(con, table, table, last, "generated")
    _repeat(lake, "baselines", last, _training())
    for day in _training():
        lake.view(con, "user_hours", ["user_hours"], [day, day + _ONE])
        score(con, day, _PARAMETERS)
        lake.write(con, "scores", "scores", day, "generated")
    _repeat(lake, "scores", _training()[0], score_days(DAY))
    lake.view(con, "past_scores", ["scores"], score_days(DAY))
    lake.view(con, "past_baselines", ["baselines"], _training())
    lake.view(con, "last_baselines", ["baselines"], [DAY - _ONE])
    con.execute("CREATE TEMP VIEW past_thresholds AS FROM no_thresholds")
    con.execute(f"CREATE TEMP VIEW charged_thresholds AS {empty('thresholds', dated=True)}")
    calibrate(con, DAY, _PARAMETERS)
    con.execute("DROP TABLE scores")
    # Only alerts read one_in of past detections, so it need not match past scores.
    con.execute(f"CREATE OR REPLACE TEMP VIEW past_scores AS {empty('scores')}")
    for day in _training():
        lake.view(con, "scores", ["scores"], [day])
        detect(con, day, _PARAMETERS)
        for table in ("detections", "thresholds", "causes"):
            lake.write(con, table, table, day, "generated")


def _repeat(lake: Lake, table: str, of: date, days: Sequence[date]) -> None:
    """Let a day of a table stand for all those that it is missing on."""
    part = lake.part(table, of)
    for day in days:
        for path in (part, part.with_suffix(".json")):
            target = lake.directory(table, day) / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists() and not lake.parts(table, [day]):
                os.link(path, target)


@contextmanager
def _measured(steps: dict[str, dict[str, float]], name: str) -> Iterator[None]:
    began, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    yield
    after = resource.getrusage(resource.RUSAGE_SELF)
    steps[name] = {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "peak_mib": after.ru_maxrss / 1024,
    }


def _judge(root: str, memory: str, answer: Connection) -> None:
    """Evaluate the day: each step in a connection of its own to one database, as a run's assets do."""
    lake = Lake(root=root)
    # The day before has just ended, so its sums are part of the work.
    shutil.rmtree(lake.directory("day_sums", DAY - _ONE))
    sources = dict.fromkeys(PROVIDERS, DAY - 365 * _ONE)
    steps: dict[str, dict[str, float]] = {}
    rows: dict[str, int] = {}

    def baselines(con: duckdb.DuckDBPyConnection) -> None:
        view_sums(con, lake, _training())
        lake.view(con, "past_detections", ["detections"], _training())
        lake.view(con, "past_period_sums", ["period_sums"], period_days(DAY), dated=True)
        learn(con, DAY, _PARAMETERS)

    def scores(con: duckdb.DuckDBPyConnection) -> None:
        lake.view(con, "user_hours", ["user_hours"], [DAY, DAY + _ONE])
        for table in ("baselines", "recent_sums"):
            lake.view(con, table, [table], [DAY])
        score(con, DAY, _PARAMETERS)

    def thresholds(con: duckdb.DuckDBPyConnection) -> None:
        for table in ("baselines", "thresholds", "detections"):
            lake.view(con, f"past_{table}", [table], _training())
        lake.view(con, "past_scores", ["scores"], score_days(DAY))
        lake.view(con, "past_causes", ["causes"], cause_days(DAY), dated=True)
        lake.view(con, "case_detections", ["detections"], case_days(DAY, _PARAMETERS))
        lake.view(con, "last_baselines", ["baselines"], [DAY - _ONE])
        lake.view(con, "charged_thresholds", ["thresholds"], charged_days(DAY), dated=True)
        calibrate(con, DAY, _PARAMETERS)

    def detections(con: duckdb.DuckDBPyConnection) -> None:
        for table in ("scores", "thresholds", "baselines"):
            lake.view(con, table, [table], [DAY])
        lake.view(con, "past_scores", ["scores"], score_days(DAY))
        lake.view(con, "past_causes", ["causes"], cause_days(DAY), dated=True)
        detect(con, DAY, _PARAMETERS)

    def alerts(con: duckdb.DuckDBPyConnection) -> None:
        lake.view(con, "detections", ["detections"], [*_training(), DAY])
        since = datetime.combine(DAY, clock())
        lake.view(con, "user_hours", ["user_hours"], days_between(DAY - hours_before(con, since), DAY + _ONE))
        lake.view(con, "dated_causes", ["causes"], [DAY, DAY + _ONE], dated=True)
        for table in ("uploads", "activity"):
            con.execute(f"CREATE TEMP VIEW {table} AS {empty(table)}")
        con.execute("CREATE TEMP TABLE source_days (provider VARCHAR, day DATE)")
        fold(con, _PARAMETERS, since=since)

    ways: dict[str, Callable[[duckdb.DuckDBPyConnection], None]] = {
        "baselines": baselines,
        "scores": scores,
        "thresholds": thresholds,
        "detections": detections,
        "alerts": alerts,
    }
    database = _connect(memory)
    for name, compute in ways.items():
        with _measured(steps, name), closing(database.cursor()) as con:
            con.execute(f"CREATE TEMP TABLE reviews AS {empty('reviews')}")
            create_sources(con, sources)
            compute(con)
            rows[name] = lake.write(con, name, name, DAY, "judged")[0].rows
            for beside in _BESIDE.get(name, ()):
                lake.write(con, beside, beside, DAY, "judged")
    answer.send({"steps": steps, "rows": rows})


def _in_process(target: Callable[..., None], *arguments: object, answers: bool) -> dict[str, Any]:
    receive, send = _SPAWN.Pipe(duplex=False)
    process = _SPAWN.Process(target=target, args=(*arguments, send) if answers else arguments)
    process.start()
    send.close()
    found: dict[str, Any] = receive.recv() if answers else {}
    process.join()
    if process.exitcode:
        raise RuntimeError(f"the process ended with {process.exitcode}")
    return found


def measure(users: int, days: int, rows: int, memory: str, lake: Path | None = None) -> dict[str, Any]:
    """Generate the lake unless a given one exists, and evaluate the day.

    Returns:
        What was evaluated, and seconds, CPU seconds and MiB at the peak: of each step, and of all together.
    """
    with tempfile.TemporaryDirectory() as directory:
        root = lake or Path(directory)
        began = time.perf_counter()
        if not (root / "detections" / f"day={DAY - _ONE}").exists():
            _in_process(_generate, str(root), users, rows, days, memory, answers=False)
        generated = time.perf_counter() - began
        found = _in_process(_judge, str(root), memory, answers=True)
        known = Lake(root=str(root))
        past = {
            table: sum(note.rows for day in _training() if (note := known.note(table, day)))
            for table in ("user_hours", "scores", "detections")
        }
    steps = found["steps"]
    return {
        "users": users,
        "days": days,
        "memory_limit": memory,
        "past_rows": past,
        "rows": found["rows"],
        "generated_seconds": round(generated, 1),
        "steps": {name: {key: round(value, 1) for key, value in step.items()} for name, step in steps.items()},
        "seconds": round(sum(step["seconds"] for step in steps.values()), 1),
        "cpu_seconds": round(sum(step["cpu_seconds"] for step in steps.values()), 1),
        "peak_mib": round(max(step["peak_mib"] for step in steps.values())),
    }


def main() -> None:
    """Read the command line, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=30, help="days of user-hours before the day")
    parser.add_argument("--rows-per-day", type=int, default=3_000_000, help="user-hours of a day, about")
    parser.add_argument("--memory", default="6GB", help="memory_limit of each DuckDB connection")
    parser.add_argument("--lake", type=Path, help="directory to generate the lake in and keep it, or to find it in")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    result = measure(options.users, options.days, options.rows_per_day, options.memory, options.lake)
    if options.json:
        print(json.dumps(result))
        return
    past = ", ".join(f"{number:,} {table.replace('_', '-')}" for table, number in result["past_rows"].items())
    print(f"{result['users']:,} users, {result['days']} days with {past}; generated in {result['generated_seconds']} s")
    for name, step in result["steps"].items():
        print(
            f"{name:12} {step['seconds']:8.1f} s {step['cpu_seconds']:8.1f} s of CPU {step['peak_mib']:8,.0f} MiB "
            f"{result['rows'][name]:12,} rows"
        )
    print(f"{'all':12} {result['seconds']:8.1f} s {result['cpu_seconds']:8.1f} s of CPU {result['peak_mib']:8,} MiB")


if __name__ == "__main__":
    main()
