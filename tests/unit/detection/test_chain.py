"""Days evaluated one after another: what is usual, the budget balance, and what reviews change; on hours made here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.chain import add_up, learn
from detection.parameters import Parameters
from detection.tables import empty
from tests.support.memory import connect
from tests.support.organisation import (
    DAYS,
    FIRST,
    GB,
    SOON,
    Hour,
    at,
    burst,
    cases_opened,
    evaluated,
    openings,
    ordinary,
    played,
)

pytestmark = pytest.mark.sampled

USER = "person003@example.com"


def test_a_second_burst_thirty_hours_after_the_first_is_a_second_alert():
    """Prevents an attack from making itself usual: the first burst in the baseline hides the next."""
    rows = [*ordinary(), burst(USER, at(9)), burst(USER, at(10, 16))]
    assert len(openings(evaluated(rows), USER)) == 2


def test_a_review_licenses_nothing():
    """Prevents one benign review from silencing all that its user uploads later, up to the same amount."""
    rows = [*ordinary(), *(burst(USER, at(day)) for day in (7, 10, 13))]
    without = evaluated(rows)
    verdict = (USER, at(7, 8), at(7, 13), "benign", at(10, 9))
    assert evaluated(rows, reviews=[verdict]) == without
    assert len(openings(without, USER)) == 3


def test_growth_day_by_day_is_found():
    """Prevents a thief who takes a fifth more each day from never being above what he took the day before."""
    days = 30
    rows = [*ordinary(people=60, days=days)]
    rows += [
        ("box", "grows@example.com", "people", at(day), int(40 * 1.2 ** (day - 2)), None) for day in range(2, days)
    ]
    assert openings(evaluated(rows, days=days, since=8), "grows@example.com")


def test_incidents_do_not_raise_the_bar_for_the_next_one():
    """Prevents huge incidents, or the account they overdraw, from setting the bar behind which a smaller one hides."""
    smaller = ("box", "person009@example.com", "people", at(12), 400, 5 * GB)
    rows = [*ordinary(people=60), smaller]
    alone = openings(evaluated(rows), "person009@example.com")
    many = [burst(f"person{n + 10:03}@example.com", at(7 + n // 8, 9 + n % 8)) for n in range(16)]
    assert alone == openings(evaluated([*rows, *many]), "person009@example.com") != []


def test_the_budget_is_met():
    """Prevents a setting that means nothing: as many cases as are asked for come, within 15 %, over a month."""
    budget, days, people = 10.0, 55, 300
    rows = ordinary(people=people, days=days, tail=1.3)
    with_floors = Parameters(budget=budget, floor_files=5, floor_bytes=10**6)
    alerts = evaluated(rows, days=days, since=25, parameters=with_floors)
    asked = budget * people * (days - 25) / 1000
    cases = len(cases_opened(alerts))
    assert abs(cases - asked) <= 0.15 * asked, (cases, len(alerts), asked)


def test_a_quiet_weekend_is_not_made_up_for_on_monday():
    """Prevents two days of credit from lowering the threshold of a large organisation until Monday is a flood."""
    budget, days, people = 40.0, 47, 300
    rows = [row for row in ordinary(people=people, days=days, tail=1.3) if row[3].weekday() < 5]
    with_floors = Parameters(budget=budget, floor_files=5, floor_bytes=10**6)
    opened = cases_opened(evaluated(rows, days=days, since=19, parameters=with_floors))
    mondays = sum(start.weekday() == 0 for start in opened)
    assert mondays < 2 * (len(opened) - mondays) / 4, (mondays, len(opened))
    asked = budget * people * (days - 19) / 1000
    assert abs(len(opened) - asked) <= 0.15 * asked, (len(opened), asked)


def test_a_rollout_raises_no_threshold_for_the_time_after_it():
    """Prevents twelve users a day with a new client, all one thing, from hiding thefts for the fortnight after it."""
    days, people = 30, 120
    calibrated = SOON.model_copy(update={"budget": 10.0, "floor_files": 5, "floor_bytes": 10**6})
    rows = ordinary(people=people, days=days, tail=1.3)
    rollout: list[Hour] = [
        ("box", f"person{12 * day + n:03}@example.com", "people", at(14 + day, 9 + n % 6), 800, None)
        for day in range(6)
        for n in range(12)
    ]
    named = [user for _, user, *_ in rollout]

    def threshold(more: list[Hour], apps: dict[str, str]) -> float:
        with played([*rows, *more], days=days, apps=apps, parameters=calibrated) as con:
            query = "SELECT avg(threshold) FROM played_thresholds WHERE population = 'people' AND metric = 'files'"
            return float(con.execute(f"{query} AND day >= ?", [at(20).date()]).fetchall()[0][0])

    without = threshold([], {})
    assert threshold(rollout, dict.fromkeys(named, "Sync")) < without + 0.5
    # Each with an application of its own: no common cause.
    assert threshold(rollout, {user: f"App of {user}" for user in named}) > without + 1


def test_service_accounts_spend_nothing_of_the_budget_of_people():
    """Prevents a backup job from using up the alerts that people's bursts need."""
    service = "service:backup"
    steady = [("box", service, "services", at(day, 2), 5000, 90 * GB) for day in range(DAYS)]
    loud = [burst(service, at(day, 4), "services", 10**6) for day in range(6, 12, 2)]
    rows = [*ordinary(), burst(USER, at(12))]
    people = [alert for alert in evaluated([*rows, *steady, *loud]) if alert.population == "people"]
    assert people == evaluated(rows)


