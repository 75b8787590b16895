"""Days that are made several at once: the same tables and reports as one after the other, and no failure unsaid."""

import threading
from datetime import date
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from assets.core.refresh import _DAYS_AT_ONCE, Step, refresh
from assets.core.resources import Engine
from lake.store import Lake

FIRST, LAST = "2026-01-05", "2026-01-16"


def made(
    lake: Lake, *, apart: bool, fails: date | None = None, together: list[int] | None = None
) -> dg.AssetsDefinition:
    """An asset whose days hold their own number, or fail."""
    met = threading.Event()
    patience = 5 if apart and _DAYS_AT_ONCE > 1 else 0.02
    lock = threading.Lock()
    now = 0

    def compute(con: duckdb.DuckDBPyConnection, day: date) -> dict[str, dg.MetadataValue]:
        nonlocal now
        with lock:
            now += 1
            if now > 1:
                met.set()
            if together is not None:
                together.append(now)
        met.wait(patience)
        if day == fails:
            raise ValueError(f"{day} cannot be made")
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE ignored AS SELECT 'day' AS reason, CAST({day.day} AS BIGINT) AS events"
        )
        with lock:
            now -= 1
        return {"number": dg.MetadataValue.int(day.day)}

    @dg.asset(
        key="ignored",
        partitions_def=dg.DailyPartitionsDefinition(FIRST),
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def _asset(context: dg.AssetExecutionContext, engine: Engine) -> None:
        step = Step(outputs={"ignored": "ignored"}, made_from=str, compute=compute)
        refresh(context, lake, engine, step, days_apart=apart)

    return _asset


def run(asset: dg.AssetsDefinition, instance: dg.DagsterInstance) -> bool:
    tags = {"dagster/asset_partition_range_start": FIRST, "dagster/asset_partition_range_end": LAST}
    resources = {"engine": Engine(database=":memory:")}
    return dg.materialize([asset], tags=tags, instance=instance, resources=resources, raise_on_error=False).success


def tables(lake: Lake) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in Path(lake.root).rglob("part.parquet")}


def test_days_made_at_once_are_those_made_in_turn(tmp_path: Path):
    """Prevents rows or metadata of one day in another, where days share a database."""
    found = {}
    for apart in (False, True):
        lake = Lake(root=str(tmp_path / str(apart)))
        together: list[int] = []
        with dg.DagsterInstance.ephemeral() as instance:
            assert run(made(lake, apart=apart, together=together), instance)
            records = instance.fetch_materializations(dg.AssetKey("ignored"), limit=50).records
        told = {
            record.partition_key: record.asset_materialization.metadata["number"].value
            for record in records
            if record.asset_materialization
        }
        assert told == {f"2026-01-{day:02}": day for day in range(5, 17)}
        assert (max(together) > 1) is (apart and _DAYS_AT_ONCE > 1)
        found[apart] = tables(lake)
    assert found[True] == found[False]
    assert len(found[True]) == 12


@pytest.mark.parametrize("apart", [False, True], ids=["in turn", "at once"])
def test_a_day_that_fails_fails_the_run_and_the_next_run_makes_the_rest(tmp_path: Path, apart: bool):
    """Prevents a failure that a thread keeps to itself, and days after it that nobody makes."""
    lake = Lake(root=str(tmp_path))
    bad = date(2026, 1, 8)
    with dg.DagsterInstance.ephemeral() as instance:
        assert not run(made(lake, apart=apart, fails=bad), instance)
        before = tables(lake)
        assert {"day=2026-01-05", "day=2026-01-06", "day=2026-01-07"} <= before.keys()
        assert f"day={bad}" not in before
        if not apart:
            assert len(before) == 3
        assert run(made(lake, apart=apart), instance)
    assert len(tables(lake)) == 12
