"""``uploadwatch alerts``: the queue of cases, a line each."""

from datetime import datetime
from typing import Annotated

import typer

from cli.alert_table import case_table
from cli.case_queue import Order, cases_of, filter_cases
from cli.options import HOME, Format, HomeOption, lake_of
from cli.terminal import terminal, write_json
from common.clock import Clock
from lake.shown_alerts import read_alerts, read_suppressed
from lake.source_status import activations, sources_of, warnings
from orchestration.settings import Settings, environment

__all__ = ["alerts"]


def alerts(
    home: HomeOption = HOME,
    user: Annotated[str, typer.Option(help="Only cases of users whose name contains this.")] = "",
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only cases with uploads on this day, UTC, or later.")
    ] = None,
    only_open: Annotated[bool, typer.Option("--open", help="Only cases that are not reviewed, or reopened.")] = False,
    sort: Annotated[
        Order, typer.Option(help="queue: unreviewed first, then by severity, then by rarity.")
    ] = Order.QUEUE,
    limit: Annotated[int | None, typer.Option(min=1, help="Most cases to print.")] = None,
    format_: Annotated[
        Format, typer.Option("--format", help="table: a line for each case; json: one array of alerts.")
    ] = Format.TABLE,
) -> None:
    """Print the cases of a home in the order to read them, below the problems of the sources.

    `uploadwatch alert ID` prints one of them whole. With json, problems of sources are on standard error.
    """
    lake = lake_of(home)
    values = environment()
    now = Clock(fixed=Settings.read(values).now).now()
    above = terminal(stderr=format_ is Format.JSON)
    for line in warnings(sources_of(lake, now)):
        above.print(line, markup=False, highlight=False, soft_wrap=True)
    if lost := lake.lost_days("alerts"):
        said = f"The alerts of {len(lost)} days, the last {lost[-1]}, are missing: the next run computes them again."
        above.print(said, markup=False, highlight=False, soft_wrap=True)
    every = cases_of(read_alerts(lake, now), sort)
    found = filter_cases(every, user=user, since=since.date() if since else None, only_open=only_open)
    picked = found[:limit]
    if format_ is Format.JSON:
        write_json([alert for members in picked for alert in members])
        return
    pending = [activation.line for activation in activations(lake, values, now.date())]
    left_out = len(found) - len(picked)
    out, suppressed = terminal(), read_suppressed(lake)
    out.print(case_table(picked, width=out.width, left_out=left_out, allowed=suppressed, activation=pending))
