"""The daily job that removes the days of each table that are past their retention."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import dagster as dg

from lake.retention import by_table, remove_old

__all__ = ["retention_job"]


def retention_job(keep: Mapping[str, int]) -> Any:
    """Return the job that removes days past their retention and logs how many it removed.

    Args:
        keep: Days that each table is kept.
    """

    @dg.op(name="remove_old", required_resource_keys={"lake", "clock"})
    def _remove(context: dg.OpExecutionContext) -> None:
        today: date = context.resources.clock.now().date()
        for name, olds in by_table(remove_old(context.resources.lake, keep, today)).items():
            context.log.info("%s: %d removed, up to %s", name, len(olds), max(old.day for old in olds))

    @dg.job(name="retention", description="Removes the days of each table that are past their retention.")
    def _job() -> None:
        _remove()

    return _job
