"""The ``uploadwatch`` command."""

from __future__ import annotations

import logging
import os
import sys
from typing import Annotated

import typer

from cli.commands import Commands
from cli.terminal import LogHandler, terminal
from common.errors import MendableError
from orchestration.env_file import environment
from orchestration.logs import JsonFormatter, LogFormat, log_format
from orchestration.private import write_privately

__all__ = ["app", "main"]

app = typer.Typer(
    cls=Commands,
    help="Watches uploads to Box, Dropbox, Google Workspace and Office 365 with a baseline per user.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _show_version(*, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 -- takes as long as all else here

        terminal().print(f"uploadwatch {version('uploadwatch')}", highlight=False)
        raise typer.Exit


@app.callback()
def _options(
    *,
    show_version: Annotated[
        bool, typer.Option("--version", callback=lambda wanted: _show_version(wanted=wanted), is_eager=True)
    ] = False,
) -> None:
    """Watches uploads to Box, Dropbox, Google Workspace and Office 365 with a baseline per user."""


def main() -> None:
    """Run a command; show an error that a person can fix as a sentence, and a fault of the program as a traceback.

    Raises:
        SystemExit: The exit status: 0, 1 after an error, 2 after wrong arguments.
    """
    logging.lastResort = LogHandler(logging.WARNING)
    as_json: LogHandler | None = None
    try:
        write_privately()
        os.environ.update(environment())
        if log_format(os.environ) is LogFormat.JSON:
            logging.lastResort = as_json = LogHandler(logging.WARNING, JsonFormatter())
        app()
    except Exception as error:
        from rich.markup import escape  # noqa: PLC0415 -- only after an error

        said = _said(error)
        if as_json:
            caught = None if said else (type(error), error, error.__traceback__)
            message = said or "The program failed."
            as_json.handle(logging.LogRecord("uploadwatch", logging.ERROR, __file__, 0, message, None, caught))
            raise SystemExit(1) from error
        # A provider's error text may look like markup.
        shown = f"[bold red]Error:[/] {escape(said)}" if said else escape(_traceback(error))
        terminal(stderr=True).print(shown, highlight=False, soft_wrap=not said)
        raise SystemExit(1) from error


def _traceback(error: Exception) -> str:
    from traceback import format_exception  # noqa: PLC0415 -- only after an error

    return "".join(format_exception(error))


def _said(error: Exception) -> str | None:
    """Describe an error that a person can fix; return None if it is a fault of the program."""
    if isinstance(error, MendableError):
        return str(error)
    dagster = sys.modules.get("dagster")
    if dagster and isinstance(error, dagster.DagsterInvalidConfigError):
        return (
            f"Dagster's settings can't be used: {' '.join(str(error).split())} See DAGSTER_HOME and its dagster.yaml."
        )
    from assets.core.host_faults import sentence  # noqa: PLC0415 -- only after an error: it knows Dagster's, too

    return sentence(error)
