"""Acts of the product's processes in the bench: a run, a command as typed, or the daemon's work."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg

from assets.core.resources import Detector
from bench.small import quickened
from cli.app import main
from connectors import configured
from connectors.core import retries
from detection.parameters import Parameters
from orchestration.definitions import build_defs
from orchestration.schedules import JOB, UNFINISHED, range_tags, run_config
from orchestration.storage.dead_runs import DeadRuns

__all__ = ["Act", "Said", "perform", "shorten_history", "shorten_waits"]


@dataclass(frozen=True)
class Act:
    """A run, a command, or the daemon's work.

    Attributes:
        variables: Environment of the process, in addition to that of every process.
        arguments: Arguments of the command; empty for a run.
        daemon: Whether it is Dagster's daemon looking for runs whose process is gone.
        first: First day of the run, ISO 8601.
        last: Last day of the run, ISO 8601.
        late_data: Whether the run is a late-data re-pull.
    """

    variables: Mapping[str, str]
    arguments: Sequence[str] = ()
    first: str = ""
    last: str = ""
    late_data: bool = True
    daemon: bool = False


@dataclass
class Said:
    """Output of a process before it ended.

    Attributes:
        status: Exit status; of a run 1 where a step failed.
        text: What it printed or, of a run, the errors in its log.
        out: What it printed on standard output alone.
        failing: Messages of the run's failing checks, by asset, check and severity.
        changes: Number of changes that it made to the home.
    """

    status: int
    text: str
    out: str = ""
    failing: dict[str, str] = field(default_factory=dict)
    changes: int = 0


def shorten_history() -> None:
    """Give every detector of this process, also in commands, a history of three days instead of a fortnight."""

    def parameters(self: Detector) -> Parameters:
        return quickened(Parameters(budget=self.budget, service_budget=self.service_budget))

    Detector.parameters = property(parameters)  # type: ignore[assignment,method-assign]


def shorten_waits() -> None:
    """Retry failed requests without waiting."""
    retries.backoff = lambda attempt: 0.01


def perform(act: Act) -> Said:
    """Perform the act in this process, whose environment becomes the act's."""
    os.environ.update(act.variables)
    if act.daemon:
        return _end_dead_runs(act)
    return _command(act) if act.arguments else _run(act)


def _end_dead_runs(act: Act) -> Said:
    with dg.DagsterInstance.get() as instance:
        DeadRuns(Path(act.variables["UPLOADWATCH_HOME"])).end(instance)
        left = [run.run_id for run in instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))]
    return Said(int(bool(left)), "".join(f"run {run} has no process, and holds its pools\n" for run in left))


def _command(act: Act) -> Said:
    out, errors = io.StringIO(), io.StringIO()
    sys.argv = ["uploadwatch", *act.arguments]
    # Wide enough for every message.
    os.environ["COLUMNS"] = "1000"
    status: Any = 0
    with redirect_stdout(out), redirect_stderr(errors):
        try:
            main()
        except SystemExit as ended:
            status = ended.code
        except BaseException:  # noqa: BLE001 -- a traceback is what a person would see
            traceback.print_exc(file=errors)
            status = 1
    return Said(int(status or 0), errors.getvalue() + out.getvalue(), out.getvalue())


def _run(act: Act) -> Said:
    values = {**act.variables}
    providers = configured(values)
    job = build_defs(values).resolve_job_def(JOB)
    config = run_config(providers, late_data=act.late_data).to_config_dict()
    with dg.DagsterInstance.ephemeral() as instance:
        result = job.execute_in_process(
            instance=instance,
            tags=range_tags(date.fromisoformat(act.first), date.fromisoformat(act.last)),
            run_config={**config, "loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,
        )
        log = [_failure(event) for event in result.all_events if event.is_step_failure]
    failing = {
        f"{found.asset_key.to_user_string()}:{found.check_name}:{found.severity.value}": found.description or ""
        for found in result.get_asset_check_evaluations()
        if not found.passed
    }
    return Said(int(not result.success), "\n".join(log), failing=failing)


def _failure(event: dg.DagsterEvent) -> str:
    """Return the failed step and its error."""
    error = event.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return f"{event.step_key} failed: {error.message if error else ''}"


def as_json(said: Said) -> dict[str, Any]:
    """Return the output for JSON."""
    return asdict(said)
