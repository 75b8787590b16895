"""Backtest of a home: cases that other budgets, settings or rules would have raised over its history."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from common.errors import MendableError
from detection.allow_list import read
from detection.backtest import Raised, play, raised
from detection.incident_score import Score, score
from detection.parameters import Parameters
from detection.risk import read_risk_list
from detection.rule import RULE
from detection.sql import UnknownQueryError, into, tried
from lake.coverage import create_sources, evaluations, first_days
from lake.days import days_between
from lake.people import read_people
from lake.review_labels import review_labels
from lake.reviews import view_reviews
from lake.store import Lake
from orchestration.budget import Budget, parse_budget
from orchestration.settings import Settings
from providers import PROVIDERS

__all__ = ["LEAD", "Against", "BacktestError", "Compared", "Step", "Try", "compare", "parameters_of", "parse_budgets"]

LEAD = timedelta(days=120)
"""History evaluated before the first day of the backtest, for training, calibration and a settled budget balance: the
longest sums look back on as many sums before them, and are calibrated on as many again."""
_TOP = 10


class BacktestError(MendableError):
    """A backtest that cannot be made."""


class Against(StrEnum):
    """Alerts that a backtest compares with."""

    STORED = "stored"
    CURRENT = "current"


class Try(NamedTuple):
    """Budget to try, and the settings of the detector with it."""

    budget: Budget
    parameters: Parameters


class Step(NamedTuple):
    """Progress of a backtest.

    Attributes:
        number: Number of the replay, from 0.
        replays: Number of all replays.
        budget: Budget that is replayed.
        done: Days that are evaluated.
        days: Days to evaluate.
    """

    number: int
    replays: int
    budget: Budget
    done: int
    days: int


class Compared(NamedTuple):
    """Result of a backtest.

    Attributes:
        notes: A sentence for each range of days that could not be evaluated.
        budgets: Figures of each try.
    """

    notes: list[str]
    budgets: list[dict[str, Any]]


def parse_budgets(text: str) -> list[Budget]:
    """Parse budgets that are separated by commas.

    Raises:
        ValueError: One of them is no budget.
    """
    return [parse_budget(part) for part in text.split(",")]


def parameters_of(budget: Budget, settings: Settings, changed: Sequence[str] = ()) -> Parameters:
    """Return the detector's settings as the deployment has them, with another budget and what is to be tried.

    Args:
        budget: The budget.
        settings: Settings of the deployment.
        changed: Settings to try, each ``NAME=VALUE``.

    Raises:
        ValueError: There is no such setting, or its value cannot be used.
    """
    present = {"service_budget": settings.service_budget, "budget": budget.per_1000, "weekly_budget": budget.per_week}
    given = {name: value for name, _, value in (text.partition("=") for text in changed)}
    try:
        return Parameters.model_validate(present | given)
    except ValidationError as error:
        what = "; ".join(_wrong(str(each["loc"][0]) if each["loc"] else "", each) for each in error.errors())
        names = ", ".join(Parameters.model_fields)
        raise ValueError(f"{what}. Write NAME=VALUE; settings are {names}.") from None


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


def compare(
    lake: Lake,
    settings: Settings,
    start: date,
    end: date,
    tries: Sequence[Try],
    *,
    against: Against = Against.STORED,
    labels: Sequence[Mapping[str, str]] = (),
    reviews: bool = False,
    rules: Path | None = None,
    passed: Callable[[Step], None] = lambda _step: None,
) -> Compared:
    """Replay stored history with each try, and compare what it raises with what was raised.

    Args:
        lake: The lake; nothing in it is changed.
        settings: Settings of the deployment.
        start: First day.
        end: Last day.
        tries: Budgets and settings to try, with the same settings but for the budget.
        against: Alerts to compare with.
        labels: Labelled incidents.
        reviews: Take the reviews of the home as labels, too.
        rules: Directory of changed queries, which only the tries use.
        passed: Called before the first day and after each day that is evaluated.

    Raises:
        BacktestError: There is no history, or the changed queries cannot be tried.
    """
    evaluated, notes = _coverage(lake, start, end, tries[0].parameters)
    kept = _stored(lake, start, end)
    plan = list(tries)
    if against is Against.CURRENT:
        plan = [Try(settings.budget, parameters_of(settings.budget, settings)), *plan]

    def replayed(number: int) -> Replayed:
        def step(done: int, days: int) -> None:
            passed(Step(number, len(plan), plan[number].budget, done, days))

        return _replay(lake, settings, start, end, plan[number], evaluated, step)

    first = len(plan) - len(tries)
    if first:
        kept = _spans(replayed(0).alerts)
    try:
        with tried(rules):
            replays = [replayed(number) for number in range(first, len(plan))]
    except (UnknownQueryError, duckdb.Error) as error:
        if rules is None:
            raise
        raise BacktestError(f"--rules can't be tried: {error}") from error
    wanted = [*labels, *(review_labels(lake, start, end) if reviews else [])]
    # Labels say that all other alerts are false, unless reviews are taken, too: those say nothing of unread alerts.
    return Compared(notes, [_figures(each, kept, wanted, complete=not reviews) for each in replays])


def _replay(
    lake: Lake,
    settings: Settings,
    start: date,
    end: date,
    wanted: Try,
    evaluated: Sequence[date],
    step: Callable[[int, int], None],
) -> Replayed:
    budget, parameters = wanted
    began = first_days(lake, tuple(PROVIDERS))
    if not began:
        raise BacktestError(f"{lake.root} holds no audit events, so there is nothing to replay. Run a backfill first.")
    first = max(start - LEAD, min(began.values()))
    # The row of a day counts the cases of the day before.
    last = end + timedelta(days=1)
    total = (last - first).days + 1
    step(0, total)
    with duckdb.connect() as con:
        training = timedelta(days=parameters.training_days)
        known = read_people(lake)
        known.load_into(con)
        known.view(con, lake, "stored", ["user_hours"], days_between(first - training, last + timedelta(days=1)))
        con.execute("CREATE TEMP TABLE hours AS FROM stored")
        view_reviews(con, lake)
        create_sources(con, began)
        play(
            con,
            first,
            last,
            parameters,
            entries=read(settings.allow_list) if settings.allow_list else [],
            listed=read_risk_list(settings.risk_list) if settings.risk_list else [],
            passed=lambda day: step((day - first).days + 1, total),
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
    wanted = sum(result.wanted.values())
    return {
        "recall": round(sum(result.found.values()) / wanted, 3) if wanted else None,
        "precision": round((labelled - false) / labelled, 3) if labelled else None,
        "labelled_alerts": labelled,
        "scenarios": {
            name: {
                "wanted": number,
                "found": result.found[name],
                "median_hours_to_detect": round(statistics.median(result.hours[name]), 1)
                if name in result.hours
                else None,
            }
            for name, number in sorted(result.wanted.items())
        },
    }
