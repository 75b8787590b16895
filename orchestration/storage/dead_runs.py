"""Dead runs: runs whose process is gone are found by their lease and failed with a message, which frees their pools.

Dagster notices the end of a run's process only while the code server that started it lives. A run whose machine, code
server or command went down would stay started for good, and every later run would wait for the pools that it holds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg

from orchestration.private import PrivateFiles
from orchestration.storage.dagster_internals import JobFailureData, RunFailureReason
from orchestration.storage.run_lease import Leases, LeaseState

__all__ = ["DeadRuns", "dead_runs_sensor"]

_INTERVAL_SECONDS = 30
_START_SECONDS = 60.0
"""Time without a lease after which a run has no process; imports take about ten seconds."""
_BEGUN = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
"""States of a run that should have a process; a queued run has none yet."""
_KEPT = "What it finished is kept: the next poll run continues from there, and a backfill when it is launched again."
_ENDED = (
    "The process of this run ended without an error: it was killed, ran out of memory, or its machine or code server "
    f"went down. {_KEPT} If it happens again, look for the kernel's out-of-memory killer in the system's log."
)
_NEVER_STARTED = (
    f"No process started this run within {_START_SECONDS:.0f} seconds: its code server or machine went down meanwhile. "
    f"{_KEPT}"
)
_STOPPED = "This run was asked to stop, and its process is gone."


class DeadRuns:
    """Search for runs whose process is gone.

    Args:
        home: Directory of the deployment.
        clock: Monotonic seconds, so that setting the host's clock fails no run.
    """

    def __init__(self, home: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._leases = Leases(home)
        self._clock = clock
        self._without_lease: dict[str, float] = {}

    def end(self, instance: dg.DagsterInstance, location: str | None = None) -> list[str]:
        """End the runs whose process is gone, and free their pools.

        Args:
            instance: Dagster's instance.
            location: Name of the code location whose runs without a lease are ended, too, once they have had none for
                longer than a start takes; None for none.

        Returns:
            Ids of the runs that were ended.
        """
        begun = {run.run_id: run for run in instance.get_runs(dg.RunsFilter(statuses=_BEGUN))}
        states = {run_id: self._leases.state(run_id) for run_id in begun}
        now = self._clock()
        self._without_lease = {
            run_id: self._without_lease.get(run_id, now)
            for run_id, run in begun.items()
            if states[run_id] is LeaseState.NONE and location and _location(run) == location
        }
        lost = [run_id for run_id, since in self._without_lease.items() if now - since >= _START_SECONDS]
        dead = [run_id for run_id, state in states.items() if state is LeaseState.FREE]
        ended = [run_id for run_id in dead if self._end(instance, run_id, LeaseState.FREE, _ENDED)]
        ended += [run_id for run_id in lost if self._end(instance, run_id, LeaseState.NONE, _NEVER_STARTED)]
        self._sweep(instance)
        return ended

    def _end(self, instance: dg.DagsterInstance, run_id: str, state: LeaseState, said: str) -> bool:
        """End a run if its state has not changed; a run that ends normally records that before it frees its lease."""
        run = instance.get_run_by_id(run_id)
        if run is None or run.status not in _BEGUN or self._leases.state(run_id) is not state:
            return False
        if run.status is dg.DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, _STOPPED)
        else:
            reason = JobFailureData(error=None, failure_reason=RunFailureReason.UNEXPECTED_TERMINATION)
            instance.report_run_failed(run, said, reason)
        if instance.event_log_storage.supports_global_concurrency_limits:
            instance.event_log_storage.free_concurrency_slots_for_run(run_id)
        return True

    def _sweep(self, instance: dg.DagsterInstance) -> None:
        """Remove leases of runs that have ended, or that Dagster does not know."""
        free = [run_id for run_id in self._leases.known() if self._leases.state(run_id) is LeaseState.FREE]
        if not free:
            return
        unfinished = {run.run_id for run in instance.get_runs(dg.RunsFilter(run_ids=free)) if not run.is_finished}
        for run_id in set(free) - unfinished:
            self._leases.remove(run_id)


def _location(run: dg.DagsterRun) -> str | None:
    return run.remote_job_origin.location_name if run.remote_job_origin else None


def dead_runs_sensor(home: Path) -> dg.SensorDefinition:
    """Return the sensor that ends runs whose process is gone; it is on from the start."""
    runs, files = DeadRuns(home), PrivateFiles(home)

    @dg.sensor(
        name="dead_runs",
        minimum_interval_seconds=_INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Fails runs whose process is gone, so that runs that wait for their pools go on. Removes other "
        "users' permissions on files of the home.",
    )
    def _dead_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        files.take_back()
        origin = context.code_location_origin
        ended = runs.end(context.instance, origin.location_name if origin else None)
        for run_id in ended:
            context.log.warning("Run %s had no process any more and was ended.", run_id)
        return dg.SkipReason(f"{len(ended)} runs had no process any more and were ended.")

    return _dead_runs
