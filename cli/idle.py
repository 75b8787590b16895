"""A deployment without a run in progress, which some commands need."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from common.errors import CommandError
from orchestration.dagster_records import open_records
from orchestration.schedules import UNFINISHED
from orchestration.settings import Settings
from orchestration.storage.dead_runs import DeadRuns

__all__ = ["refuse_while_running"]


def refuse_while_running(values: Mapping[str, str]) -> None:
    """Refuse to go on while Dagster has an unfinished run, which would write back what it has read.

    Raises:
        CommandError: There is such a run, or Dagster's records can't be found.
    """
    if values.get("DAGSTER_HOME"):
        with open_records(values) as instance:
            DeadRuns(Settings.read(values).home).end(instance)
            if instance.get_runs_count(dg.RunsFilter(statuses=UNFINISHED)):
                raise CommandError(
                    "A run is in progress or waits, and would write back what it has read. Switch the schedules off, "
                    "and wait for it to end or terminate it."
                )
