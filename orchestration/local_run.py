"""Runs in this process, which Dagster shows and monitors like runs of the code location."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from orchestration.schedules import LOCATION, Job
from orchestration.storage.dagster_internals import (
    SINGLETON_REPOSITORY_NAME,
    InMemoryJob,
    RegisteredCodeLocationOrigin,
    RemoteRepositoryOrigin,
    execute_run,
)
from orchestration.storage.run_lease import Leases

__all__ = ["run_locally"]


def run_locally(
    job: Job,
    instance: dg.DagsterInstance,
    home: Path,
    *,
    run_id: str,
    tags: Mapping[str, str],
    run_config: Mapping[str, Any],
    raise_on_error: bool = True,
) -> dg.JobExecutionResult:
    """Execute a run of a job in this process.

    Args:
        job: The job, resolved.
        instance: Dagster's instance.
        home: Directory of the deployment, where the run's lease is held.
        run_id: Id of the run.
        tags: Its tags.
        run_config: Its configuration.
        raise_on_error: Whether the error of a step is raised; else the result reports it.
    """
    origin = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(LOCATION), SINGLETON_REPOSITORY_NAME)
    with Leases(home).held(run_id):
        run = instance.create_run_for_job(
            job_def=job,
            run_id=run_id,
            run_config=run_config,
            # The caller sees how it ends; Dagster must not restart it beside the caller's own second attempt.
            tags={**job.run_tags, **tags, "dagster/max_retries": "0"},
            # Without an origin no sensor sees the run, and the timeline leaves it out.
            remote_job_origin=origin.get_job_origin(job.name),
        )
        return execute_run(InMemoryJob(job), run, instance, raise_on_error=raise_on_error)
