"""``uploadwatch status``: state of the sources, target and actual cases, and windows that were not evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import duckdb
import typer
from rich.console import Console
from rich.table import Table

from assets.charts.budget_plots import load_plot
from assets.charts.load import load_of_days
from cli.options import HOME, Format, HomeOption, lake_of, svg_file
from cli.terminal import terminal, write_json
from common.clock import Clock
from lake.source_status import Activation, activations, sources_of, warnings
from notify.settings import read_channels
from orchestration.evaluation_figures import count_cases, count_windows, load_by_population, nobody_reason, weak_entries
from orchestration.settings import Settings, environment
from providers import title_of

__all__ = ["status"]


def status(
    home: HomeOption = HOME,
    days: Annotated[int, typer.Option(help="Number of days, up to the last one.", min=1)] = 30,
    plot: Annotated[
        Path | None, typer.Option(help="Picture of alerts allowed and raised, SVG.", callback=svg_file)
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="table, or json: one object.")] = Format.TABLE,
) -> None:
    """Show the problems of the sources, alerts against the budget, and the windows that were not evaluated."""
    lake = lake_of(home)
    values = environment()
    settings = Settings.read(values)
    now = Clock(fixed=settings.now).now()
    sources = sources_of(lake, now)
    out = terminal()
    if format_ is Format.TABLE:
        unusable = [channel.fault for channel in read_channels(values) if channel.fault]
        for line in [*warnings(sources), *unusable, *weak_entries(settings, now.date())]:
            out.print(line, markup=False, highlight=False, soft_wrap=True)
    pending = activations(lake, values, now.date())
    judged = lake.days("thresholds")[-days:]
    with duckdb.connect() as con:
        load = load_of_days(con, lake, judged)
        windows = count_windows(con, lake, judged, sources, now)
        cases = count_cases(con, lake)
    if plot and judged:
        plot.write_text(load_plot(load), encoding="utf-8")
    if format_ is Format.JSON:
        report = {"sources": [source.as_json() for source in sources], "load": load, "windows": windows, "cases": cases}
        write_json(report | {"allow_list": weak_entries(settings, now.date())})
        return
    if not judged:
        out.print("Nothing is evaluated yet: no run has finished.")
    else:
        _show(out, judged, load, pending, has_risk_list=settings.risk_list is not None)
        counted = ", ".join(f"{number} {state}" for state, number in cases.items())
        out.print(f"Cases of all days, as of the last run: {counted or 'none'}.", highlight=False)
    for activation in pending:
        out.print(activation.line, markup=False, highlight=False)
    for row in windows:
        why = f": {row['reason']}" if row["reason"] else ""
        count = f"{row['windows']} window{'' if row['windows'] == 1 else 's'}"
        out.print(
            f"{title_of(row['scope'])}: {count} {row['state']}{why} "
            f"({row['first_window_start']:%Y-%m-%d %H:%M} to {row['last_window_start']:%Y-%m-%d %H:%M} UTC)",
            markup=False,
        )


def _show(
    out: Console,
    judged: Sequence[date],
    load: list[dict[str, Any]],
    pending: Sequence[Activation],
    *,
    has_risk_list: bool,
) -> None:
    until = min((each.until for each in pending if each.until), default=None)
    for each in load_by_population(load):
        if each.actual is not None:
            actual = f"; actual {each.actual:.2f}; balance {each.balance:+.1f}"
        else:
            actual = f". {nobody_reason(each.population, until, has_risk_list=has_risk_list)}"
        out.print(
            f"[bold]{each.population}[/] from {judged[0]} to {judged[-1]}: {each.raised} "
            f"case{'' if each.raised == 1 else 's'}, {each.allowed:.1f} allowed; target {each.budget:g} per 1000 and "
            f"day{actual}."
        )
    table = Table(title="Days with cases or an allowance")
    for title in ("Day", "Population", "Monitored users", "Allowed", "Raised", "Balance"):
        table.add_column(title, justify="right")
    for row in load:
        if row["raised"] or row["allowed"]:
            figures = (
                f"{row['watched_users']:,}",
                f"{row['allowed']:.2f}",
                str(row["raised"]),
                f"{row['balance']:+.2f}",
            )
            table.add_row(str(row["day"]), row["population"], *figures)
    out.print(table)
