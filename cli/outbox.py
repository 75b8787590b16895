"""``uploadwatch outbox``: notifications that wait, or were given up."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from cli.options import HOME, Format, HomeOption, lake_of
from cli.terminal import terminal, write_json
from common.clock import Clock
from notify.outbox import outbox_of
from notify.settings import read_channels
from orchestration.settings import Settings, environment

__all__ = ["outbox"]


def outbox(
    home: HomeOption = HOME,
    retry: Annotated[bool, typer.Option("--retry", help="Retry parked notifications.")] = False,
    format_: Annotated[Format, typer.Option("--format", help="table, or json: one object.")] = Format.TABLE,
) -> None:
    """List notifications that are not delivered yet or parked after too many attempts, with the reason."""
    lake_of(home)
    values = environment()
    box = outbox_of(home)
    if retry:
        now = Clock(fixed=Settings.read(values).now).now()
        terminal(stderr=True).print(f"{box.retry(now)} messages will be sent again")
    waiting, counts = box.waiting(), box.counts()
    if format_ is Format.JSON:
        write_json({**counts, "waiting": [asdict(each) for each in waiting]})
        return
    known = {each.name: each.fault and f"{each.fault} " for each in read_channels(values)}
    table = Table(title=", ".join(f"{count} {state}" for state, count in counts.items()), expand=True)
    for title in ("Channel", "Event", "About", "State", "Attempts", "Next (UTC)", "Why"):
        table.add_column(title, overflow="fold")
    for each in waiting:
        gone = known.get(each.channel, "no channel of this name is configured. ")
        table.add_row(
            each.channel,
            each.event,
            escape(each.line),
            "[bold red]parked[/]" if each.state == "parked" else each.state,
            str(each.attempts),
            each.due[:19].replace("T", " ") if each.state == "pending" else "",
            escape(gone + each.reason),
        )
    terminal().print(table)
