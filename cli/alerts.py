"""``uploadwatch alerts``: the alerts of a home."""

from typing import Annotated

import typer

from assets.core.resources import Clock
from cli.alert_table import alert_table
from cli.options import HOME, Format, HomeOption, lake_of
from cli.terminal import terminal, write_json
from lake.shown_alerts import read_alerts, read_suppressed
from lake.source_status import activations, sources_of, warnings
from orchestration.settings import Settings, environment

__all__ = ["alerts"]


def alerts(
    home: HomeOption = HOME,
    format_: Annotated[Format, typer.Option("--format", help="table, or json: one array.")] = Format.TABLE,
) -> None:
    """Print the alerts of a home, below the problems of the sources (with json on standard error)."""
    lake = lake_of(home)
    values = environment()
    now = Clock(fixed=Settings.read(values).now).now()
    above = terminal(stderr=format_ is Format.JSON)
    for line in warnings(sources_of(lake, now)):
        above.print(line, markup=False, highlight=False, soft_wrap=True)
    if lost := lake.lost_days("alerts"):
        said = f"The alerts of {len(lost)} days, the last {lost[-1]}, are missing: the next run computes them again."
        above.print(said, markup=False, highlight=False, soft_wrap=True)
    found = read_alerts(lake, now)
    if format_ is Format.JSON:
        write_json(found)
    else:
        pending = [activation.line for activation in activations(lake, values, now.date())]
        terminal().print(alert_table(found, read_suppressed(lake), pending))
