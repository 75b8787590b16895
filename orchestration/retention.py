"""The job that removes every day what is older than it is to be kept."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import dagster as dg

from lake.retention import by_table, remove_old

__all__ = ["retention_job", "retention_schedule"]


def retention_job(keep: Mapping[str, int]) -> Any:
    """The job that removes what is older than it is to be kept, and says so in its log and metadata."""

    @dg.op(name="remove_old", required_resource_keys={"lake", "clock"})
    def _remove(context: dg.OpExecutionContext) -> None:
        today: date = context.resources.clock.now().date()
        for name, olds in by_table(remove_old(context.resources.lake, keep, today)).items():
            context.log.info("%s: %d removed, up to %s", name, len(olds), max(old.day for old in olds))

    @dg.job(name="retention", description="Removes the days of each table that are older than they are to be kept.")
    def _job() -> None:
        _remove()

    return _job


def retention_schedule(job: Any) -> dg.ScheduleDefinition:
    """Once a day, after the reconcile."""
    return dg.ScheduleDefinition(
        name="retention",
        job=job,
        cron_schedule="10 6 * * *",
        description="Removes what is older than UPLOADWATCH_RETENTION says.",
    )
