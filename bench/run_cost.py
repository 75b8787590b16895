"""Benchmark of what a run does beside what is new: events read and pulled again, and the cost of an idle run.

For each provider and each size of a small day, an organisation is watched for some days; then poll runs follow, a
quarter of an hour apart, and what they pulled and read is set beside the events that were new. These are counts of the
assets' metadata, which do not depend on the machine. Then two homes, one after a day of few uploads and one after a day
of many, get runs with nothing new, by turns, with exports on; their processor time is compared.

Run: ``python -m bench.run_cost [--people N] [--sizes N,N] [--uploads N,N] [--runs N] [--json]``
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from bench.small import FIRST, Quick, burst, moment
from cli.replay import Home, deployment, play, sandbox
from orchestration.definitions import build_defs
from orchestration.schedules import JOB, range_tags, run_config
from providers import PROVIDERS
from sandbox.workload.format import SCHEMA, write_workload
from sandbox.workload.making import make_workload

_DAY = timedelta(days=1)
_QUARTER = timedelta(minutes=15)
_HISTORY_DAYS = 8
"""Longer than any source's events take to be published."""
_BIG_DAY = 5
"""Day of many uploads, after the activation of the quick detector."""
_BEGIN_HOUR = 10
"""The peak of the organisation's day."""
_BEFORE = 12
"""Runs before those that count."""


