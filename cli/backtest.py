"""``uploadwatch backtest``: alerts that other budgets would have raised over a home's history."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import duckdb
import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from assets.charts.budget_plots import budget_plot
from cli.incident_score import Score, score
from cli.options import HOME, Format, HomeOption, lake_of, svg_file
from cli.terminal import terminal, write_json
from common.errors import CommandError
from detection.allow_list import read
from detection.backtest import Raised, play, raised
from detection.parameters import Parameters
from detection.risk import read_risk_list
from detection.rule import RULE
from detection.sql import into
from lake.coverage import create_sources, first_days
from lake.days import days_between
from lake.people import read_people
from lake.reviews import view_reviews
from lake.store import Lake
from orchestration.settings import Settings, environment
from providers import PROVIDERS

__all__ = ["backtest"]

_LEAD = timedelta(days=90)
"""History evaluated before the first day of the backtest, for training, calibration and a settled budget balance."""
_TOP = 10


def backtest(
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day.")],
    home: HomeOption = HOME,
    budget: Annotated[
        str, typer.Option(help="Alerts per 1000 monitored users and day; several separated by commas.")
    ] = "2",
    labels: Annotated[
        Path | None, typer.Option(help="Labelled incidents, CSV, for recall and precision.", exists=True)
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Picture of budget against recall, SVG; needs labels.", callback=svg_file)
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="table, or json: one object.")] = Format.TABLE,
) -> None:
    """Replay budgets over stored history and compare with the alerts: load, top users, changes, and recall with labels.

    Nothing in the home is changed.
    """
    budgets = _budgets(budget)
    if plot and not labels:
        raise typer.BadParameter("a picture of recall needs labels: give --labels too")
    start, end = first.date(), last.date()
    if start > end:
        raise typer.BadParameter(f"--from {start} is after --to {end}")
    lake = lake_of(home)
    found = [_figures(lake, start, end, each, labels) for each in budgets]
    if plot:
        points = [(each["budget"], each["recall"], each["precision"]) for each in found]
        plot.write_text(budget_plot(points), encoding="utf-8")
    if format_ is Format.JSON:
        write_json({"from": str(start), "to": str(end), "budgets": found})
    else:
        _show(start, end, found)


def _budgets(text: str) -> list[float]:
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        raise typer.BadParameter(f"{text!r}: give numbers, such as 2 or 1,2,5", param_hint="--budget") from None
    if not all(0 < each <= 1000 for each in found):
        raise typer.BadParameter(f"{text!r}: a budget is above 0 and at most 1000", param_hint="--budget")
    return found


def _figures(lake: Lake, start: date, end: date, budget: float, labels: Path | None) -> dict[str, Any]:
    began = first_days(lake, tuple(PROVIDERS))
    if not began:
        raise CommandError(f"{lake.root} holds no audit events, so there is nothing to replay. Run a backfill first.")
    first = max(start - _LEAD, min(began.values()))
    with (
        duckdb.connect() as con,
        Progress(
            TextColumn(f"budget {budget:g}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=terminal(stderr=True),
            transient=True,
        ) as bar,
    ):
        task = bar.add_task("", total=(end - first).days + 1)
        parameters = Parameters(budget=budget)
        training = timedelta(days=parameters.training_days)
        known = read_people(lake)
        known.load_into(con)
        known.view(con, lake, "stored", ["user_hours"], days_between(first - training, end + timedelta(days=1)))
        con.execute("CREATE TEMP TABLE hours AS FROM stored")
        view_reviews(con, lake)
        create_sources(con, began)
        settings = Settings.read(environment())
        entries = read(settings.allow_list) if settings.allow_list else []
        listed = read_risk_list(settings.risk_list) if settings.risk_list else []
        play(
            con,
            first,
            end,
            parameters,
            entries=entries,
            listed=listed,
            passed=lambda _day: bar.update(task, advance=1),
        )
        shown: dict[str, str] = dict(con.execute("SELECT person, label FROM person_labels").fetchall())
        alerts = [alert._replace(user=shown.get(alert.user, alert.user)) for alert in raised(con, start)]
        [(users, allowed, cases)] = con.execute(
            "SELECT coalesce(sum(watched_users), 0), coalesce(sum(allowed), 0), coalesce(sum(opened), 0) "
            "FROM played_thresholds WHERE metric = 'files' AND population = 'people' AND day > ?",
            [start],
        ).fetchall()
        lake.view(con, "stored_alerts", ["alerts"], days_between(start, end))
        into(con, "alerts", "persons/alerts")
        kept = con.execute('SELECT "user", first_window_start, last_window_end FROM alerts').fetchall()
    people = [alert for alert in alerts if alert.population == "people"]
    return {
        "budget": budget,
        "alerts": len(alerts),
        "cases": int(cases),
        "by_services": len(alerts) - len(people),
        "watched_user_days": int(users),
        "allowed": round(allowed, 2),
        "realised_per_1000": round(1000 * cases / users, 3) if users else None,
        "top_users": [
            {"user": user, "alerts": count} for user, count in Counter(alert.user for alert in alerts).most_common(_TOP)
        ],
        **_changes(alerts, kept),
        **(_labelled(alerts, labels) if labels else {}),
    }


def _changes(alerts: Sequence[Raised], kept: Sequence[tuple[str, datetime, datetime]]) -> dict[str, Any]:
    def meet(alert: Raised, other: tuple[str, datetime, datetime]) -> bool:
        return alert.user == other[0] and alert.first_window_start < other[2] and alert.last_window_end > other[1]

    return {
        "would_come": sum(not any(meet(alert, other) for other in kept) for alert in alerts),
        "would_go": sum(not any(meet(alert, other) for alert in alerts) for other in kept),
    }


def _labelled(alerts: Sequence[Raised], labels: Path) -> dict[str, Any]:
    def as_shown(alert: Raised) -> dict[str, Any]:
        return {
            "alert_id": f"{alert.user}|{alert.first_window_start}",
            "user": alert.user,
            "severity": RULE.severity,
            "first_window_start": alert.first_window_start.replace(tzinfo=UTC).isoformat(),
            "last_window_end": alert.last_window_end.replace(tzinfo=UTC).isoformat(),
        }

    result: Score = score([as_shown(alert) for alert in alerts], labels, providers=tuple(PROVIDERS))
    false = result.look_alikes + result.unlabelled
    return {
        "recall": round(sum(result.found.values()) / max(1, sum(result.wanted.values())), 3),
        "precision": round((len(alerts) - false) / len(alerts), 3) if alerts else None,
        "scenarios": {
            name: {
                "wanted": wanted,
                "found": result.found[name],
                "median_hours_to_detect": round(statistics.median(result.hours[name]), 1)
                if name in result.hours
                else None,
            }
            for name, wanted in sorted(result.wanted.items())
        },
    }


def _show(start: date, end: date, found: Sequence[dict[str, Any]]) -> None:
    out = terminal()
    table = Table(title=f"Backtest from {start} to {end}")
    for title in ("Target", "Actual", "Alerts", "by services", "Would come", "Would go", "Recall", "Precision"):
        table.add_column(title, justify="right")
    for each in found:
        actual = each["realised_per_1000"]
        table.add_row(
            f"{each['budget']:g}",
            "-" if actual is None else f"{actual:.2f}",
            str(each["alerts"]),
            str(each["by_services"]),
            f"+{each['would_come']}",
            f"-{each['would_go']}",
            *("-" if each.get(name) is None else f"{each[name]:.2f}" for name in ("recall", "precision")),
        )
    out.print(table)
    for each in found:
        users = ", ".join(f"{escape(user['user'])} ({user['alerts']})" for user in each["top_users"])
        out.print(f"[bold]Budget {each['budget']:g}[/], most alerts: {users or 'none'}")
        for name, seen in each.get("scenarios", {}).items():
            hours = seen["median_hours_to_detect"]
            when = f", {hours:g} h after its first event" if hours is not None else ""
            out.print(f"  {name.replace('_', ' ')}: {seen['found']} of {seen['wanted']}{when}")
