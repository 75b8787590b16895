"""The ``uploadwatch`` command."""

from __future__ import annotations

import typer
from dotenv import load_dotenv
from rich.console import Console
from rich.markup import escape

from connectors import ConfigurationError, ConnectorError
from detection.allow_list import AllowListError
from detection.risk import OperatorFileError
from orchestration.commands.alert import alert
from orchestration.commands.alerts import alerts
from orchestration.commands.backfill import backfill
from orchestration.commands.backtest import backtest
from orchestration.commands.classify import classify
from orchestration.commands.doctor import doctor
from orchestration.commands.export import export
from orchestration.commands.forget import forget
from orchestration.commands.import_history import history
from orchestration.commands.notify import notify, outbox
from orchestration.commands.replays import demo, run
from orchestration.commands.retention import retention
from orchestration.commands.reveal import reveal
from orchestration.commands.review import review
from orchestration.commands.status import status
from orchestration.commands.ui import ui
from orchestration.errors import CommandError

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
    *(export, reveal, forget, retention),
)
_MENDABLE = (
    *(CommandError, ConfigurationError, AllowListError, OperatorFileError, ConnectorError),
    *(FileExistsError, FileNotFoundError, LookupError, RuntimeError),
)
"""Errors that a person can mend."""
for _command in _COMMANDS:
    app.command()(_command)
app.command("import")(history)


def main() -> None:
    """Entry point: errors that a person can mend are said in one line, without a traceback."""
    load_dotenv(".env")
    try:
        app()
    except _MENDABLE as error:
        # What a provider says in an error may look like markup.
        Console(stderr=True).print(f"[bold red]Error:[/] {escape(str(error))}", highlight=False)
        raise SystemExit(1) from error