def _run(values: Mapping[str, str], providers: Sequence[str], now: datetime) -> dg.ExecuteInProcessResult:
    """Perform a poll run of the schedule's days."""
    defs = build_defs({**values, "UPLOADWATCH_NOW": now.isoformat()}, resource_overrides={"detector": Quick()})
    job = defs.resolve_job_def(JOB)
    config = run_config(providers, late_data=False).to_config_dict()
    with dg.DagsterInstance.ephemeral() as instance:
        return job.execute_in_process(
            instance=instance,
            tags={**range_tags(max(FIRST, now.date() - 3 * _DAY), now.date()), "dagster/schedule_name": "poll"},
            run_config={**config, "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )


def _metadata(result: dg.ExecuteInProcessResult, table: str, name: str) -> dict[str, int]:
    """Return a number from the metadata of a table's materialised days, by day."""
    found = {}
    for event in result.all_events:
        if event.is_step_materialization and event.asset_key and event.asset_key.to_user_string() == table:
            value = event.materialization.metadata.get(name)
            if value is not None and event.partition:
                found[event.partition] = int(str(value.value))
    return found


def measure_runs(provider: str, people: int, runs: int, folder: Path) -> dict[str, float]:
    """Return what poll runs of one source pull and read for each new event.

    Args:
        provider: The source.
        people: Size of the organisation.
        runs: Poll runs to count, a quarter of an hour apart.
        folder: Directory for the workload and the home.
    """
    workload = folder / "workload.parquet"
    events, _ = make_workload(days=_HISTORY_DAYS + 1, people=people, start=FIRST, incidents=False)
    write_workload(events.filter(pc.equal(events.column("provider"), provider)), workload)
    today = FIRST + _HISTORY_DAYS * _DAY
    home = Home(folder / "home")
    new = pulled = parsed = 0
    with sandbox(workload, folder / "sandbox", now=moment(0, 0)) as stand_in:
        _play(home, stand_in, workload, today - _DAY, providers=[provider])
        values = deployment(home, stand_in, FIRST, today, providers=[provider], settings={})
        before: dict[str, int] = {}
        for n in range(-_BEFORE, runs):
            now = moment(_HISTORY_DAYS, _BEGIN_HOUR) + n * _QUARTER
            stand_in.set_clock(now)
            result = _run(values, [provider], now)
            held = _metadata(result, f"{provider}/audit_events", "dagster/partition_row_count")
            # Those before land the day's hours so far, and leave slices that are due again as usual.
            if n >= 0:
                new += sum(held.values()) - sum(before.get(day, 0) for day in held)
                pulled += sum(_metadata(result, f"{provider}/audit_events", "events pulled").values())
                parsed += sum(_metadata(result, f"{provider}/logged_uploads", "events parsed").values())
            before |= held
    if not new:
        raise SystemExit(f"{provider}: no event of {people} people was new in {runs} runs: take more with --people")
    return {"new": new, "pulled_over_new": round(pulled / new, 2), "parsed_over_new": round(parsed / new, 2)}


def measure_idle(uploads: Sequence[int], runs: int, folder: Path) -> dict[str, Any]:
    """Return the processor seconds of runs with nothing new after days of so many uploads, with exports on.

    Args:
        uploads: Two numbers of uploads a day at Box, the smaller first.
        runs: Runs of each; the median counts.
        folder: Directory for the workloads and the homes.
    """
    seconds: dict[int, list[float]] = {count: [] for count in uploads}
    values = {}
    for count in uploads:
        place = folder / str(count)
        place.mkdir()
        workload = place / "workload.parquet"
        write_workload(_day_of(count), workload)
        with sandbox(workload, place / "sandbox", now=moment(0, 0)) as stand_in:
            home = Home(place / "home")
            settings = {
                "UPLOADWATCH_EXPORTS": "ocsf-json,ocsf-parquet,csv",
                "UPLOADWATCH_SECURITY_LAKE_REGION": "eu-central-1",
            }
            last = FIRST + _BIG_DAY * _DAY
            _play(home, stand_in, workload, last, providers=["box"], settings=settings)
            values[count] = deployment(home, stand_in, FIRST, last + _DAY, providers=["box"], settings=settings)
            stand_in.set_clock(moment(_BIG_DAY + 1, 9))
            # The first run lands what came until now; a second has nothing new.
            for n in range(-1, runs):
                began = time.process_time()
                _run(values[count], ["box"], moment(_BIG_DAY + 1, 9))
                if n >= 0:
                    seconds[count].append(time.process_time() - began)
    small, large = (statistics.median(seconds[count]) for count in uploads)
    return {
        "uploads": list(uploads),
        "seconds": [round(small, 2), round(large, 2)],
        "idle_ratio": round(large / small, 2),
    }


def _play(
    home: Home,
    stand_in: Any,
    workload: Path,
    last: date,
    *,
    providers: Sequence[str],
    settings: Mapping[str, str] | None = None,
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        play(
            home,
            stand_in,
            workload,
            FIRST,
            last,
            providers=providers,
            settings=settings or {},
            progress=lambda _start, _end: None,
            instance=instance,
            resource_overrides={"detector": Quick()},
        )


def _day_of(uploads: int) -> pa.Table:
    """Return ordinary days, and one of so many uploads from 8 to 18, of forty a person: too few for an alert."""
    ordinary, _ = make_workload(days=_BIG_DAY + 2, people=40, start=FIRST, incidents=False)
    people = max(1, uploads // 40)
    rows = burst("box", "u@example.com", moment(_BIG_DAY, 8), files=uploads // people, minutes=600, each=100_000)
    one = pa.Table.from_pylist([{**dict.fromkeys(SCHEMA.names), **row} for row in rows], schema=SCHEMA)
    place = SCHEMA.get_field_index("user")
    bursts = [
        one.set_column(place, SCHEMA.field("user"), pa.array([f"u{n}@example.com"] * len(one))) for n in range(people)
    ]
    return pa.concat_tables([ordinary, *bursts]).sort_by("time")


def main() -> None:
    """Read the command line, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=200, help="people of the smallest organisation")
    parser.add_argument("--sizes", default="1,10", help="times that the others are as large")
    parser.add_argument("--uploads", default="120,100000", help="uploads of the days before the idle runs")
    parser.add_argument("--runs", type=int, default=4)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    found: dict[str, Any] = {"people": options.people, "sizes": sizes, "runs": options.runs}
    for size in sizes:
        for provider in PROVIDERS:
            with tempfile.TemporaryDirectory() as folder:
                row = measure_runs(provider, options.people * size, options.runs, Path(folder))
            found.setdefault(provider, {})[str(size)] = row
            if not options.json:
                new, pulled, parsed = row.values()
                print(f"{provider:18} x{size:<4} {new:8,.0f} new   pulled {pulled:6.2f}   parsed {parsed:6.2f}")
    with tempfile.TemporaryDirectory() as folder:
        found["idle"] = measure_idle([int(count) for count in options.uploads.split(",")], options.runs, Path(folder))
    if options.json:
        print(json.dumps(found))
        return
    for count, seconds in zip(found["idle"]["uploads"], found["idle"]["seconds"], strict=True):
        print(f"idle after {count:>9,} uploads {seconds:7.2f} s")
    print(f"idle ratio {found['idle']['idle_ratio']:.2f}")


if __name__ == "__main__":
    main()
