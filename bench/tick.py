"""Benchmark of a poll run: the cost should follow the new events, not the history behind them.

One simulated organisation is monitored twice, for some weeks and for ten times as many, each in its own lake; both are
past their activation. Then a day begins, and both get the same poll runs in turn, a quarter of an hour apart. Timed is
the run of the job from its first step to its last, with Dagster's own bookkeeping in memory, without the start of a
process. The first poll runs, which pull the day's hours so far, are not counted.

Run: ``python -m bench.tick [--people N] [--days N] [--ticks N] [--json]``
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from cli.replay import Home, deployment, play, sandbox
from orchestration.definitions import build_defs
from orchestration.schedules import JOB, range_tags, run_config
from providers import PROVIDERS
from sandbox.workload.format import write_workload
from sandbox.workload.making import make_workload

_DAY = timedelta(days=1)
_QUARTER = timedelta(minutes=15)
_TODAY = date(2026, 3, 4)
_FIRST_TICK = datetime(2026, 3, 4, 10, 0, tzinfo=UTC)
_UNCOUNTED = 2
_TIMES = 10


def _tick(values: Mapping[str, str], now: datetime) -> tuple[float, dict[str, float]]:
    """Perform a poll run; return the seconds of the run and of each step."""
    job = build_defs({**values, "UPLOADWATCH_NOW": now.isoformat()}).resolve_job_def(JOB)
    config = run_config(PROVIDERS, late_data=False).to_config_dict()
    with dg.DagsterInstance.ephemeral() as instance:
        began = time.perf_counter()
        result = job.execute_in_process(
            instance=instance,
            tags={**range_tags(now.date() - _DAY, now.date()), "dagster/schedule_name": "poll"},
            run_config={**config, "loggers": {"console": {"config": {"log_level": "ERROR"}}}},
        )
        seconds = time.perf_counter() - began
    steps = {
        event.step_key or "": event.step_success_data.duration_ms / 1000
        for event in result.filter_events(lambda event: event.is_step_success)
    }
    return seconds, steps


def measure(people: int, days: int, ticks: int, folder: Path) -> dict[str, Any]:
    """Measure poll runs with a history of ``days`` days and with one of ten times as many.

    Returns:
        Median seconds of a poll run with the short and the long history, their ratio, and median seconds by step.
    """
    histories = {"small": days, "large": days * _TIMES}
    start = _TODAY - days * _TIMES * _DAY
    workload = folder / "workload.parquet"
    events, _ = make_workload(days=days * _TIMES + 1, people=people, start=start, incidents=False)
    write_workload(events, workload)
    midnight = datetime.combine(start, datetime.min.time(), UTC)
    seconds: dict[str, list[float]] = {name: [] for name in histories}
    steps: dict[str, dict[str, list[float]]] = {name: {} for name in histories}
    with sandbox(workload, folder / "sandbox", now=midnight) as stand_in:
        values = {}
        for name, length in histories.items():
            home, first = Home(folder / name), _TODAY - length * _DAY
            with dg.DagsterInstance.ephemeral() as instance:
                play(
                    home,
                    stand_in,
                    workload,
                    first,
                    _TODAY - _DAY,
                    providers=tuple(PROVIDERS),
                    settings={},
                    progress=lambda _start, _end: None,
                    instance=instance,
                )
            values[name] = deployment(home, stand_in, first, _TODAY, providers=tuple(PROVIDERS), settings={})
        for n in range(_UNCOUNTED + ticks):
            now = _FIRST_TICK + n * _QUARTER
            stand_in.set_clock(now)
            for name in histories if n % 2 else reversed(histories):
                taken, by_step = _tick(values[name], now)
                if n >= _UNCOUNTED:
                    seconds[name].append(taken)
                    for step, step_seconds in by_step.items():
                        steps[name].setdefault(step, []).append(step_seconds)
    small, large = (statistics.median(seconds[name]) for name in histories)
    days_of = Counter(each.date() for each in events.column("time").to_pylist())
    return {
        "people": people,
        "days": list(histories.values()),
        "events_a_day": round(events.num_rows / len(days_of)),
        "ticks": ticks,
        "small_s": round(small, 3),
        "large_s": round(large, 3),
        # Of the same poll run, so that other load on the machine affects both.
        "ratio": round(statistics.median(b / a for a, b in zip(*seconds.values(), strict=True)), 3),
        "steps": {
            step: [round(statistics.median(steps[name][step]), 3) for name in histories] for step in steps["small"]
        },
    }


def main() -> None:
    """Read the command line, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument(
        "--days", type=int, default=24, help="days of the short history; the long one has ten times that"
    )
    parser.add_argument("--ticks", type=int, default=7)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = measure(options.people, options.days, options.ticks, Path(folder))
    if options.json:
        print(json.dumps(result))
        return
    print(f"{result['people']} people, {result['events_a_day']:,} events a day, medians of {result['ticks']} ticks")
    print(f"{'':24} {result['days'][0]:5} days {result['days'][1]:5} days")
    for step, (small, large) in result["steps"].items():
        print(f"{step:24} {small:8.3f} s {large:8.3f} s")
    print(f"{'the whole run':24} {result['small_s']:8.3f} s {result['large_s']:8.3f} s   ratio {result['ratio']:.2f}")


if __name__ == "__main__":
    main()
