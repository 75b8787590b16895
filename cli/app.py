"""The ``uploadwatch`` command."""

from __future__ import annotations

import logging
import os
from traceback import format_exception

import typer
from dagster._core.errors import (
    DagsterHomeNotSetError,
    DagsterInvalidConfigError,
)
from rich.markup import escape

from assets.damage import DamagedError
from assets.event_files import EventFileError
from assets.faults import sentence
from connectors import ConfigurationError, ConnectorError
from detection.allow_list import AllowListError
from detection.operator_files import OperatorFileError
from detection.pseudonyms import KeyFormatError
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
from orchestration.commands.remove_source import remove_source
from orchestration.commands.replays import demo, run
from orchestration.commands.retention import retention
from orchestration.commands.reveal import reveal
from orchestration.commands.review import review
from orchestration.commands.status import status
from orchestration.commands.ui import ui
from orchestration.commands.verify import verify_lake
from orchestration.errors import CommandError
from orchestration.notify.outbox import OutboxError
from orchestration.private import write_privately
from orchestration.settings import environment
from orchestration.terminal import LogHandler, terminal

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
_MENDABLE = (
    *(CommandError, ConfigurationError, AllowListError, OperatorFileError, ConnectorError),
    *(DamagedError, EventFileError, KeyFormatError, OutboxError),
)
"""Errors whose message says to a person what to mend."""
_DAGSTERS = (DagsterHomeNotSetError, DagsterInvalidConfigError)
for _command in _COMMANDS:
    app.command()(_command)
app.command("import")(history)
app.command("verify")(verify_lake)


def main() -> None:
    """Carry out a command; an error that a person can mend is a sentence, one of the program's own a traceback.

    Raises:
        SystemExit: The exit status: 0, 1 after an error, 2 where the command was not understood.
    """
    err = terminal(stderr=True)
    logging.lastResort = LogHandler(logging.WARNING)
    try:
        write_privately()
        os.environ.update(environment())
        app()
    except Exception as error:
        said = _said(error)
        # What a provider says in an error may look like markup.
        shown = f"[bold red]Error:[/] {escape(said)}" if said else escape("".join(format_exception(error)))
        err.print(shown, highlight=False, soft_wrap=not said)
        raise SystemExit(1) from error


def _said(error: Exception) -> str | None:
    """Say what a person can mend; None where the fault is the program's own."""
    if isinstance(error, _MENDABLE):
        return str(error)
    if isinstance(error, _DAGSTERS):
        return (
            f"Dagster's settings can't be used: {' '.join(str(error).split())} See DAGSTER_HOME and its dagster.yaml."
        )
    # Not their kinds: a KeyError is a LookupError, too.
    if type(error) in (LookupError, RuntimeError):
        return str(error)
    return sentence(error)
