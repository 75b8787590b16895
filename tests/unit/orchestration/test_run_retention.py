"""Removal of old runs: what goes, and what the UI says of the assets afterwards."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.test_utils import create_run_for_test

from orchestration.storage.run_retention import remove_old_runs, run_retention_job

DAYS = dg.DailyPartitionsDefinition(start_date="2026-01-05", end_date="2026-01-08")


@dg.asset(partitions_def=DAYS)
def table(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"made_by": context.run.run_id})


@dg.asset_check(asset=table)
def checked() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@pytest.fixture
def instance(tmp_path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as made:
        yield made


def made(instance: dg.DagsterInstance, day: str) -> str:
    """A run that makes a day; its id."""
    return dg.materialize([table, checked], partition_key=day, instance=instance).run_id


def makers(instance: dg.DagsterInstance) -> dict[str | None, object]:
    """Of each day the run that its latest materialisation names."""
    found: dict[str | None, object] = {}
    for record in instance.fetch_materializations(table.key, limit=100, ascending=True).records:
        found[record.partition_key] = record.asset_materialization.metadata["made_by"].value
    return found


def test_what_is_known_of_each_day_stays(instance):
    """Prevents days that show as missing in the UI, and a storage that keeps every tick for ever."""
    first = [made(instance, "2026-01-05") for _ in range(3)]
    second = made(instance, "2026-01-06")
    unfinished = create_run_for_test(instance, status=dg.DagsterRunStatus.STARTED)
    known = makers(instance)

    assert remove_old_runs(instance, datetime.now(UTC) - timedelta(days=30)) == (0, 0)
    assert remove_old_runs(instance, datetime.now(UTC) + timedelta(days=1)) == (2, 2)

    left = {run.run_id for run in instance.get_runs()}
    assert left == {first[-1], second, unfinished.run_id}
    assert makers(instance) == known == {"2026-01-05": first[-1], "2026-01-06": second}
    assert set(instance.get_materialized_partitions(table.key)) == {"2026-01-05", "2026-01-06"}
    assert not instance.all_logs(first[0])
    [check_key] = checked.check_keys
    [evaluation] = instance.event_log_storage.get_asset_check_execution_history(check_key, limit=10)
    assert evaluation.run_id == second


def test_the_job_keeps_what_is_younger_than_it_is_told(instance):
    """Prevents a job that counts days from somewhere else than its own time."""
    made(instance, "2026-01-05")
    made(instance, "2026-01-05")
    job = run_retention_job
    assert job.execute_in_process(instance=instance).success
    assert instance.get_runs_count() == 3
    config = {"ops": {"remove": {"config": {"days": -1}}}}
    assert job.execute_in_process(instance=instance, run_config=config).success
    assert instance.get_runs_count() == 2
