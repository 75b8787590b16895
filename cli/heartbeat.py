"""``uploadwatch heartbeat``: a call to a dead man's switch while all is well."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape

from cli.options import HOME, HomeOption
from cli.terminal import terminal
from common.clock import Clock
from orchestration.monitoring.heartbeat import PingError, address, faults, ping
from orchestration.settings import Settings, environment

__all__ = ["heartbeat"]

_NOT_WELL, _NOT_TAKEN = 1, 3


def heartbeat(
    home: HomeOption = HOME,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say whether all is well.")] = False,
) -> None:
    """Call UPLOADWATCH_HEARTBEAT_URL if the last poll run succeeded and the data are fresh; otherwise stay silent.

    Let a timer run it, and let the service behind the address alarm when no call comes: docs/monitoring.md. It needs
    neither Dagster's daemon nor its web server.

    The exit status is 0 if the address took the call, 1 if something is not well or a setting cannot be used (nothing
    is called then), and 3 if all is well but the address did not take the call.
    """
    values = environment()
    now = Clock(fixed=Settings.read(values).now).now()
    url = "" if dry_run else address(values)
    found = faults(home.absolute(), values, now)
    for fault in found:
        terminal(stderr=True).print(escape(fault), highlight=False, soft_wrap=True)
    if found:
        raise typer.Exit(_NOT_WELL)
    if dry_run:
        terminal().print("All is well; nothing was called.")
        return
    try:
        ping(url)
    except PingError as error:
        terminal(stderr=True).print(escape(str(error)), highlight=False, soft_wrap=True)
        raise typer.Exit(_NOT_TAKEN) from None
    terminal().print("All is well; the address took the call.")
