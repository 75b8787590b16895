"""Days of a deployment in a minute: schedules, queue and runs as they are, with clocks that are moved on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import requests
from dagster._core.test_utils import freeze_time, instance_for_test
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import ModuleTarget
from dagster._daemon.daemon import get_default_daemon_logger
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from dagster._scheduler.scheduler import launch_scheduled_runs

from cli.replay import Home, Sandbox, deployment, materialise
from tests.support.pipeline import FIRST, Quick, Watched, burst, moment, sandbox, write

pytestmark = pytest.mark.sampled("module")

DAYS = 8
START = moment(3, 5)
PROVIDERS = ("box", "dropbox")
QUIET = 6
DOWN = [{"api": "box", "kind": "failing", "status": 503, "retry_after": 0, "times": "always"}]


_LAUNCHER = "dagster._core.launcher.sync_in_memory_run_launcher"
SETTINGS = {
    "run_coordinator": {"module": "dagster._core.run_coordinator", "class": "QueuedRunCoordinator"},
    # A process for each run is what test_production.py is for.
    "run_launcher": {"module": _LAUNCHER, "class": "SyncInMemoryRunLauncher"},
    "concurrency": {"pools": {"default_limit": 1, "granularity": "run"}},
}
_EVENTS = {"module": "orchestration.storage.event_log", "class": "BatchingSqliteEventLogStorage"}
_MEMORY = Path("/dev/shm")  # noqa: S108 -- for a directory of its own


class Running(Watched):
    """A deployment whose schedules are on; nobody but them begins a run."""

    def __init__(
        self, home: Home, stand_in: Sandbox, workspace: WorkspaceProcessContext, values: dict[str, str]
    ) -> None:
        super().__init__(home)
        self._stand_in, self._workspace, self._values = stand_in, workspace, values
        self._queue = QueuedRunCoordinatorDaemon(interval_seconds=1)
        self._logger = get_default_daemon_logger("SchedulerDaemon")
        self.now = START
        location = workspace.create_request_context().get_code_location("uploadwatch")
        [repository] = location.get_repositories().values()
        with freeze_time(START):
            for name in ("poll", "late_data"):
                workspace.instance.start_schedule(repository.get_schedule(name))

    def let_pass_until(self, then: datetime) -> list[dg.DagsterRun]:
        """Move the clock forward and return the runs that the schedules began."""
        instance = self._workspace.instance
        before = {run.run_id for run in instance.get_runs()}
        self._stand_in.set_clock(then)
        with freeze_time(then):
            # Of the ticks that were missed only the last begins a run, the others would find it waiting.
            list(launch_scheduled_runs(self._workspace, self._logger, then, iteration_times={}, max_catchup_runs=1))
        while instance.get_runs_count(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED])):
            list(self._queue.run_iteration(self._workspace))
        self.now = then
        return [run for run in instance.get_runs() if run.run_id not in before]

    def at_once(self, path: Path) -> dict[str, bytes]:
        """Bytes of the alerts that one run over all days makes of the same providers at this time."""
        values = {**self._values, "UPLOADWATCH_HOME": str(path)}
        with dg.DagsterInstance.ephemeral() as instance:
            materialise(
                instance, values, FIRST, self.now.date(), now=self.now, resource_overrides={"detector": Quick()}
            )
        return Watched(Home(path)).alert_files()

    def fault(self, *plan: dict[str, object]) -> None:
        """Activate a fault plan in place of the one before."""
        url = f"{self._stand_in.environment['UPLOADWATCH_SANDBOX_URL']}/_sandbox/faults"
        requests.put(url, json=plan, timeout=10).raise_for_status()

    def pulled(self, run: dg.DagsterRun) -> dict[str, bool]:
        """Return whether each provider answered a run."""
        found = {}
        for entry in self._workspace.instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
            evaluation = entry.get_dagster_event().asset_check_evaluation_data
            if evaluation.check_name == "pulled" and evaluation.asset_key.path[1] == "audit_events":
                found[evaluation.asset_key.path[0]] = evaluation.passed
        return found


@pytest.fixture(scope="module")
def workload(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four days worth watching after three days of history, one of them without any event."""
    path = tmp_path_factory.mktemp("fast") / "workload.parquet"
    events = [
        *burst("box", "one@example.com", moment(3, 10), files=700, minutes=50),
        *burst("dropbox", "late@example.com", moment(4, 9), files=300, minutes=20),
        # Published after the last tick that asks for its hour again.
        *burst("dropbox", "late@example.com", moment(4, 9.5), files=400, minutes=20, late=20),
        *burst("box", "missed@example.com", moment(5, 10), files=800, minutes=50),
    ]
    write(path, events, days=DAYS, people=30, seed=21)
    table = pq.read_table(path)
    time = table.column("time").cast("timestamp[us]")
    quiet = [moment(day, 0).replace(tzinfo=None) for day in (QUIET, QUIET + 1)]
    pq.write_table(table.filter(pc.or_(pc.less(time, quiet[0]), pc.greater_equal(time, quiet[1]))), path)
    return path


