"""``uploadwatch backtest``: cases that other budgets, settings or rules would have raised over a home's history."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import duckdb
import typer
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from assets.charts.budget_plots import budget_plot
from cli.incident_score import Score, read_labels, score
from cli.options import HOME, Format, HomeOption, lake_of, svg_file
from cli.review_labels import review_labels
from cli.terminal import terminal, write_json
from common.errors import CommandError
from detection.allow_list import read
from detection.backtest import Raised, play, raised
from detection.parameters import Parameters
from detection.risk import read_risk_list
from detection.rule import RULE
from detection.sql import UnknownQueryError, into, tried
from lake.coverage import create_sources, evaluations, first_days
from lake.days import days_between
from lake.people import read_people
from lake.reviews import view_reviews
from lake.store import Lake
from orchestration.budget import Budget, parse_budget
from orchestration.settings import Settings, environment
from providers import PROVIDERS

__all__ = ["backtest"]

_LEAD = timedelta(days=120)
"""History evaluated before the first day of the backtest, for training, calibration and a settled budget balance: the
longest sums look back on as many sums before them, and are calibrated on as many again."""
_NAMED = 20
"""Cases that are named among those that would come or go; JSON has all."""
_TOP = 10


class Against(StrEnum):
    """Alerts that a backtest compares with."""

    STORED = "stored"
    CURRENT = "current"


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
    tries = [(each, _parameters(each, settings, set_ or [])) for each in _budgets(budget)]
    if plot and not (labels or reviews):
        raise typer.BadParameter("a picture of recall needs labels: give --labels or --reviews too")
    start, end = first.date(), last.date()
    if start > end:
        raise typer.BadParameter(f"--from {start} is after --to {end}")
    lake = lake_of(home)
    # All tries have the same settings but for the budget.
    evaluated, notes = _coverage(lake, start, end, tries[0][1])
    kept = _stored(lake, start, end)
    if against is Against.CURRENT:
        present = _parameters(settings.budget, settings, [])
        kept = _spans(_replay(lake, start, end, settings.budget, present, evaluated).alerts)
    try:
        with tried(rules):
            replays = [_replay(lake, start, end, *each, evaluated) for each in tries]
    except (UnknownQueryError, duckdb.Error) as error:
        if rules is None:
            raise
        raise CommandError(f"--rules can't be tried: {error}") from error
    wanted = [*(read_labels(labels) if labels else []), *(review_labels(lake, start, end) if reviews else [])]
    # Labels say that all other alerts are false, unless reviews are taken, too: those say nothing of unread alerts.
    found = [_figures(each, kept, wanted, complete=not reviews) for each in replays]
    if plot:
        points = [(each["target_per_1000"], each["recall"], each["precision"]) for each in found]
        plot.write_text(budget_plot(points), encoding="utf-8")
    if format_ is Format.JSON:
        write_json({"from": str(start), "to": str(end), "notes": notes, "budgets": found})
    else:
        _show(start, end, found, notes)


def _budgets(text: str) -> list[Budget]:
    try:
        return [parse_budget(part) for part in text.split(",")]
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--budget") from None


def _parameters(budget: Budget, settings: Settings, changed: Sequence[str]) -> Parameters:
    """Return the detector's settings as the deployment has them, with another budget and what is to be tried."""
    present = {"service_budget": settings.service_budget, "budget": budget.per_1000, "weekly_budget": budget.per_week}
    given = {name: value for name, _, value in (text.partition("=") for text in changed)}
    try:
        return Parameters.model_validate(present | given)
    except ValidationError as error:
        what = "; ".join(_wrong(str(each["loc"][0]) if each["loc"] else "", each) for each in error.errors())
        names = ", ".join(Parameters.model_fields)
        raise typer.BadParameter(f"{what}. Write NAME=VALUE; settings are {names}.", param_hint="--set") from None


