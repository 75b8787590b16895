"""The event log that takes batches tells what Dagster's own tells."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import dagster as dg
import pytest
from dagster._core.events import DagsterEvent, DagsterEventType, StepMaterializationData
from dagster._core.storage.event_log import SqliteEventLogStorage

from cli.replay import Home
from orchestration.storage.event_log import BatchingSqliteEventLogStorage

DAYS = dg.DailyPartitionsDefinition("2026-01-05", end_date="2026-01-09")


@dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run(), code_version="1")
def first(context: dg.AssetExecutionContext) -> None:
    for key in context.partition_keys:
        context.add_asset_metadata({"day": key}, partition_key=key)


@dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run(), deps=[first], code_version="1")
def second() -> None: ...


@dg.asset_check(asset=second)
def quiet() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


def told(instance: dg.DagsterInstance) -> dict[str, Any]:
    """Return the answers to the UI's queries after two runs over ranges of days."""
    job = dg.Definitions(
        [first, second], jobs=[dg.define_asset_job("all", executor_def=dg.in_process_executor)], asset_checks=[quiet]
    ).resolve_job_def("all")
    runs = []
    for start, end in (("2026-01-05", "2026-01-07"), ("2026-01-07", "2026-01-08")):
        tags = {"dagster/asset_partition_range_start": start, "dagster/asset_partition_range_end": end}
        runs.append(job.execute_in_process(instance=instance, tags=tags).run_id)
    found: dict[str, Any] = {}
    for key in (first.key, second.key):
        latest = instance.get_latest_materialization_event(key)
        assert latest is not None
        assert latest.asset_materialization is not None
        records = instance.fetch_materializations(key, limit=100, ascending=True).records
        found[key.to_user_string()] = {
            "latest": (latest.asset_materialization.partition, latest.run_id == runs[1]),
            "partitions": sorted(instance.get_materialized_partitions(key)),
            "records": [(record.partition_key, record.run_id == runs[1]) for record in records],
            "metadata": [
                {name: value.value for name, value in record.asset_materialization.metadata.items()}
                for record in records
                if record.asset_materialization
            ],
            "tags": [
                sorted(tags.items())
                for tags in instance.event_log_storage.get_latest_tags_by_partition(
                    key, dg.DagsterEventType.ASSET_MATERIALIZATION, ["dagster/data_version"]
                ).values()
            ],
        }
    checks = instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(second.key, "quiet"), limit=10
    )
    found["checks"] = [(check.status, check.run_id == runs[1], check.partition) for check in checks]
    found["runs"] = [
        sorted(str(record.event_log_entry.dagster_event_type) for record in instance.get_records_for_run(run).records)
        for run in runs
    ]
    found["assets"] = sorted(key.to_user_string() for key in instance.all_asset_keys())
    return found


def test_batches_tell_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that is not mirrored into the index, or whose checks are not planned, would leave the UI blank."""
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "0")
    single = tmp_path / "single"
    single.mkdir()
    with dg.DagsterInstance.local_temp(str(single)) as instance:
        one_by_one = told(instance)
    monkeypatch.delenv("DAGSTER_EVENT_BATCH_SIZE")
    monkeypatch.setenv("DAGSTER_HOME", "")
    with Home(tmp_path / "home").instance() as instance:
        assert isinstance(instance.event_log_storage, BatchingSqliteEventLogStorage)
        batched = told(instance)
    assert batched == one_by_one
    assert batched["second"]["partitions"] == ["2026-01-05", "2026-01-06", "2026-01-07", "2026-01-08"]
    assert len(batched["first"]["records"]) == 5


def test_either_goes_on_with_the_others_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home whose settings name one class was perhaps made with the other."""
    monkeypatch.setenv("DAGSTER_HOME", "")
    with Home(tmp_path).instance() as instance:
        told(instance)
    own = SqliteEventLogStorage(str(tmp_path / "dagster" / "history" / "runs"))
    assert own.get_materialized_partitions(first.key) == {"2026-01-05", "2026-01-06", "2026-01-07", "2026-01-08"}
    assert [key.to_user_string() for key in own.all_asset_keys()] == ["first", "second"]


def batch(run: str, key: dg.AssetKey, days: list[str]) -> list[dg.EventLogEntry]:
    """Return materialisations of one asset, each with its day as its version."""
    made = [dg.AssetMaterialization(key, partition=day, tags={"dagster/data_version": day}) for day in days]
    return [
        dg.EventLogEntry(
            error_info=None,
            level="debug",
            user_message="",
            run_id=run,
            timestamp=1.0,
            job_name="all",
            dagster_event=DagsterEvent(
                DagsterEventType.ASSET_MATERIALIZATION.value,
                "all",
                event_specific_data=StepMaterializationData(each),
            ),
        )
        for each in made
    ]


def test_batches_of_two_runs_at_once_keep_apart(tmp_path: Path) -> None:
    """Prevents the tags of one run's events from being noted of another's that was written in between."""
    keys = {"one": dg.AssetKey("a"), "two": dg.AssetKey("b")}
    days = [f"2026-{month:02}-{day:02}" for month in range(1, 4) for day in range(1, 29)]
    together = Barrier(len(keys))

    def store(run: str) -> None:
        storage = BatchingSqliteEventLogStorage(str(tmp_path))
        together.wait()
        for first_of in range(0, len(days), 7):
            storage.store_event_batch(batch(run, keys[run], days[first_of : first_of + 7]))
        storage.dispose()

    with ThreadPoolExecutor(len(keys)) as threads:
        list(threads.map(store, keys))
    kind = dg.DagsterEventType.ASSET_MATERIALIZATION
    with dg.DagsterInstance.ephemeral() as instance:
        storage = BatchingSqliteEventLogStorage(str(tmp_path))
        storage.register_instance(instance)
        for key in keys.values():
            found = storage.get_latest_tags_by_partition(key, kind, ["dagster/data_version"])
            assert found == {day: {"dagster/data_version": day} for day in days}
        storage.dispose()
