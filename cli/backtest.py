"""``uploadwatch backtest``: cases that other budgets, settings or rules would have raised over a home's history."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from assets.charts.budget_plots import budget_plot
from cli.options import HOME, Format, HomeOption, lake_of, svg_file
from cli.terminal import terminal, write_json
from common.errors import CommandError
from detection.incident_score import read_labels
from detection.rule import RULE
from orchestration.backtesting import Against, Step, Try, compare, parameters_of, parse_budgets
from orchestration.settings import Settings, environment

__all__ = ["backtest"]

_NAMED = 20
"""Cases that are named among those that would come or go; JSON has all."""


def backtest(
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day.")],
    home: HomeOption = HOME,
    budget: Annotated[
        str,
        typer.Option(help="Cases per 1000 monitored users and day, or 10/week in all; several separated by commas."),
    ] = "2",
    labels: Annotated[
        Path | None, typer.Option(help="Labelled incidents, CSV, for recall and precision.", exists=True)
    ] = None,
    reviews: Annotated[
        bool,
        typer.Option("--reviews", help="Take the reviews of the home as labels, too: confirmed ones are incidents."),
    ] = False,
    plot: Annotated[
        Path | None, typer.Option(help="Picture of budget against recall, SVG; needs labels.", callback=svg_file)
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Setting of the detector to try, NAME=VALUE; may be repeated.")
    ] = None,
    rules: Annotated[
        Path | None,
        typer.Option(help="Directory of changed queries, named as in detection/sql.", exists=True, file_okay=False),
    ] = None,
    against: Annotated[
        Against,
        typer.Option(help="Compare with the stored alerts, or with a replay of the present rules and settings."),
    ] = Against.STORED,
    format_: Annotated[Format, typer.Option("--format", help="table, or json: one object.")] = Format.TABLE,
) -> None:
    """Replay budgets, settings or rules over stored history: load, top users, changes, and recall with labels.

    Says which cases would come and go. Nothing in the home is changed, and nobody is notified.
    """
    settings = Settings.read(environment())
    tries = _tries(budget, settings, set_ or [])
    if plot and not (labels or reviews):
        raise typer.BadParameter("a picture of recall needs labels: give --labels or --reviews too")
    start, end = first.date(), last.date()
    if start > end:
        raise typer.BadParameter(f"--from {start} is after --to {end}")
    lake = lake_of(home)
    with _progress() as passed:
        notes, found = compare(
            lake,
            settings,
            start,
            end,
            tries,
            against=against,
            labels=read_labels(labels) if labels else [],
            reviews=reviews,
            rules=rules,
            passed=passed,
        )
    if plot:
        points = [
            (each["target_per_1000"], each["recall"], each["precision"]) for each in found if each["recall"] is not None
        ]
        if not points:
            raise CommandError(f"There is no picture: none of the labels is an incident from {start} to {end}.")
        plot.write_text(budget_plot(points), encoding="utf-8")
    if format_ is Format.JSON:
        write_json({"from": str(start), "to": str(end), "notes": notes, "budgets": found})
    else:
        _show(start, end, found, notes)


def _tries(budgets: str, settings: Settings, changed: Sequence[str]) -> list[Try]:
    try:
        wanted = parse_budgets(budgets)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--budget") from None
    try:
        return [Try(each, parameters_of(each, settings, changed)) for each in wanted]
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--set") from None


@contextmanager
def _progress() -> Iterator[Callable[[Step], None]]:
    """Yield what shows the progress of a replay as a bar."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=terminal(stderr=True), transient=True) as bars:
        tasks: dict[int, TaskID] = {}

        def passed(step: Step) -> None:
            if step.number not in tasks:
                for task in tasks.values():
                    bars.update(task, visible=False)
                tasks[step.number] = bars.add_task(f"budget {step.budget}", total=step.days)
            bars.update(tasks[step.number], completed=step.done)

        yield passed


def _show(start: date, end: date, found: Sequence[dict[str, Any]], notes: Sequence[str]) -> None:
    out = terminal()
    for note in notes:
        out.print(note, highlight=False)
    table = Table(title=f"Backtest from {start} to {end}")
    for title in ("Target", "Actual", "Cases", "Alerts", "by services", "Come", "Go", "Recall", "Precision"):
        table.add_column(title, justify="right")
    for each in found:
        by_day, by_week = each["realised_per_1000"], each["realised_per_week"]
        actual = "-" if by_day is None else f"{by_day:.2f}"
        table.add_row(
            each["budget"],
            actual if by_week is None else f"{by_week:.1f}/week",
            str(each["cases"]),
            str(each["alerts"]),
            str(each["by_services"]),
            f"+{each['would_come']}",
            f"-{each['would_go']}",
            *("-" if each.get(name) is None else f"{each[name]:.2f}" for name in ("recall", "precision")),
        )
    out.print(table)
    out.print(
        "Target and actual are cases of people for 1000 monitored users and day, or a week, of evaluated days. A case "
        f"is a person's alerts within {RULE.periods.case_days} days; alerts are those of all populations.",
        highlight=False,
    )
    for each in found:
        if "labelled_alerts" in each and each["labelled_alerts"] < each["alerts"]:
            read = f"{each['labelled_alerts']} of {each['alerts']} alerts"
            out.print(
                f"Precision at {each['budget']} is of the {read} that were reviewed or labelled.", highlight=False
            )
        users = ", ".join(f"{escape(user['user'])} ({user['alerts']})" for user in each["top_users"])
        out.print(f"[bold]Budget {each['budget']}[/], most alerts: {users or 'none'}")
        for sign, title in (("come", "Would come"), ("go", "Would go")):
            named = [f"{escape(case['user'])} ({case['opened'][:10]})" for case in each[sign]]
            if named:
                more = f" and {len(named) - _NAMED} more" if len(named) > _NAMED else ""
                out.print(f"  {title}: {', '.join(named[:_NAMED])}{more}")
        for name, seen in each.get("scenarios", {}).items():
            hours = seen["median_hours_to_detect"]
            when = f", {hours:g} h after its first event" if hours is not None else ""
            out.print(f"  {name.replace('_', ' ')}: {seen['found']} of {seen['wanted']}{when}")
