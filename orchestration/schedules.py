"""The one job, the tick every 15 minutes and the daily reconcile."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import dagster as dg

from assets.audit_events import PullConfig
from assets.resources import Clock

__all__ = ["JOB", "Job", "pull_job", "range_tags", "run_config", "schedules"]

Job = Any
"""What `dg.define_asset_job` gives; its type has no public name."""

JOB = "watch_uploads"

_TICK_HOURS = 3
_RECONCILE_HOURS = 72


def range_tags(first: date, last: date) -> dict[str, str]:
    """Tags that make one run carry all days from first to last."""
    return {
        "dagster/asset_partition_range_start": first.isoformat(),
        "dagster/asset_partition_range_end": last.isoformat(),
    }


def run_config(providers: Sequence[str], *, again_hours: int) -> dg.RunConfig:
    """Configuration of a run: how far back slices that are not final are pulled again."""
    return dg.RunConfig(
        ops={f"{provider}__audit_events": PullConfig(again_hours=again_hours) for provider in providers}
    )


def pull_job() -> Job:
    """The job over all assets and checks."""
    return dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.all(),
        executor_def=dg.in_process_executor,
        description="Pulls audit events and carries them through to alerts, for a range of days.",
    )


def schedules(job: Job, clock: Clock, providers: Sequence[str]) -> list[dg.ScheduleDefinition]:
    """The tick and the reconcile over one job.

    Args:
        job: The job.
        clock: Says which day it is.
        providers: Configured providers.
    """

    @dg.schedule(
        name="tick",
        job=job,
        cron_schedule="*/15 * * * *",
        description="Yesterday and today: new slices, and those of the last three hours again.",
    )
    def tick(_context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        today = clock.now().date()
        return dg.RunRequest(
            tags=range_tags(today - timedelta(days=1), today),
            run_config=run_config(providers, again_hours=_TICK_HOURS),
        )

    @dg.schedule(
        name="reconcile",
        job=job,
        cron_schedule="40 4 * * *",
        description="The last three days: all slices that are not final again, for events that came late.",
    )
    def reconcile(_context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        today = clock.now().date()
        return dg.RunRequest(
            tags=range_tags(today - timedelta(days=3), today),
            run_config=run_config(providers, again_hours=_RECONCILE_HOURS),
        )

    return [tick, reconcile]
