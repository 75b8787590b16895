"""``uploadwatch backfill``: one run over a range of days, which the UI shows like any other."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Annotated
from uuid import uuid4

import dagster as dg
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from assets.checks import READ
from assets.core.pull_checks import PULLED
from cli.terminal import terminal
from common.clock import Clock
from common.errors import CommandError
from connectors import ConfigurationError, configured
from orchestration.causes import causes
from orchestration.dagster_records import open_records
from orchestration.definitions import build_defs
from orchestration.local_run import run_locally
from orchestration.schedules import JOB, range_tags, run_config
from orchestration.settings import Settings, environment
from orchestration.storage.dead_runs import DeadRuns

__all__ = ["backfill"]

_AGAIN = "Fix that and launch the backfill again: it continues where it was."
_LOOK_SECONDS = 1.0
_DAY = ["%Y-%m-%d"]
_ENDS = {dg.DagsterEventType.STEP_SUCCESS, dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.STEP_SKIPPED}


def backfill(
    first: Annotated[datetime, typer.Option("--from", formats=_DAY, help="First day.")],
    last: Annotated[datetime, typer.Option("--to", formats=_DAY, help="Last day.")],
) -> None:
    """Run the whole graph over all days from first to last, in one Dagster run.

    It uses the deployment's variables; DAGSTER_HOME is where Dagster keeps the run. What is up to date is not computed
    again, so a backfill that was stopped or killed continues where it was when it is launched again.

    The exit status is 1 if the run failed, or if not everything could be pulled and read. Other checks that do not pass
    are listed and leave it at 0.
    """
    values = environment()
    if not values.get("DAGSTER_HOME"):
        raise ConfigurationError(
            "DAGSTER_HOME is not set, so Dagster would forget the run. Set it to the directory of your dagster.yaml."
        )
    providers = configured(values)
    if not providers:
        raise ConfigurationError("No provider is configured. Set the variables in docs/configuration.md.")
    settings = Settings.read(values)
    days = _within(settings, first.date(), last.date())
    os.environ.update({name: value for name, value in values.items() if name not in os.environ})
    job = build_defs(values).resolve_job_def(JOB)
    out = terminal()
    with open_records(values) as instance:
        DeadRuns(settings.home).end(instance)
        run_id = str(uuid4())
        with _progress(out, instance, run_id, steps=len(job.graph.node_dict)):
            result = run_locally(
                job,
                instance,
                settings.home,
                run_id=run_id,
                tags=range_tags(*days),
                run_config={
                    **run_config(providers, late_data=True).to_config_dict(),
                    # The causes are printed below, in a sentence each.
                    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                },
                raise_on_error=False,
            )
    failed = [check for check in result.get_asset_check_evaluations() if not check.passed]
    refused = [check for check in failed if check.check_name in (PULLED, READ)]
    for check in failed:
        said = f"{check.severity.value} {check.asset_key.to_user_string()}: {check.check_name}: {check.description}"
        out.print(escape(said), highlight=False)
    if not result.success:
        raise CommandError(f"run {run_id} failed. {_causes(result)} {_AGAIN}")
    if refused:
        tables = ", ".join(sorted(check.asset_key.to_user_string() for check in refused))
        raise CommandError(f"not all was pulled and read in run {run_id}: {tables}. The rest is done. {_AGAIN}")
    out.print(f"{days[0]} to {days[1]} done in run {run_id}; {len(failed)} checks did not pass.")


def _causes(result: dg.JobExecutionResult) -> str:
    """Describe why a run failed."""
    found = causes(result.all_events)
    if not found:
        said = [event.message or "" for event in result.all_events if event.is_job_failure or event.is_run_failure]
        found = {"the run": said[-1] if said else "it was ended from elsewhere; its log in the UI says by whom"}
    return " ".join(f"{step}: {cause.rstrip('.')}." for step, cause in found.items())


def _within(settings: Settings, first: date, last: date) -> tuple[date, date]:
    """Return the days after checking that they have partitions.

    Raises:
        typer.BadParameter: They have none; the message names the option.
    """
    today = Clock(fixed=settings.now).now().date()
    latest = min(today, settings.end_date - timedelta(days=1)) if settings.end_date else today
    if last < first:
        raise typer.BadParameter(f"{first} is after --to {last}. Swap them.", param_hint="--from")
    if first < settings.start_date:
        advice = f"Begin with {settings.start_date}, or set UPLOADWATCH_START_DATE to begin earlier"
        raise typer.BadParameter(f"{first} is before the deployment's first day. {advice}.", param_hint="--from")
    if last > latest:
        what = "in the future" if last > today else "after UPLOADWATCH_END_DATE"
        raise typer.BadParameter(f"{last} is {what}. The last day is {latest}.", param_hint="--to")
    return first, last


@contextmanager
def _progress(out: Console, instance: dg.DagsterInstance, run_id: str, *, steps: int) -> Iterator[None]:
    """Show the run's steps, read from the event log, and the requests that sources have to be sent again.

    A terminal shows a bar; a file or pipe gets a line for each step.
    """
    bar = Progress(
        TextColumn("[bold]{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=out
    )
    task = bar.add_task("steps", total=steps)
    over = threading.Event()
    # Dagster's own handler of these records writes to the run's log alone.
    requests, shown = logging.getLogger("connectors"), _Shown(out)

    def follow() -> None:
        under_way: dict[str, None] = {}
        cursor = None
        last = False
        while not last:
            last = over.wait(_LOOK_SECONDS)
            # Read new records only: the steps' statistics would read every materialisation of the run each time.
            new = instance.get_records_for_run(run_id, cursor, of_type={dg.DagsterEventType.STEP_START, *_ENDS})
            cursor = new.cursor
            for record in new.records:
                event = record.event_log_entry.get_dagster_event()
                if event.event_type in _ENDS:
                    under_way.pop(str(event.step_key), None)
                    bar.advance(task)
                    if not out.is_terminal:
                        kind = event.event_type.value.removeprefix("STEP_").lower()
                        _print(out, f"{bar.tasks[task].completed:.0f} of {steps} steps: {event.step_key} {kind}")
                else:
                    under_way[str(event.step_key)] = None
            bar.update(task, description=", ".join(under_way) or "steps")

    follower = threading.Thread(target=follow, daemon=True)
    with bar:
        follower.start()
        requests.addHandler(shown)
        try:
            yield
        finally:
            requests.removeHandler(shown)
            over.set()
            follower.join()
        bar.update(task, completed=steps, description="steps")


class _Shown(logging.Handler):
    """Handler of log records that prints warnings above a progress bar."""

    def __init__(self, out: Console) -> None:
        super().__init__(logging.WARNING)
        self._out = out

    def emit(self, record: logging.LogRecord) -> None:
        """Print the message."""
        _print(self._out, record.getMessage())


def _print(out: Console, text: str) -> None:
    out.print(text, markup=False, highlight=False, soft_wrap=True)
