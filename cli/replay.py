"""Replay of a workload through the sandbox's APIs, step by step, as a deployment would have seen it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import requests
from dotenv import dotenv_values

from assets.core.pull_checks import PULLED
from common.errors import CommandError, MendableError
from connectors import configured, variables
from lake.home import REPLAY_NOTE, replay_variables
from orchestration.definitions import build_defs
from orchestration.local_run import run_locally
from orchestration.schedules import JOB, range_tags, run_config
from orchestration.shipped_files import shipped_text
from orchestration.storage.event_log import BatchingSqliteEventLogStorage

__all__ = ["SANDBOX", "Home", "Sandbox", "deployment", "materialise", "play", "sandbox"]

_STEP = timedelta(days=6)
"""Days per step; Office 365 keeps seven days less five minutes, so a step of seven would lose its first minutes."""
_OVERLAP = timedelta(days=3)
_START_SECONDS = 60
SANDBOX = (sys.executable, "-P", "-m", "sandbox")
"""Command of the sandbox; a directory of that name where the person works is not meant."""


class Home:
    """Directory of a deployment: the lake, Dagster's storage, and the settings that the UI opens it with.

    Attributes:
        path: The directory.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    @property
    def variables_file(self) -> Path:
        """File of the settings that the home was made with."""
        return self.path / REPLAY_NOTE

    def variables(self) -> dict[str, str]:
        """Return the settings that the home was made with; empty if no replay made it."""
        return replay_variables(self.path)

    def clear(self) -> None:
        """Remove what an earlier replay made.

        Raises:
            FileExistsError: The directory holds a lake that no replay made.
        """
        if (self.path / "lake").exists() and not self.variables_file.exists():
            raise FileExistsError(
                f"{self.path} holds a lake that was not made by a replay, so it is left alone. "
                "Name another directory with --home."
            )
        for name in ("lake", "pages", "exports", "dagster", "runs", "sandbox", "spill"):
            shutil.rmtree(self.path / name, ignore_errors=True)
        # What was notified and done is about the old lake's alerts; the new one's have the same ids.
        for file in (self.variables_file, *self.path.glob("*.db*"), self.path / "warehouse.duckdb"):
            file.unlink(missing_ok=True)

    def write_dagster_settings(self) -> Path:
        """Write Dagster's settings for where the home is now, and return their directory."""
        storage = self.path / "dagster"
        storage.mkdir(parents=True, exist_ok=True)
        event_log = {
            "module": BatchingSqliteEventLogStorage.__module__,
            "class": BatchingSqliteEventLogStorage.__name__,
            "config": {"base_dir": str(storage / "history" / "runs")},
        }
        text = f"{shipped_text('dagster.yaml')}event_log_storage: {json.dumps(event_log)}\n"
        (storage / "dagster.yaml").write_text(text, encoding="utf-8")
        return storage

    def instance(self) -> dg.DagsterInstance:
        """Return Dagster's instance in this home."""
        os.environ["DAGSTER_HOME"] = str(self.write_dagster_settings())
        return dg.DagsterInstance.get()


class NotPulledError(MendableError):
    """A provider did not answer; the message says which, and why."""


class Sandbox:
    """A running sandbox.

    Attributes:
        environment: Variables that point the connectors at it.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = dict(environment)

    def variables(self, providers: Sequence[str]) -> dict[str, str]:
        """Return the variables that configure these providers, and the deployment's own."""
        wanted = {name for provider in providers for name in variables(provider)}
        return {
            key: value for key, value in self.environment.items() if key in wanted or key.startswith("UPLOADWATCH_")
        }

    def set_clock(self, now: datetime) -> None:
        """Set the sandbox's clock."""
        url = f"{self.environment['UPLOADWATCH_SANDBOX_URL']}/_sandbox/clock"
        requests.put(url, json={"now": now.isoformat()}, timeout=30).raise_for_status()


@contextmanager
def sandbox(workload: Path, state: Path, *, now: datetime, faults: Path | None = None) -> Iterator[Sandbox]:
    """Start the stand-ins for the providers' APIs on a workload and stop them at the end.

    Args:
        workload: Parquet or CSV file.
        state: Directory for its credentials and its log.
        now: Initial time of its clock, UTC.
        faults: Fault plan that it plays, a JSON file; None for none.

    Raises:
        CommandError: It did not start; the message ends with the last lines of its log.
    """
    # The sandbox runs in another directory than this process.
    workload, state = workload.absolute(), state.absolute()
    state.mkdir(parents=True, exist_ok=True)
    ready = state / "sandbox.env"
    ready.unlink(missing_ok=True)
    command = [*SANDBOX, "serve", "--workload", str(workload), "--state", str(state)]
    if faults:
        command += ["--faults", str(faults.absolute())]
    log = state / "sandbox.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*command, "--now", now.isoformat()], stdout=out, stderr=subprocess.STDOUT, cwd=state
        )
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
                raise CommandError(f"the sandbox did not start on {workload}: {' / '.join(said) or 'it said nothing'}")
            time.sleep(0.05)
        yield Sandbox({key: value for key, value in dotenv_values(ready).items() if value is not None})
    finally:
        process.terminate()
        process.wait(timeout=10)