def _wrong(name: str, error: ErrorDetails) -> str:
    """Describe what is wrong with a setting that was to be tried."""
    if name not in Parameters.model_fields:
        like = get_close_matches(name, Parameters.model_fields, n=1)
        return f"there is no setting {name!r}" + (f" (did you mean {like[0]}?)" if like else "")
    message = error["msg"].removeprefix("Input ")
    return f"{name}: {error['input']!r} {message}"


class Replayed(NamedTuple):
    """Outcome of a replay: alerts that open in the time asked for, the days that were evaluated, and its load."""

    budget: Budget
    alerts: list[Raised]
    days: int
    watched_user_days: int
    allowed: float
    cases: int


Span = tuple[str, datetime, datetime]
"""User, first and last time of an alert, UTC without zone."""


def _replay(
    lake: Lake, start: date, end: date, budget: Budget, parameters: Parameters, evaluated: Sequence[date]
) -> Replayed:
    began = first_days(lake, tuple(PROVIDERS))
    if not began:
        raise CommandError(f"{lake.root} holds no audit events, so there is nothing to replay. Run a backfill first.")
    first = max(start - _LEAD, min(began.values()))
    # The row of a day counts the cases of the day before.
    last = end + timedelta(days=1)
    with (
        duckdb.connect() as con,
        Progress(
            TextColumn(f"budget {budget}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=terminal(stderr=True),
            transient=True,
        ) as bar,
    ):
        task = bar.add_task("", total=(last - first).days + 1)
        training = timedelta(days=parameters.training_days)
        known = read_people(lake)
        known.load_into(con)
        known.view(con, lake, "stored", ["user_hours"], days_between(first - training, last + timedelta(days=1)))
        con.execute("CREATE TEMP TABLE hours AS FROM stored")
        view_reviews(con, lake)
        create_sources(con, began)
        settings = Settings.read(environment())
        entries = read(settings.allow_list) if settings.allow_list else []
        listed = read_risk_list(settings.risk_list) if settings.risk_list else []
        play(
            con,
            first,
            last,
            parameters,
            entries=entries,
            listed=listed,
            passed=lambda _day: bar.update(task, advance=1),
        )
        shown: dict[str, str] = dict(con.execute("SELECT person, label FROM person_labels").fetchall())
        alerts = [
            alert._replace(user=shown.get(alert.user, alert.user))
            for alert in raised(con, start)
            if alert.first_window_start.date() <= end
        ]
        [(days, users, allowed, cases)] = con.execute(
            "SELECT count(*), coalesce(sum(watched_users), 0), coalesce(sum(allowed), 0), coalesce(sum(opened), 0) "
            "FROM played_thresholds WHERE metric = 'files' AND population = 'people' "
            "AND list_contains(CAST(? AS DATE []), CAST(day AS DATE) - 1)",
            [list(evaluated)],
        ).fetchall()
    return Replayed(budget, alerts, int(days), int(users), float(allowed), int(cases))


def _coverage(lake: Lake, start: date, end: date, parameters: Parameters) -> tuple[list[date], list[str]]:
    """Return the days of which a window could be evaluated, and a sentence for each range that has none, by source."""
    began = first_days(lake, tuple(PROVIDERS))
    evaluated: list[date] = []
    spans: dict[str, list[tuple[date, date, str]]] = {provider: [] for provider in began}
    for day in days_between(start, end):
        windows = evaluations(lake, tuple(began), began, day, parameters)
        if any(state == "evaluated" for _, _, state, _ in windows):
            evaluated.append(day)
        for provider, found in spans.items():
            of_source = [(state, reason) for scope, _, state, reason in windows if scope == provider]
            if any(state == "evaluated" for state, _ in of_source):
                continue
            state, reason = of_source[0]
            # The hour is that of the first window alone.
            why = f"{state}: {(reason or '').partition(' from ')[0]}"
            if found and found[-1][1:] == (day - timedelta(days=1), why):
                found[-1] = (found[-1][0], day, why)
            else:
                found.append((day, day, why))
    sources: dict[tuple[date, date, str], list[str]] = {}
    for provider, found in spans.items():
        for span in found:
            sources.setdefault(span, []).append(provider)
    notes = [
        f"{first}{f' to {last}' if last > first else ''}, {', '.join(of)}: {why}"
        for (first, last, why), of in sorted(sources.items())
    ]
    return evaluated, notes


def _stored(lake: Lake, start: date, end: date) -> list[Span]:
    with duckdb.connect() as con:
        read_people(lake).load_into(con)
        lake.view(con, "stored_alerts", ["alerts"], days_between(start, end))
        into(con, "alerts", "persons/alerts")
        query = 'SELECT "user", first_window_start, last_window_end FROM alerts WHERE folded_into IS NULL'
        return con.execute(query).fetchall()


def _spans(alerts: Iterable[Raised]) -> list[Span]:
    return [(alert.user, alert.first_window_start, alert.last_window_end) for alert in alerts]


def _figures(
    replayed: Replayed, kept: Sequence[Span], labels: Sequence[Mapping[str, str]], *, complete: bool
) -> dict[str, Any]:
    alerts, users = replayed.alerts, replayed.watched_user_days
    people = [alert for alert in alerts if alert.population != "services"]
    return {
        "budget": str(replayed.budget),
        "alerts": len(alerts),
        "cases": replayed.cases,
        "by_services": len(alerts) - len(people),
        "watched_user_days": users,
        "allowed": round(replayed.allowed, 2),
        "target_per_1000": round(1000 * replayed.allowed / users, 3) if users else 0.0,
        "realised_per_1000": round(1000 * replayed.cases / users, 3) if users else None,
        "evaluated_days": replayed.days,
        "realised_per_week": round(7 * replayed.cases / replayed.days, 3)
        if replayed.budget.per_week and replayed.days
        else None,
        "top_users": [
            {"user": user, "alerts": count} for user, count in Counter(alert.user for alert in alerts).most_common(_TOP)
        ],
        **_changes(_spans(alerts), kept),
        **(_labelled(alerts, labels, complete=complete) if labels else {}),
    }


def _changes(alerts: Sequence[Span], kept: Sequence[Span]) -> dict[str, Any]:
    def meet(one: Span, other: Span) -> bool:
        return one[0] == other[0] and one[1] < other[2] and one[2] > other[1]

    come = [alert for alert in alerts if not any(meet(alert, other) for other in kept)]
    go = [other for other in kept if not any(meet(alert, other) for alert in alerts)]
    return {"would_come": len(come), "would_go": len(go), "come": _cases(come), "go": _cases(go)}


def _cases(alerts: Sequence[Span]) -> list[dict[str, Any]]:
    """Return alerts by case, without reviews: a person's within a case's period of the first."""
    period = timedelta(days=RULE.periods.case_days)
    cases: list[dict[str, Any]] = []
    last: Span | None = None
    for alert in sorted(alerts):
        if last and alert[0] == last[0] and alert[1] < last[1] + period:
            cases[-1]["alerts"] += 1
            continue
        last = alert
        cases.append({"user": alert[0], "opened": alert[1].replace(tzinfo=UTC).isoformat(), "alerts": 1})
    return cases


def _labelled(alerts: Sequence[Raised], labels: Sequence[Mapping[str, str]], *, complete: bool) -> dict[str, Any]:
    def as_shown(alert: Raised) -> dict[str, Any]:
        return {
            "alert_id": f"{alert.user}|{alert.first_window_start}",
            "user": alert.user,
            "severity": RULE.severity,
            "first_window_start": alert.first_window_start.replace(tzinfo=UTC).isoformat(),
            "last_window_end": alert.last_window_end.replace(tzinfo=UTC).isoformat(),
        }

    result: Score = score([as_shown(alert) for alert in alerts], labels, providers=tuple(PROVIDERS))
    labelled = len(alerts) - (0 if complete else result.unlabelled)
    false = result.look_alikes + (result.unlabelled if complete else 0)
    return {
        "recall": round(sum(result.found.values()) / max(1, sum(result.wanted.values())), 3),
        "precision": round((labelled - false) / labelled, 3) if labelled else None,
        "labelled_alerts": labelled,
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
