"""Benchmark of a backfill of months over the whole graph: in one run, without Dagster, and one run per partition.

The sandbox serves the history of a simulated organisation. Three homes are filled from it, each by its own process: by
``uploadwatch backfill`` in one run, with Dagster's storage on SQLite; by the assets' and checks' own functions in
order, without Dagster; and by one run per partition. The last would take most of an hour, so it is measured on a few
days in the middle of the history, in a home that holds the days before them, and scaled. The first two must leave the
same alerts.

Run: ``python -m bench.backfill [--days N] [--people N] [--sample N] [--json]``
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import duckdb

from assets.audit_events import PullConfig
from cli.replay import Home, deployment, sandbox
from orchestration.definitions import build_defs
from providers import PROVIDERS
from sandbox.workload.format import write_workload
from sandbox.workload.making import FEWEST_DAYS, make_workload

FIRST = date(2026, 1, 5)
_COMMAND = "from cli.app import main; main()"


class Plain:
    """Context for an asset's or a check's function without a Dagster run."""

    def __init__(
        self,
        resources: Any,
        first: date,
        last: date,
        keys: Iterable[dg.AssetKey] = (),
        checks: Iterable[dg.AssetCheckKey] = (),
    ) -> None:
        self.resources = resources
        self.partition_key_range = SimpleNamespace(start=first.isoformat(), end=last.isoformat())
        self.selected_asset_keys = set(keys)
        self.selected_asset_check_keys = set(checks)
        self.run = SimpleNamespace(tags={})
        self.op_execution_context = SimpleNamespace(has_partition_key=False, has_partition_key_range=True)
        self.log = logging.getLogger("bench")

    def add_asset_metadata(self, *_args: object, **_named: object) -> None:
        """Ignore the call: nothing is reported."""

    log_event = add_asset_metadata


def _call(op_function: Any, context: Plain) -> None:
    """Call an asset's or a check's function with the context and the resources that its parameters name."""
    function = op_function.decorated_fn
    code = function.__code__
    named = code.co_varnames[: code.co_argcount]
    special = {"context": context, "config": PullConfig()}
    found = function(*[special[name] if name in special else getattr(context.resources, name) for name in named])
    if isinstance(found, Iterator):
        list(found)


def without_dagster(values: Mapping[str, str], first: date, last: date) -> None:
    """Fill a home by calling the functions of all assets and checks, in the order of the graph."""
    defs = build_defs(values)
    order = {key: place for place, key in enumerate(defs.resolve_asset_graph().toposorted_asset_keys)}
    assets = [each for each in defs.assets or () if isinstance(each, dg.AssetsDefinition)]
    assets.sort(key=lambda each: min(order[key] for key in each.keys))
    with dg.build_resources(dict(defs.resources or {})) as resources:
        for each in assets:
            _call(each.op.compute_fn, Plain(resources, first, last, each.keys))
        for check in defs.asset_checks or ():
            _call(check.op.compute_fn, Plain(resources, first, last, checks=check.check_keys))


def _process(values: Mapping[str, str], *command: str) -> float:
    """Return the seconds that a command takes in a process of its own."""
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, *command], env={**os.environ, **values}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout[-2000:]} {done.stderr[-2000:]}")
    return time.perf_counter() - began


def _backfill(values: Mapping[str, str], first: date, last: date) -> float:
    days = ("--from", first.isoformat(), "--to", last.isoformat())
    return _process(values, "-c", _COMMAND, "backfill", *days)


def _alerts(home: Path) -> list[tuple[Any, ...]]:
    files = str(home / "lake" / "alerts" / "*" / "part.parquet")
    with duckdb.connect() as con:
        return con.execute("SELECT * FROM read_parquet(?) ORDER BY ALL", [files]).fetchall()


def measure(days: int, people: int, sample: int) -> dict[str, Any]:
    """Measure the three ways one after the other.

    Returns:
        ``wall_s``, ``runs`` and ``alerts`` of the backfill in one run, ``direct_s`` without Dagster, ``single_s`` by
        one run per partition (scaled from ``sample`` of them), and both ratios.
    """
    last = FIRST + timedelta(days=days - 1)
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        workload = root / "workload.parquet"
        table, _ = make_workload(seed=7, people=people, days=days, start=FIRST, incidents=days >= FEWEST_DAYS)
        write_workload(table, workload)
        now = datetime.combine(last + timedelta(days=1), datetime.min.time(), UTC)
        with sandbox(workload, root / "sandbox", now=now) as stand_in:

            def values(name: str) -> dict[str, str]:
                home = Home(root / name)
                home.instance().dispose()
                made = deployment(home, stand_in, FIRST, last, providers=tuple(PROVIDERS), settings={})
                return {**made, "UPLOADWATCH_NOW": now.isoformat(), "DAGSTER_HOME": str(home.path / "dagster")}

            wall = _backfill(values("one_run"), FIRST, last)
            with Home(root / "one_run").instance() as instance:
                runs = instance.get_runs_count()
            direct = _process(values("direct"), "-m", "bench.backfill", "--direct", FIRST.isoformat(), last.isoformat())
            single = values("single")
            middle = FIRST + timedelta(days=days // 2)
            _backfill(single, FIRST, middle - timedelta(days=1))
            each = [_backfill(single, day, day) for day in (middle + timedelta(days=n) for n in range(sample))]
        alerts = _alerts(root / "one_run")
        if alerts != _alerts(root / "direct"):
            raise RuntimeError("the backfill and the functions without Dagster gave different alerts")
    whole = sum(each) / sample * days
    return {
        "days": days,
        "people": people,
        "events": table.num_rows,
        "alerts": len(alerts),
        "wall_s": round(wall, 1),
        "runs": runs,
        "direct_s": round(direct, 1),
        "single_s": round(whole, 1),
        "single_sample": sample,
        "ratio_to_direct": round(wall / direct, 2),
        "speedup_over_run_per_partition": round(whole / wall, 1),
    }


def main() -> None:
    """Read the command line, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=90)
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--sample", type=int, default=5, help="partitions to run one by one")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--direct", nargs=2, type=date.fromisoformat, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.direct:
        without_dagster(os.environ, *options.direct)
        return
    result = measure(options.days, options.people, options.sample)
    if options.json:
        print(json.dumps(result))
        return
    print(f"{result['days']} days of {result['people']} people, {result['events']:,} events, four providers")
    print(f"one run           {result['wall_s']:8.1f} s   {result['runs']} run, {result['alerts']} alerts")
    print(f"without Dagster   {result['direct_s']:8.1f} s   ratio {result['ratio_to_direct']}")
    print(
        f"run per partition {result['single_s']:8.1f} s   {result['speedup_over_run_per_partition']} times as long, "
        f"scaled from {result['single_sample']} partitions"
    )


if __name__ == "__main__":
    main()
