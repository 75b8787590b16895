"""The ``uploadwatch`` command."""

from __future__ import annotations

import logging
import os
from traceback import format_exception

import dagster as dg
import typer
from rich.markup import escape

from assets.core.host_faults import sentence
from cli.alert import alert
from cli.alerts import alerts
from cli.backfill import backfill
from cli.backtest import backtest
from cli.classify import classify
from cli.demo import demo, run
from cli.doctor import doctor
from cli.export import export
from cli.forget import forget
from cli.import_history import history
from cli.notify import notify, outbox
from cli.remove_source import remove_source
from cli.retention import retention
from cli.reveal import reveal
from cli.review import review
from cli.status import status
from cli.terminal import LogHandler, terminal
from cli.ui import ui
from cli.verify import verify_lake
from common.errors import MendableError
from orchestration.private import write_privately
from orchestration.settings import environment

__all__ = ["main"]

app = typer.Typer(
    help="Watches uploads to Box, Dropbox, Google Workspace and Office 365 with a baseline per user.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
_COMMANDS = (
    *(demo, ui, run),
    *(alerts, alert, review, status, backtest),
    *(doctor, classify, backfill, notify, outbox),
    *(export, reveal, forget, retention, remove_source),
)
for _command in _COMMANDS:
    app.command()(_command)
app.command("import")(history)
app.command("verify")(verify_lake)


def main() -> None:
    """Run a command; show an error that a person can fix as a sentence, and a fault of the program as a traceback.

    Raises:
        SystemExit: The exit status: 0, 1 after an error, 2 after wrong arguments.
    """
    err = terminal(stderr=True)
    logging.lastResort = LogHandler(logging.WARNING)
    try:
        write_privately()
        os.environ.update(environment())
        app()
    except Exception as error:
        said = _said(error)
        # A provider's error text may look like markup.
        shown = f"[bold red]Error:[/] {escape(said)}" if said else escape("".join(format_exception(error)))
        err.print(shown, highlight=False, soft_wrap=not said)
        raise SystemExit(1) from error


def _said(error: Exception) -> str | None:
    """Describe an error that a person can fix; return None if it is a fault of the program."""
    if isinstance(error, MendableError):
        return str(error)
    if isinstance(error, dg.DagsterInvalidConfigError):
        return (
            f"Dagster's settings can't be used: {' '.join(str(error).split())} See DAGSTER_HOME and its dagster.yaml."
        )
    return sentence(error)
