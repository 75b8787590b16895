"""A small deployment with alerts, copied for each test, so that a test can damage it and run it again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from bench.chaos.damages import DAMAGES
from cli.replay import Home, Sandbox, deployment
from connectors import configured, variables
from orchestration.definitions import build_defs
from orchestration.schedules import JOB, range_tags, run_config
from providers import PROVIDERS as ALL_PROVIDERS
from tests.support.pipeline import FIRST, Quick, Watched, burst, moment, sandbox, write

__all__ = ["DAMAGES", "DAYS", "END", "PROVIDERS", "Broken", "Ran", "made_home", "standing"]

PROVIDERS = ("box", "dropbox")
DAYS = 5
END = moment(DAYS + 1, 0)


class Ran:
    """Result of a run.

    Attributes:
        success: Whether no step failed.
        checks: Evaluations by asset and check, such as ``box/uploads:read``.
        log: The run's log.
    """

    def __init__(self, result: dg.ExecuteInProcessResult, log: Sequence[str]) -> None:
        self.success = result.success
        self.checks = {
            f"{found.asset_key.to_user_string()}:{found.check_name}": found
            for found in result.get_asset_check_evaluations()
        }
        self.log = "\n".join(log)

    def failing(self) -> dict[str, str]:
        """Return the messages of the failing checks."""
        return {name: found.description or "" for name, found in self.checks.items() if not found.passed}


class Broken(Watched):
    """A deployment, its sandbox, and runs over any days at any time, with any sources configured."""

    def __init__(self, home: Home, stand_in: Sandbox, providers: Sequence[str] = PROVIDERS) -> None:
        super().__init__(home)
        self.lake = home.path / "lake"
        self._stand_in, self._providers = stand_in, providers
        last = FIRST + timedelta(days=DAYS - 1)
        self.values = deployment(home, stand_in, FIRST, last, providers=providers, settings={})

    def run(
        self,
        first: int = 0,
        last: int = DAYS - 1,
        *,
        now: datetime = END,
        providers: Sequence[str] = (),
        overrides: Mapping[str, Any] | None = None,
        late_data: bool = True,
        local: datetime | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> Ran:
        """Run over the days from first to last, counted from 0.

        Args:
            first: First day.
            last: Last day.
            now: The present as the providers see it.
            providers: Sources that are configured; empty: all of the deployment.
            overrides: Resources that replace the usual ones.
            late_data: Whether the run is a late-data re-pull.
            local: Time of the host's clock, if it differs.
            settings: Variables that differ.
        """
        self._stand_in.set_clock(now)
        used = providers or self._providers
        theirs = {name for provider in ALL_PROVIDERS if provider not in used for name in variables(provider)}
        values = {name: value for name, value in self.values.items() if name not in theirs}
        values = {**values, **(settings or {}), "UPLOADWATCH_NOW": (local or now).isoformat()}
        os.environ.update(values)
        job = build_defs(values, resource_overrides={"detector": Quick(), **(overrides or {})}).resolve_job_def(JOB)
        with dg.DagsterInstance.ephemeral() as instance:
            result = job.execute_in_process(
                instance=instance,
                tags=range_tags(FIRST + timedelta(days=first), FIRST + timedelta(days=last)),
                run_config={
                    **run_config(configured(values), late_data=late_data).to_config_dict(),
                    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                },
                raise_on_error=False,
            )
            log = [entry.user_message for entry in instance.all_logs(result.run_id)]
        for event in result.all_events:
            if event.is_step_failure and event.step_failure_data.error:
                log.append(event.step_failure_data.error.to_string())
        return Ran(result, log)

    def raw(self, provider: str, day: int) -> list[Path]:
        """Return the raw files of a day."""
        directory = self.lake / provider / "audit_events" / f"day={FIRST + timedelta(days=day)}"
        return sorted(directory.glob("*.ndjson.zst"))

    def partition(self, table: str, day: int) -> Path:
        """Return the directory of a partition."""
        return self.lake / table / f"day={FIRST + timedelta(days=day)}"

    def states(self) -> dict[str, str]:
        """Return the state of each alert in the ledger, by user."""
        return dict(self.query("SELECT \"user\", state FROM read_parquet('{lake}/published.parquet')"))


def made_workload(path: Path) -> Path:
    """Write a workload with two bursts at Box and one at Dropbox."""
    events = [
        *burst("box", "one@example.com", moment(3, 10), files=700, minutes=50),
        *burst("dropbox", "two@example.com", moment(3, 22.5), files=900, minutes=170),
        *burst("box", "three@example.com", moment(4, 9), files=500, minutes=40),
    ]
    return write(path, events, days=DAYS, people=25, seed=8)


def made_home(root: Path, providers: Sequence[str] = PROVIDERS) -> Path:
    """Make a home with one calm run, and its workload beside it."""
    workload = made_workload(root / "workload.parquet")
    with sandbox(workload, root / "home" / "sandbox", now=moment(0, 0)) as stand_in:
        calm = Broken(Home(root / "home"), stand_in, providers)
        ran = calm.run()
        assert ran.success
        assert {"one@example.com", "two@example.com", "three@example.com"} <= {alert["user"] for alert in calm.alerts}
    return root


@contextmanager
def standing(made: Path, copy: Path, providers: Sequence[str] = PROVIDERS) -> Iterator[Broken]:
    """Yield a copy of a made home, with its sandbox running."""
    shutil.copytree(made / "home", copy, dirs_exist_ok=True)
    with sandbox(made / "workload.parquet", copy / "sandbox", now=moment(0, 0)) as stand_in:
        yield Broken(Home(copy), stand_in, providers)
