"""A deployment as `deploy/` sets it up: Dagster's daemon and a code server as processes, on PostgreSQL or SQLite."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import dagster as dg
import psycopg2
import pytest
import requests
import yaml
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._daemon.daemon import get_default_daemon_logger
from dagster._scheduler.scheduler import launch_scheduled_runs

from cli.replay import Home, Sandbox, deployment, sandbox
from tests.support.pipeline import FIRST, moment, write
from tests.support.waiting import PATIENCE_SECONDS, wait_until

POSTGRES = os.environ.get("UPLOADWATCH_TEST_POSTGRES", "")
DEPLOY = Path(__file__).parents[2] / "deploy"
DAYS = 4

needs_postgres = pytest.mark.skipif(
    not POSTGRES, reason="needs a PostgreSQL: run .ci/with-postgres make test, or set UPLOADWATCH_TEST_POSTGRES"
)


class Production:
    """A deployment: its processes, its instance, and its sandbox."""

    def __init__(self, stand_in: Sandbox, values: dict[str, str], folder: Path, stack: ExitStack) -> None:
        self._environment = {**os.environ, **values}
        self._quarters = 0
        self._values, self._folder, self._stack, self._stand_in = values, folder, stack, stand_in
        self._workspace = str(DEPLOY / "workspace.yaml")
        self.start_code_server()
        self._start("daemon", "-m", "dagster._daemon", "run", "-w", self._workspace)
        self.instance = stack.enter_context(dg.DagsterInstance.get())

    def _start(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        log = self._stack.enter_context((self._folder / f"{name}.log").open("ab"))
        process = subprocess.Popen(
            [sys.executable, *command],
            env=self._environment,
            cwd=self._folder,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._stack.callback(_end, process)
        return process

    def start_code_server(self) -> None:
        """Start the code server as the unit `uploadwatch-code` does, on its own port."""
        port = self._values["UPLOADWATCH_CODE_PORT"]
        address = ("--host", "127.0.0.1", "--port", port)
        location = ("-m", "orchestration.definitions", "--location-name", "uploadwatch")
        self._code_server = self._start("code", "-m", "dagster", "api", "grpc", *address, *location)
        wait_until(lambda: _listens(int(port)) or self._code_server.poll() is not None, "the code server listens")
        said = (self._folder / "code.log").read_text(encoding="utf-8").splitlines()[-5:]
        assert self._code_server.poll() is None, f"the code server ended: {said}"

    def stop_the_machine(self) -> None:
        """Kill the code server and its runs at once, as when a machine goes down."""
        os.killpg(self._code_server.pid, signal.SIGKILL)
        self._code_server.wait()

    def tick(self) -> dg.DagsterRun:
        """Let a quarter of an hour pass for the schedule `poll`, and return the run that it requested."""
        target = WorkspaceFileTarget([self._workspace])
        with WorkspaceProcessContext(self.instance, target) as workspace:
            location = workspace.create_request_context().get_code_location("uploadwatch")
            [repository] = location.get_repositories().values()
            self.instance.start_schedule(repository.get_schedule("poll"))
            before = {run.run_id for run in self.instance.get_runs()}
            self._quarters += 1
            later = datetime.now(UTC) + self._quarters * timedelta(minutes=15)
            list(
                launch_scheduled_runs(
                    workspace, get_default_daemon_logger("SchedulerDaemon"), later, iteration_times={}
                )
            )
            self.instance.stop_schedule(
                repository.get_schedule("poll").get_remote_origin_id(),
                repository.get_schedule("poll").selector_id,
                repository.get_schedule("poll"),
            )
        [run] = [run for run in self.instance.get_runs() if run.run_id not in before]
        return run

    def hold_back(self) -> None:
        """Slow down the provider's answers, so that a run lasts until it is ended."""
        self._faults([{"api": "box", "kind": "slow", "seconds": 8, "times": "always"}])

    def answer_again(self) -> None:
        """Let the provider answer as usual."""
        self._faults([])

    def _faults(self, plan: list[dict[str, object]]) -> None:
        requests.put(
            f"{self._stand_in.environment['UPLOADWATCH_SANDBOX_URL']}/_sandbox/faults",
            json=plan,
            timeout=PATIENCE_SECONDS,
        )

    def worker(self, run: dg.DagsterRun) -> int:
        """Wait until a run pulls, and return its process id."""

        def found() -> int | None:
            for entry in self.instance.all_logs(run.run_id):
                if entry.dagster_event_type == dg.DagsterEventType.STEP_START:
                    return started[0]
                data = entry.get_dagster_event().event_specific_data if entry.is_dagster_event else None
                for name, value in getattr(data, "metadata", {}).items():
                    if name == "pid":
                        started.append(int(value.value))
            return None

        started: list[int] = []
        pid = wait_until(found, f"run {run.run_id} begins its first step")
        assert pid is not None
        return pid

    def ended(self, run: dg.DagsterRun) -> dg.DagsterRun:
        """Wait for the end of a run, and return it."""

        def over() -> dg.DagsterRun | None:
            now = self.instance.get_run_by_id(run.run_id)
            return now if now and now.is_finished else None

        found = wait_until(over, f"run {run.run_id} ends")
        assert found is not None
        return found

    def backfill(self, *days: str) -> subprocess.Popen[bytes]:
        """Start the command `uploadwatch backfill` over the days from first to last."""
        first, last = days
        main = "from cli.app import main; main()"
        return self._start("backfill", "-c", main, "backfill", "--from", first, "--to", last)

    def begun_again(self, run: dg.DagsterRun) -> dg.DagsterRun:
        """Wait for the run that replaces one whose process died, and return it."""

        def child() -> dg.DagsterRun | None:
            return next((each for each in self.instance.get_runs() if each.parent_run_id == run.run_id), None)

        found = wait_until(child, f"run {run.run_id} is begun again")
        assert found is not None
        return found


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def database() -> Iterator[dict[str, str]]:
    """Yield the variables by which `deploy/dagster.yaml` finds a new empty database."""
    server = urlsplit(POSTGRES)
    name = f"test_{secrets.token_hex(6)}"
    connection = psycopg2.connect(POSTGRES)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
        try:
            yield {
                "DAGSTER_PG_HOST": server.hostname or "",
                "DAGSTER_PG_PORT": str(server.port or 5432),
                "DAGSTER_PG_USER": server.username or "",
                "DAGSTER_PG_PASSWORD": server.password or "",
                "DAGSTER_PG_DATABASE": name,
            }
        finally:
            cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
    connection.close()


