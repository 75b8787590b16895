"""``uploadwatch import``: import of exported history that a provider's API no longer gives."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from cli.options import HOME, HomeOption, backfill_command, known_providers
from cli.terminal import terminal
from common.clock import Clock
from connectors import ConfigurationError
from history.formats import EventFileError, shortened
from history.importing import ImportReport, import_history
from history.staging import Span
from lake.home import REPLAY_NOTE
from lake.store import Lake
from orchestration.settings import Settings, environment

__all__ = ["history"]


def history(
    files: Annotated[list[Path], typer.Argument(help="Exports: CSV or JSON, packed or not; see docs/import.md.")],
    provider: Annotated[str, typer.Option(help="Whose events they are.")],
    home: HomeOption = HOME,
) -> None:
    """Import exported history as audit events of its days, and print the command that computes these days.

    The import is idempotent: events that have landed before, from the API or an import, are left out.
    """
    known_providers([provider])
    settings = Settings.read(environment())
    if not settings.now and (home / REPLAY_NOTE).exists():
        raise ConfigurationError(
            f"{home} holds a replay of made-up history. Name a directory of its own for your organisation with --home "
            "or UPLOADWATCH_HOME."
        )
    now = Clock(fixed=settings.now).now()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=terminal(stderr=True),
        transient=True,
    ) as bar:
        task = bar.add_task("", total=1.0)
        report = import_history(
            Lake(root=str(home.absolute() / "lake")),
            provider,
            files,
            span=Span(settings.start_date, settings.end_date),
            now=now,
            progress=lambda what, share: bar.update(task, description=escape(what), completed=share),
        )
    last = settings.end_date - timedelta(days=1) if settings.end_date else now.date()
    _show(report, lambda first: backfill_command(home, first, last, environment()))


def _show(report: ImportReport, following: Callable[[date], str]) -> None:
    out = terminal()
    table = Table()
    for title in ("Rows read", "landed", "duplicate", "rejected"):
        table.add_column(title, justify="right")
    landed, rejected = sum(report.landed.values()), sum(report.rejected.values())
    table.add_row(*(f"{rows:,}" for rows in (report.read, landed, report.duplicate, rejected)))
    out.print(table)
    for reason, rows in sorted(report.rejected.items()):
        out.print(f"rejected: {rows:,} {reason}", markup=False, highlight=False)
    if report.rejects:
        out.print(f"Rejected rows are kept in {report.rejects}", markup=False, highlight=False, soft_wrap=True)
    if landed:
        first = min(report.landed)
        out.print(f"{len(report.landed)} days from {first} to {max(report.landed)} have new events. Now run:")
        out.print(f"  {following(first)}", markup=False, highlight=False, soft_wrap=True)
    elif report.duplicate:
        out.print("Nothing is new: every event had landed before.")
    if landed or report.duplicate or report.empty:
        if report.advice:
            out.print(shortened(report.advice), markup=False, highlight=False)
        return
    outside = "All events are outside the deployment's days: see UPLOADWATCH_START_DATE and UPLOADWATCH_END_DATE."
    raise EventFileError(f"Nothing landed. {shortened(report.advice) or outside}")
