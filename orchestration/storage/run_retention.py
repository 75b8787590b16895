"""The job that removes old runs from Dagster's storage, which would keep them all for ever.

Poll runs alone are a hundred runs a day, with some hundred events each. The UI reads from these events what it shows
of an asset's day: that it exists, its rows and the run that made it. So a run is kept while it is the last one that
made a day of an asset. Once a day is final, that is one of its late-data re-pulls. The lake is not touched.
"""

from datetime import datetime, timedelta

import dagster as dg
import sqlalchemy as sa

from orchestration.storage.dagster_internals import AssetCheckExecutionsTable as Evaluations
from orchestration.storage.dagster_internals import SqlEventLogStorage

__all__ = ["remove_old_runs", "run_retention_job"]

_AT_ONCE = 500
_FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


class RunRetentionConfig(dg.Config):
    """Retention of runs.

    Attributes:
        days: Age in days from which runs are removed.
    """

    days: int = 30


def remove_old_runs(instance: dg.DagsterInstance, before: datetime) -> tuple[int, int]:
    """Remove finished runs, their events and check evaluations, except those that the UI needs to show the assets.

    Args:
        instance: Dagster's instance.
        before: Runs created before are removed, UTC with zone.

    Returns:
        How many runs were removed, and how many older ones were kept because they last made a day of an asset.
    """
    old: list[str] = []
    while records := instance.get_run_records(
        dg.RunsFilter(statuses=_FINISHED, created_before=before), limit=_AT_ONCE, cursor=old[-1] if old else None
    ):
        old += [record.dagster_run.run_id for record in records]
    needed = _makers(instance)
    removed = [run_id for run_id in old if run_id not in needed]
    for run_id in removed:
        instance.delete_run(run_id)
    _remove_evaluations(instance, before)
    return len(removed), len(old) - len(removed)


def _makers(instance: dg.DagsterInstance) -> set[str]:
    """Return the ids of the runs that last made each asset and partition."""
    found = set()
    for key in instance.get_asset_keys():
        latest = instance.get_latest_storage_id_by_partition(key, dg.DagsterEventType.ASSET_MATERIALIZATION)
        ids = sorted(latest.values())
        for start in range(0, len(ids), _AT_ONCE):
            wanted = dg.AssetRecordsFilter(key, storage_ids=ids[start : start + _AT_ONCE])
            found |= {record.run_id for record in instance.fetch_materializations(wanted, limit=_AT_ONCE).records}
    return found


def _remove_evaluations(instance: dg.DagsterInstance, before: datetime) -> None:
    """Remove check evaluations, which outlive their runs; keep the last one of each check."""
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        return
    with storage.index_transaction() as connection:
        latest = sa.select(sa.func.max(Evaluations.c.id)).group_by(Evaluations.c.asset_key, Evaluations.c.check_name)
        old = Evaluations.c.create_timestamp < before.replace(tzinfo=None)
        connection.execute(Evaluations.delete().where(old, Evaluations.c.id.not_in(latest)))


@dg.op(name="remove")
def _remove(context: dg.OpExecutionContext, config: RunRetentionConfig) -> None:
    # Dagster dates its records by the real time, whatever the clock of the assets shows.
    [run] = context.instance.get_run_records(dg.RunsFilter(run_ids=[context.run_id]))
    removed, kept = remove_old_runs(context.instance, run.create_timestamp - timedelta(days=config.days))
    context.log.info("%d runs removed; %d older ones kept, because they last made a day of an asset", removed, kept)


@dg.job(
    name="remove_old_runs",
    description="Removes runs older than 30 days from Dagster's storage, except those that last made a day of an "
    "asset. The lake is not touched.",
)
def run_retention_job() -> None:
    """Remove old runs."""
    _remove()