@contextmanager
def producing(folder: Path, *, postgres: bool) -> Iterator[Production]:
    """Yield a deployment in a folder, with Dagster's settings from `deploy/`, on SQLite or PostgreSQL."""
    workload = write(folder / "workload.parquet", [], days=DAYS, people=20)
    storage = folder / "dagster"
    storage.mkdir()
    settings = yaml.safe_load((DEPLOY / "dagster.yaml").read_text(encoding="utf-8"))
    if not postgres:
        del settings["storage"]
    (storage / "dagster.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        stand_in = stack.enter_context(sandbox(workload, folder / "sandbox", now=moment(DAYS - 1, 12)))
        values = (stack.enter_context(database()) if postgres else {}) | {
            "DAGSTER_HOME": str(storage),
            "UPLOADWATCH_CODE_HOST": "127.0.0.1",
            "UPLOADWATCH_NOW": moment(DAYS - 1, 12).isoformat(),
            "PYTHONPATH": str(DEPLOY.parent),
            "UPLOADWATCH_CODE_PORT": port,
        }
        for name in (*stand_in.environment, "UPLOADWATCH_HOME", "UPLOADWATCH_START_DATE", "UPLOADWATCH_END_DATE"):
            patch.setenv(name, "")
        for name, value in values.items():
            patch.setenv(name, value)
        last = FIRST + timedelta(days=DAYS - 1)
        values |= deployment(Home(folder / "home"), stand_in, FIRST, last, providers=["box"], settings=values)
        yield Production(stand_in, values, folder, stack)