@pytest.fixture
def running(workload: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """A deployment with three days of history, pulled by a backfill."""
    home = Home(tmp_path / "home")
    for name in ("HOME", "START_DATE", "END_DATE", "BUDGET"):
        monkeypatch.setenv(f"UPLOADWATCH_{name}", "")
    with sandbox(workload, tmp_path / "sandbox", now=START) as stand_in:
        for name in stand_in.environment:
            monkeypatch.setenv(name, "")
        last = FIRST + timedelta(days=DAYS - 1)
        values = deployment(home, stand_in, FIRST, last, providers=PROVIDERS, settings={})
        overrides = {"detector": Quick()}
        with dg.DagsterInstance.ephemeral() as instance:
            materialise(instance, values, FIRST, FIRST + timedelta(days=2), now=START, resource_overrides=overrides)
        target = ModuleTarget("tests.support.fast_deployment", None, str(Path(__file__).parents[3]), "uploadwatch")
        with (
            # Dagster's storage waits for the disk at each of some thousand events.
            TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as storage,
            instance_for_test(
                {**SETTINGS, "event_log_storage": {**_EVENTS, "config": {"base_dir": storage}}}, temp_dir=storage
            ) as instance,
            WorkspaceProcessContext(instance, target) as workspace,
        ):
            yield Running(home, stand_in, workspace, values)


def test_alerts_come_without_a_hand_on_it(running: Running, tmp_path: Path):
    """Prevents a deployment that needs somebody after late events, an outage or a silent day to be right again."""
    for day, wanted in ((3, ["poll"]), (4, ["late_data", "poll"])):
        began = running.let_pass_until(moment(day, 17))
        assert sorted(run.tags["dagster/schedule_name"] for run in began) == wanted
        assert {run.status for run in began} == {dg.DagsterRunStatus.SUCCESS}
    [one] = running.of("one@example.com")
    [late] = running.of("late@example.com")
    assert (one["files"], late["files"]) == (700, 300)

    running.fault(*DOWN)
    for run in running.let_pass_until(moment(5, 17)):
        assert run.status == dg.DagsterRunStatus.SUCCESS
        assert running.pulled(run) == {"box": False, "dropbox": True}
    assert running.of("missed@example.com") == []
    running.fault()

    running.let_pass_until(moment(6, 5))
    [missed] = running.of("missed@example.com")
    assert missed["files"] == 800
    [grown] = running.of("late@example.com")
    assert (grown["alert_id"], grown["files"]) == (late["alert_id"], 700)

    known = {alert["alert_id"]: alert["files"] for alert in running.alerts}
    for run in running.let_pass_until(moment(7, 5)):
        assert running.pulled(run) == {"box": True, "dropbox": True}
    assert {alert["alert_id"]: alert["files"] for alert in running.alerts} == known
    quiet = running.query(
        "SELECT state, count(*) FROM read_parquet('{lake}/evaluations/day=2026-01-11/part.parquet') GROUP BY state"
    )
    assert [state for state, _ in quiet] == ["evaluated"]
    assert running.alert_files() == running.at_once(tmp_path / "at_once")
