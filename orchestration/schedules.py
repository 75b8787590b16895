"""The one job, the tick every 15 minutes and the daily reconcile."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

import dagster as dg

from assets.audit_events import PullConfig
from assets.checks import INTACT
from assets.core.resources import Clock
from orchestration.settings import Settings
from orchestration.storage.dead_runs import DeadRuns

__all__ = [
    "JOB",
    "LOCATION",
    "UNFINISHED",
    "Job",
    "pull_job",
    "range_tags",
    "run_config",
    "schedules",
    "verify_job",
    "verify_schedule",
]

Job = Any
"""Return type of `dg.define_asset_job`, which has no public name."""

JOB = "watch_uploads"
_INTACT = dg.AssetCheckKey(dg.AssetKey("alerts"), INTACT)
LOCATION = "uploadwatch"
"""Name of the code location, as `workspace.yaml` and the units in `deploy` have it."""

_DAY = timedelta(days=1)
_LEAST_RECONCILED = 3
"""Days that a reconcile covers however short the horizons are: a stop over a weekend is made up for by itself."""
_LONGEST = "7200"
"""Seconds after which a run that a schedule began is ended, where runs are monitored: no later one would begin."""
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
"""States of a run that is yet to end."""


def range_tags(first: date, last: date) -> dict[str, str]:
    """Return the tags that make one run cover all days from first to last."""
    return {
        "dagster/asset_partition_range_start": first.isoformat(),
        "dagster/asset_partition_range_end": last.isoformat(),
    }


def run_config(providers: Iterable[str], *, reconcile: bool) -> dg.RunConfig:
    """Configuration of a run: whether all slices that are not final are pulled again."""
    return dg.RunConfig(ops={f"{provider}__audit_events": PullConfig(reconcile=reconcile) for provider in providers})


def pull_job() -> Job:
    """The job over all assets and checks."""
    return dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.all() - dg.AssetSelection.checks(_INTACT),
        description="Pulls audit events and carries them through to alerts, for a range of days.",
    )


def verify_job() -> Job:
    """The job that reads every file of the lake."""
    return dg.define_asset_job(
        "verify",
        selection=dg.AssetSelection.checks(_INTACT),
        description="Reads every file of the lake and compares it with what was written: the check `intact`.",
    )


def verify_schedule(job: Job) -> dg.ScheduleDefinition:
    """The job once a day."""
    return dg.ScheduleDefinition(
        name="verify", job=job, cron_schedule="50 5 * * *", description="Looks for damaged files once a day."
    )


def schedules(
    job: Job, clock: Clock, horizons: Mapping[str, tuple[timedelta, timedelta]], settings: Settings
) -> list[dg.ScheduleDefinition]:
    """The tick and the reconcile over one job.

    Args:
        job: The job.
        clock: Says which day it is.
        horizons: Lateness horizon and overlap of each configured provider.
        settings: First and last day of the partitions.
    """
    dead = DeadRuns(settings.home)

    def schedule(name: str, cron: str, *, days: int, reconcile: bool, description: str) -> dg.ScheduleDefinition:
        @dg.schedule(name=name, job=job, cron_schedule=cron, description=description)
        def _schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
            today = clock.now().date()
            first = max(today - timedelta(days=days), settings.start_date)
            last = min(today, settings.end_date - timedelta(days=1)) if settings.end_date else today
            if first > last:
                return dg.SkipReason(f"No partition between {today - timedelta(days=days)} and {today}.")
            # A run that died would count as one that has not finished.
            dead.end(context.instance)
            # Ticks that wait behind a long run would all ask for the same days.
            waiting = dg.RunsFilter(job_name=JOB, statuses=UNFINISHED, tags={"dagster/schedule_name": name})
            if context.instance.get_runs_count(waiting):
                return dg.SkipReason(f"The last {name} has not finished.")
            return dg.RunRequest(
                tags={**range_tags(first, last), "dagster/max_runtime": _LONGEST},
                run_config=run_config(horizons, reconcile=reconcile),
            )

        return _schedule

    lateness = max(-(-lateness // _DAY) for lateness, _ in horizons.values())
    overlap = max(-(-overlap // _DAY) for _, overlap in horizons.values())
    return [
        schedule(
            "tick",
            "*/15 * * * *",
            days=overlap,
            reconcile=False,
            description="Yesterday and today: new slices, and those within each provider's overlap again.",
        ),
        schedule(
            "reconcile",
            "40 4 * * *",
            days=max(lateness, _LEAST_RECONCILED),
            reconcile=True,
            description="The days within the longest lateness horizon: all slices that are not final again, for "
            "events that came late.",
        ),
    ]
