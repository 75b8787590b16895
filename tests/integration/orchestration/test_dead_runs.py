"""Runs whose process is gone: who began them does not matter, and no living run is taken for dead."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.test_utils import create_run_for_test

from orchestration.storage.dead_runs import DeadRuns, dead_runs_sensor
from orchestration.storage.run_lease import Leases, LeaseState
from tests.support.pipeline import FIRST
from tests.support.production import Production, needs_postgres, producing
from tests.support.sandbox_server import ROOT
from tests.support.waiting import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.sampled

BUSY = """
import sys
from pathlib import Path
from orchestration.storage.run_lease import Leases
with Leases(Path(sys.argv[1])).held(sys.argv[2]):
    print("held", flush=True)
    sum(range(10**11))
"""
"""Program that holds a lease, and the interpreter's lock for minutes without a pause."""
LOCATION = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("uploadwatch"), "__repository__")


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    storage = tmp_path / "dagster"
    storage.mkdir()
    with dg.DagsterInstance.local_temp(str(storage)) as made:
        yield made


def made(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, *, origin: bool = True) -> str:
    """A run in this state; its id."""
    job = LOCATION.get_job_origin("watch_uploads") if origin else None
    return create_run_for_test(instance, job_name="watch_uploads", status=status, remote_job_origin=job).run_id


def test_a_busy_or_stopped_process_keeps_its_lease(tmp_path: Path) -> None:
    """Prevents a run of hours from being failed because its process was too busy, or stopped, to say that it lives."""
    leases, run_id = Leases(tmp_path), str(uuid4())
    command = [sys.executable, "-c", BUSY, str(tmp_path), run_id]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert leases.state(run_id) is LeaseState.HELD
        process.send_signal(signal.SIGSTOP)
        time.sleep(1)
        assert leases.state(run_id) is LeaseState.HELD
        process.send_signal(signal.SIGCONT)
        process.kill()
    assert leases.state(run_id) is LeaseState.FREE


def test_a_run_whose_lease_is_free_is_ended_and_only_that(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """Prevents pools that a dead run holds for good, a living run that is failed, and one that waits being lost."""
    leases, state = Leases(tmp_path), dg.DagsterRunStatus
    died, stopped, begun = (made(instance, each) for each in (state.STARTED, state.CANCELING, state.NOT_STARTED))
    alive, waits, over = (made(instance, each) for each in (state.STARTED, state.QUEUED, state.SUCCESS))
    instance.event_log_storage.set_concurrency_slots("box", 1)
    assert instance.event_log_storage.claim_concurrency_slot("box", died, "box__audit_events").is_claimed
    for run_id in (died, stopped, begun, over):
        # A process that is gone leaves its file.
        (tmp_path / "runs").mkdir(exist_ok=True)
        (tmp_path / "runs" / run_id).touch()
    with leases.held(alive):
        assert set(DeadRuns(tmp_path).end(instance, "uploadwatch")) == {died, stopped, begun}
        statuses = {run.run_id: run.status for run in instance.get_runs()}
        assert leases.known() == [alive]
    assert statuses == {
        died: state.FAILURE,
        begun: state.FAILURE,
        stopped: state.CANCELED,
        alive: state.STARTED,
        waits: state.QUEUED,
        over: state.SUCCESS,
    }
    [failure] = instance.all_logs(died, of_type=dg.DagsterEventType.RUN_FAILURE)
    assert "it was killed" in failure.message
    assert "the next poll run continues from there" in failure.message
    assert not instance.event_log_storage.get_concurrency_info("box").claimed_slots
    assert leases.known() == []


def test_a_run_that_no_process_took_up_is_ended_after_a_minute(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """Prevents a run that died while it was started from being waited for, and one that starts from being failed."""
    passed = [0.0]
    runs, state = DeadRuns(tmp_path, lambda: passed[0]), dg.DagsterRunStatus
    lost, slow = made(instance, state.STARTING), made(instance, state.STARTING)
    others = made(instance, state.STARTED, origin=False)
    assert runs.end(instance, "uploadwatch") == []
    passed[0] = 59
    with Leases(tmp_path).held(slow):
        assert runs.end(instance, "uploadwatch") == []
        passed[0] = 61
        assert runs.end(instance, "another") == []
        assert runs.end(instance, "uploadwatch") == []
        passed[0] = 125
        assert runs.end(instance, "uploadwatch") == [lost]
    # Of a run without a code location nobody knows whose it is.
    assert instance.get_run_by_id(others).status is state.STARTED


def test_dead_runs_are_looked_for_every_half_minute(tmp_path: Path) -> None:
    """Prevents pools that stay taken for long: what waits for them is late by that."""
    assert dead_runs_sensor(tmp_path).minimum_interval_seconds == 30


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=needs_postgres)])
def production(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    with producing(tmp_path_factory.mktemp(request.param), postgres=request.param == "postgres") as running:
        yield running


def test_a_killed_backfill_frees_its_pools(production: Production) -> None:
    """Prevents a closed terminal from stopping the product for good: every later run waits for the dead one's pools."""
    production.hold_back()
    command = production.backfill(FIRST.isoformat(), FIRST.isoformat())
    run = wait_until(lambda: next(iter(production.instance.get_runs()), None), "the command begins its run")
    assert run is not None
    production.worker(run)
    waiting = production.tick()
    os.kill(command.pid, signal.SIGKILL)
    production.answer_again()
    dead = production.ended(run)
    assert dead.status is dg.DagsterRunStatus.FAILURE
    [failure] = production.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    assert "it was killed" in failure.message
    assert production.ended(waiting).status is dg.DagsterRunStatus.SUCCESS
    again = production.backfill(FIRST.isoformat(), FIRST.isoformat())
    assert again.wait(timeout=PATIENCE_SECONDS) == 0
    assert not [each for each in production.instance.get_runs() if each.parent_run_id]


def test_a_run_that_went_down_with_its_machine_frees_its_pools(production: Production) -> None:
    """Prevents a run of a schedule from being waited for after its code server, and all runs of it, were killed."""
    production.hold_back()
    run = production.tick()
    production.worker(run)
    production.stop_the_machine()
    production.answer_again()
    production.start_code_server()
    assert production.ended(run).status is dg.DagsterRunStatus.FAILURE
    assert production.ended(production.begun_again(run)).status is dg.DagsterRunStatus.SUCCESS
