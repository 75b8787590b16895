"""``uploadwatch alerts``: the alerts of a home."""

import json
import sys
from typing import Annotated

import typer
from rich.console import Console

from orchestration.commands.formats import HOME, Format, HomeOption, lake_of
from orchestration.report import alert_table, read_alerts, read_suppressed

__all__ = ["alerts"]


def alerts(
    home: HomeOption = HOME,
    format_: Annotated[Format, typer.Option("--format", help="table, or json: one array.")] = Format.TABLE,
) -> None:
    """Prints the alerts of a home."""
    lake_of(home)
    found = read_alerts(home)
    if format_ is Format.JSON:
        sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    else:
        Console().print(alert_table(found, read_suppressed(home)))
