"""The job that pulls, and its schedules: a poll run every 15 minutes and a late-data re-pull every day."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

import dagster as dg

from assets.audit_events import PullConfig
from assets.checks import INTACT
from common.clock import Clock
from orchestration.logs import logger_config
from orchestration.settings import Settings
from orchestration.storage.dead_runs import DeadRuns

__all__ = [
    "JOB",
    "LOCATION",
    "SCHEDULES",
    "UNFINISHED",
    "Job",
    "daily_schedule",
    "default_status",
    "pull_job",
    "range_tags",
    "run_config",
    "schedules",
    "verify_job",
]

Job = Any
"""Return type of `dg.define_asset_job`, which has no public name."""

JOB = "watch_uploads"
_INTACT = dg.AssetCheckKey(dg.AssetKey("alerts"), INTACT)
LOCATION = "uploadwatch"
"""Name of the code location, as `workspace.yaml` and the units in `deploy` have it."""
SCHEDULES = ("poll", "late_data", "verify", "remove_old_runs")
"""Schedules that a deployment needs; unless UPLOADWATCH_SCHEDULES_ON says otherwise, they are off at first."""

_DAY = timedelta(days=1)
_LEAST_LATE_DATA_DAYS = 3
"""Least days of a late-data re-pull, whatever the allowed lateness is: enough to catch up after a weekend's outage."""
_LONGEST = "7200"
"""Seconds after which Dagster ends a scheduled run, where it monitors runs; a run without end would block the next."""
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
"""States of a run that has not ended."""


def range_tags(first: date, last: date) -> dict[str, str]:
    """Return the tags that make one run cover all days from first to last."""
    return {
        "dagster/asset_partition_range_start": first.isoformat(),
        "dagster/asset_partition_range_end": last.isoformat(),
    }


def run_config(providers: Iterable[str], *, late_data: bool, loggers: Iterable[str] = ()) -> dg.RunConfig:
    """Return the configuration of a run.

    Args:
        providers: Configured providers.
        late_data: Whether the run pulls again all slices that are not final.
        loggers: Loggers to use in place of Dagster's own.
    """
    ops = {f"{provider}__audit_events": PullConfig(late_data=late_data) for provider in providers}
    return dg.RunConfig(ops=ops, **logger_config(loggers))


def default_status(settings: Settings) -> dg.DefaultScheduleStatus:
    """Return whether schedules run that nobody has switched in the UI."""
    return dg.DefaultScheduleStatus.RUNNING if settings.schedules_on else dg.DefaultScheduleStatus.STOPPED


def pull_job() -> Job:
    """Return the job over all assets and checks."""
    return dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.all() - dg.AssetSelection.checks(_INTACT),
        description="Pulls audit events and computes everything up to the alerts, for a range of days.",
    )


def verify_job() -> Job:
    """Return the job that reads every file of the lake."""
    return dg.define_asset_job(
        "verify",
        selection=dg.AssetSelection.checks(_INTACT),
        description="Reads every file of the lake and compares it with what was written: the check `intact`.",
    )


def daily_schedule(
    job: Job, cron: str, description: str, status: dg.DefaultScheduleStatus, loggers: Iterable[str] = ()
) -> dg.ScheduleDefinition:
    """Return a schedule with the name of its job, which it runs once a day.

    Args:
        job: The job.
        cron: Time of the day, UTC, as a cron expression.
        description: What it is for.
        status: Whether it runs until somebody switches it in the UI.
        loggers: Loggers of its runs, see :func:`run_config`.
    """
    return dg.ScheduleDefinition(
        name=job.name,
        job=job,
        cron_schedule=cron,
        run_config=logger_config(loggers),
        description=description,
        default_status=status,
    )


def schedules(
    job: Job,
    clock: Clock,
    horizons: Mapping[str, tuple[timedelta, timedelta]],
    settings: Settings,
    loggers: Iterable[str] = (),
) -> list[dg.ScheduleDefinition]:
    """Return the schedules of poll runs and of late-data re-pulls over one job.

    Args:
        job: The job.
        clock: Returns the present time.
        horizons: Allowed lateness and lookback of each configured provider.
        settings: First and last day of the partitions, and whether schedules run until somebody switches them.
        loggers: Loggers of the runs, see :func:`run_config`.
    """
    dead, status = DeadRuns(settings.home), default_status(settings)

    def schedule(name: str, cron: str, *, days: int, late_data: bool, description: str) -> dg.ScheduleDefinition:
        @dg.schedule(name=name, job=job, cron_schedule=cron, description=description, default_status=status)
        def _schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
            today = clock.now().date()
            first = max(today - timedelta(days=days), settings.start_date)
            last = min(today, settings.end_date - timedelta(days=1)) if settings.end_date else today
            if first > last:
                return dg.SkipReason(f"No partition between {today - timedelta(days=days)} and {today}.")
            # A run whose process died would count as unfinished.
            dead.end(context.instance)
            # Runs that queue up behind a long one would all pull the same days.
            waiting = dg.RunsFilter(job_name=JOB, statuses=UNFINISHED, tags={"dagster/schedule_name": name})
            if context.instance.get_runs_count(waiting):
                return dg.SkipReason(f"The last run of `{name}` has not finished.")
            return dg.RunRequest(
                tags={**range_tags(first, last), "dagster/max_runtime": _LONGEST},
                run_config=run_config(horizons, late_data=late_data, loggers=loggers),
            )

        return _schedule

    lateness = max(-(-lateness // _DAY) for lateness, _ in horizons.values())
    overlap = max(-(-overlap // _DAY) for _, overlap in horizons.values())
    return [
        schedule(
            "poll",
            "*/15 * * * *",
            days=overlap,
            late_data=False,
            description="Poll run over yesterday and today: new slices, and again those within each provider's "
            "lookback.",
        ),
        schedule(
            "late_data",
            "40 4 * * *",
            days=max(lateness, _LEAST_LATE_DATA_DAYS),
            late_data=True,
            description="Late-data re-pull of the days within the longest allowed lateness: again all slices that are "
            "not final, for events that came late.",
        ),
    ]