def test_a_job_that_does_what_it_always_did_is_no_alert():
    """Prevents alerts on ordinary nights of backup jobs, only because what they upload is much for anybody else."""
    draw = np.random.default_rng(1)
    nights = [
        ("box", f"service:backup-{job}", "services", at(day, 2), *(int(x * draw.uniform(0.9, 1.1)) for x in usual))
        for day in range(45)
        for job, usual in enumerate([(70, 2 * GB), (2000, 30 * GB), (25, GB)])
    ]
    # On the last day, so that it can change nothing of the nights before.
    more = [*nights, burst("service:backup-0", at(44), "services")]
    assert [(alert.user, alert.first_window_start) for alert in evaluated(more, days=45, since=14)] == [
        ("service:backup-0", at(44, 8))
    ]


def test_users_without_history_are_covered_from_the_first_day():
    """Prevents a new account from being free to upload for as long as it has no baseline."""
    rows = [*ordinary(days=9), burst("new@example.com", at(7))]
    assert openings(evaluated(rows, days=9), "new@example.com") == [at(7, 8)]


def test_names_days_and_idle_users_change_nothing():
    """Prevents alerts that depend on a name, on the calendar, or on somebody who uploads nothing to speak of."""
    rows = [*ordinary(days=10), burst(USER, at(8))]
    found = evaluated(rows, days=10)
    assert found
    renamed = [(p, f"z{u}", population, *rest) for p, u, population, *rest in rows]
    assert [alert._replace(user=alert.user[1:]) for alert in evaluated(renamed, days=10)] == found
    week = timedelta(days=7)
    later = [(p, u, population, hour + week, *rest) for p, u, population, hour, *rest in rows]
    shifted = evaluated(later, days=10, first=FIRST + week)
    assert [
        alert._replace(
            first_window_start=alert.first_window_start - week,
            last_window_end=alert.last_window_end - week,
        )
        for alert in shifted
    ] == found
    assert openings(evaluated([*rows, ("box", "idle@example.com", "people", at(6), 1, 10)], days=10), USER) == openings(
        found, USER
    )


def test_sizes_are_learnt_while_nothing_was_detected_yet():
    """Prevents baselines without bytes for as long as no hour is excluded: bursts of few large files went unseen."""
    unsized: Hour = ("box", "person001@example.com", "people", at(2), 3, None)
    rows = [*ordinary(days=9), unsized, ("box", USER, "people", at(7), 3, 200 * GB)]
    assert openings(evaluated(rows, days=9), USER) == [at(7, 8)]


def test_nobody_there_raises_nothing():
    """Prevents an error, or a threshold of zero, where nothing was uploaded yet."""
    assert evaluated([burst(USER, at(3))], days=9) == []


def baselines_of(rows: Sequence[Hour], detected: Sequence[tuple[str, datetime]] = ()) -> list[tuple[object, ...]]:
    """Baselines and recent sums of the day after the last, where windows of these users and starts were detected."""
    with connect(threads=1) as con:
        names = ("provider", "user", "population", "hour", "files", "bytes")
        columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        con.register("given", pa.table(columns))
        con.execute(
            "CREATE TABLE user_hours AS "
            "SELECT *, CASE WHEN bytes IS NULL THEN 0 ELSE files END AS sized_files, 'person' AS actor_class, "
            "CAST(NULL AS MAP(VARCHAR, BIGINT)) AS apps, CAST(NULL AS MAP(VARCHAR, BIGINT)) AS app_ids, "
            "CAST(NULL AS BIGINT[]) AS again_files, CAST(NULL AS BIGINT[]) AS again_sized_files FROM given"
        )
        con.execute(f"CREATE TABLE past_period_sums AS {empty('period_sums', dated=True)}")
        con.execute("CREATE TABLE sources AS SELECT 'box' AS provider, CAST(? AS TIMESTAMP) AS first_day", [FIRST])
        for table, of in (("past_detections", "detections"), ("reviews", "reviews")):
            con.execute(f"CREATE TABLE {table} AS {empty(of)}")
        for window in detected:
            con.execute("INSERT INTO past_detections (scope, \"user\", window_start) VALUES ('box', ?, ?)", window)
        add_up(con)
        learn(con, FIRST + timedelta(days=DAYS), Parameters())
        return [*con.execute("FROM baselines").fetchall(), *con.execute("FROM recent_sums").fetchall()]


MANY_HOURS = [*ordinary(), burst("a-service@example.com", at(11), "services"), burst("zoë@example.com", at(12))]
MANY_HOURS += [("dropbox", *hour[1:-1], None) for hour in MANY_HOURS[::3]]
# Windows that share a third of the day with others, that end on the next day, and that leave nothing of their day.
MANY_HOURS += [burst(USER, at(day, hour)) for day in (9, 10) for hour in (0, 1, 2, 8, 22, 23)]


@given(st.lists(st.sampled_from(MANY_HOURS), max_size=12), st.integers(0, 2))
@settings(max_examples=25)
def test_hours_of_alerts_are_as_if_they_had_never_been(hours: list[Hour], before: int):
    """Prevents an alert from taking more out of what is usual than its hours, or less: the rest of its days stays."""
    detected = [(user, hour - timedelta(hours=before)) for _, user, _, hour, _, _ in hours]
    left_out = {(user, start + timedelta(hours=n)) for user, start in detected for n in range(3)}
    others = [hour for hour in MANY_HOURS if (hour[1], hour[3]) not in left_out]
    found = baselines_of(MANY_HOURS, detected)
    assert {row[1] for row in found} == {"all", "box", "dropbox", "week", "month"}
    assert found == baselines_of(others)
