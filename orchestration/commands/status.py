"""``uploadwatch status``: whether the budget is met, and what was and was not watched."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import duckdb
import typer
from rich.console import Console
from rich.table import Table

from assets.load import load_of_days
from assets.plots import load_plot
from detection.wording import TITLES
from orchestration.commands.formats import HOME, Format, HomeOption, lake_of

__all__ = ["status"]


def status(
    home: HomeOption = HOME,
    days: Annotated[int, typer.Option(help="So many days up to the last one.", min=1)] = 30,
    plot: Annotated[Path | None, typer.Option(help="Picture of alerts allowed and raised, PNG.")] = None,
    format_: Annotated[Format, typer.Option("--format", help="table, or json: one object.")] = Format.TABLE,
) -> None:
    """Shows alerts raised against the budget day by day, and for each provider the windows that were not evaluated."""
    lake = lake_of(home)
    judged = lake.days("thresholds")[-days:]
    if not judged:
        raise FileNotFoundError(f"{home} holds no thresholds yet: materialise the assets first.")
    with duckdb.connect() as con:
        load = load_of_days(con, lake, judged)
        lake.view(con, "evaluations", ["evaluations"], judged)
        states = con.execute(
            "SELECT scope, state, reason, count(*), min(window_start), max(window_start) FROM evaluations "
            "GROUP BY scope, state, reason ORDER BY scope, min(window_start)"
        ).fetchall()
    if plot:
        plot.write_bytes(load_plot(load))
    if format_ is Format.JSON:
        names = ("scope", "state", "reason", "windows", "first_window_start", "last_window_start")
        shown = [dict(zip(names, row, strict=True)) for row in states]
        sys.stdout.write(json.dumps({"load": load, "windows": shown}, default=str, indent=1) + "\n")
    else:
        _show(judged, load, states)


def _show(judged: list[date], load: list[dict[str, Any]], states: list[tuple[Any, ...]]) -> None:
    out = Console()
    for population in dict.fromkeys(row["population"] for row in load):
        rows = [row for row in load if row["population"] == population]
        allowed, raised = sum(row["allowed"] for row in rows), sum(row["raised"] for row in rows)
        users = sum(row["watched_users"] for row in rows)
        realised = f"{1000 * raised / users:.2f}" if users else "nobody watched yet"
        out.print(
            f"[bold]{population}[/] from {judged[0]} to {judged[-1]}: {raised} alerts, {allowed:.1f} allowed; "
            f"asked {rows[-1]['budget']:g} per 1000 and day, realised {realised}; "
            f"account at {rows[-1]['balance']:+.1f}"
        )
    table = Table(title="Days with alerts or an allowance")
    for title in ("Day", "Whose", "Users watched", "Allowed", "Raised", "Account"):
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
    for scope, state, reason, windows, first, last in states:
        why = f": {reason}" if reason else ""
        out.print(
            f"{TITLES.get(scope, scope)}: {windows} windows {state}{why} "
            f"({first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC)",
            markup=False,
        )