def deployment(
    home: Home, stand_in: Sandbox, first: date, last: date, *, providers: Sequence[str], settings: Mapping[str, str]
) -> dict[str, str]:
    """Return the variables of a deployment on the sandbox; set them in the process's environment, too.

    Args:
        home: Where the lake is.
        stand_in: The sandbox.
        first: First day of the partitions.
        last: Last day of the partitions.
        providers: Providers to configure.
        settings: Further variables.
    """
    values = {
        **stand_in.variables(providers),
        **settings,
        "UPLOADWATCH_HOME": str(home.path),
        "UPLOADWATCH_START_DATE": first.isoformat(),
        "UPLOADWATCH_END_DATE": (last + timedelta(days=1)).isoformat(),
    }
    os.environ.update(values)
    return values


def materialise(
    instance: dg.DagsterInstance,
    values: Mapping[str, str],
    first: date,
    last: date,
    *,
    now: datetime,
    resource_overrides: Mapping[str, Any] | None = None,
) -> dg.JobExecutionResult:
    """Run the job once over the days from first to last; pull all slices that are not final again.

    Args:
        instance: Dagster's instance.
        values: From :func:`deployment`.
        first: First day.
        last: Last day.
        now: What the clock shows, UTC.
        resource_overrides: Resources to use in place of the usual ones, by key.

    Raises:
        dagster.DagsterError: A step failed.
        NotPulledError: A provider did not answer; says which, and why.
    """
    providers = configured(values)
    config = run_config(providers, late_data=True).to_config_dict()
    values = {**values, "UPLOADWATCH_NOW": now.isoformat()}
    job = build_defs(values, resource_overrides=resource_overrides).resolve_job_def(JOB)
    result = run_locally(
        job,
        instance,
        Path(values["UPLOADWATCH_HOME"]),
        run_id=str(uuid4()),
        tags=range_tags(first, last),
        run_config={**config, "loggers": {"console": {"config": {"log_level": "ERROR"}}}},
    )
    # Other checks may fail because of the workload; this one fails only if the sandbox did not answer.
    evaluations = result.get_asset_check_evaluations()
    failed = [found for found in evaluations if found.check_name == PULLED and not found.passed]
    if failed:
        said = "; ".join(f"{'/'.join(found.asset_key.path)}: {found.description}" for found in failed)
        raise NotPulledError(f"not everything could be pulled: {said}")
    return result


def play(
    home: Home,
    stand_in: Sandbox,
    workload: Path,
    first: date,
    last: date,
    *,
    providers: Sequence[str],
    settings: Mapping[str, str],
    progress: Callable[[date, date], None],
    instance: dg.DagsterInstance,
    attempts: int = 1,
    resource_overrides: Mapping[str, Any] | None = None,
) -> None:
    """Materialise all days from first to last, in steps short enough for the providers' retention.

    Each step moves the sandbox's clock to its end and runs the job over its days and the three before. So retention,
    lateness and repeated pulls occur as in a real deployment.

    Args:
        home: Where the lake and Dagster's storage are.
        stand_in: The sandbox.
        workload: Its workload, stored so that the UI can start it again.
        first: First day.
        last: Last day.
        providers: Providers to configure.
        settings: Further variables.
        progress: Called with the first and last day of each step once it is done.
        instance: Dagster's instance that records the runs.
        attempts: Most runs of a step if a provider does not answer; in a deployment, further poll runs would follow.
        resource_overrides: Resources to use in place of the usual ones, by key.

    Raises:
        dagster.DagsterError: A run failed.
        NotPulledError: A provider did not answer; says which, and why.
    """
    values = deployment(home, stand_in, first, last, providers=providers, settings=settings)
    now = datetime.combine(last + timedelta(days=1), datetime.min.time(), UTC)
    noted = {key: value for key, value in values.items() if key.startswith("UPLOADWATCH_") and "SANDBOX" not in key}
    noted |= {
        "UPLOADWATCH_NOW": now.isoformat(),
        "workload": str(workload.absolute()),
        "providers": ",".join(providers),
    }
    home.path.mkdir(parents=True, exist_ok=True)
    home.variables_file.write_text(json.dumps(noted, indent=1), encoding="utf-8")
    start = first
    while start <= last:
        end = min(start + _STEP - timedelta(days=1), last)
        now = datetime.combine(end + timedelta(days=1), datetime.min.time(), UTC)
        stand_in.set_clock(now)
        for attempt in range(1, attempts + 1):
            try:
                days = (max(first, start - _OVERLAP), end)
                materialise(instance, values, *days, now=now, resource_overrides=resource_overrides)
                break
            except NotPulledError:
                if attempt == attempts:
                    raise
        progress(start, end)
        start = end + timedelta(days=1)
