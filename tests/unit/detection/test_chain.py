"""Days evaluated one after another: what is usual, the budget balance, and what reviews change; on hours made here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.backtest import Raised, play, raised
from detection.chain import add_up, learn
from detection.parameters import Parameters
from detection.tables import empty
from tests.support.memory import connect

pytestmark = pytest.mark.sampled

FIRST = date(2026, 1, 5)
DAYS = 14
GB = 10**9
SOON = Parameters(budget=20, activation_days=5, warm_up_days=3)
"""A short activation, so that few days have to be evaluated."""
Hour = tuple[str, str, str, datetime, int, int | None]
Review = tuple[str, datetime, datetime, str, datetime]


def at(day: int, hour: int = 10) -> datetime:
    """An hour of the nth day."""
    return datetime(FIRST.year, FIRST.month, FIRST.day) + timedelta(days=day, hours=hour)


def ordinary(people: int = 40, days: int = DAYS, seed: int = 1, tail: float = 1.0) -> list[Hour]:
    """An organisation's hours: everybody most days, sizes over several decades."""
    draw = np.random.default_rng(seed)
    rows: list[Hour] = []
    for day in range(days):
        for person in np.flatnonzero(draw.random(people) < 0.6):
            files = int(1 + 10 ** (tail * draw.normal(0.6, 0.5)))
            size = int(10 ** (6 + tail * draw.normal(0.5, 0.7)))
            rows.append(
                ("box", f"person{person:03}@example.com", "people", at(day, 8 + int(draw.integers(9))), files, size)
            )
    return rows


def burst(user: str, start: datetime, population: str = "people", files: int = 3000) -> Hour:
    """An hour that nobody usually has."""
    return ("box", user, population, start, files, 40 * GB)


def judged(
    rows: Sequence[Hour],
    *,
    reviews: Sequence[Review] = (),
    days: int = DAYS,
    since: int = 5,
    parameters: Parameters | None = None,
    first: date = FIRST,
) -> list[Raised]:
    """The alerts that the chain comes to from the nth day on."""
    with connect(threads=1) as con:
        names = ("provider", "user", "population", "hour", "files", "bytes")
        columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        con.register("given", pa.table(columns))
        con.execute(
            "CREATE TABLE hours AS SELECT *, CASE WHEN bytes IS NULL THEN 0 ELSE files END AS sized_files, "
            "'person' AS actor_class, CAST(NULL AS MAP(VARCHAR, BIGINT)) AS apps, "
            "CAST(NULL AS MAP(VARCHAR, BIGINT)) AS app_ids, "
            "CAST(NULL AS BIGINT[]) AS again_files, CAST(NULL AS BIGINT[]) AS again_sized_files FROM given"
        )
        con.execute("CREATE TABLE sources AS SELECT 'box' AS provider, CAST(? AS TIMESTAMP) AS first_day", [first])
        con.execute(f"CREATE TABLE reviews AS {empty('reviews')}")
        for number, review in enumerate(reviews, 1):
            user, opens, ends, verdict, when = review
            con.execute(
                "INSERT INTO reviews VALUES (?, ?, ?, ?, ?, ?, 'ann', 'as agreed', ?, NULL)",
                [number, f"alert {user} {opens}", user, opens, ends, verdict, when],
            )
        play(con, first, first + timedelta(days=days - 1), parameters or SOON)
        return raised(con, first + timedelta(days=since))


def openings(alerts: Sequence[Raised], user: str) -> list[datetime]:
    """Return the opening times of a user's alerts."""
    return [alert.first_window_start for alert in alerts if alert.user == user]


def scores_of(alerts: Sequence[Raised], user: str) -> list[float]:
    """The highest score of each alert of a user."""
    return [alert.score for alert in alerts if alert.user == user]


USER = "person003@example.com"


def test_a_second_burst_thirty_hours_after_the_first_is_a_second_alert():
    """Prevents an attack from making itself usual: the first burst in the baseline hides the next."""
    rows = [*ordinary(), burst(USER, at(9)), burst(USER, at(10, 16))]
    assert len(openings(judged(rows), USER)) == 2


def test_what_was_found_benign_is_usual_from_the_next_day_on():
    """Prevents feedback without effect, and feedback that changes days that are over."""
    rows = [*ordinary(), *(burst(USER, at(day)) for day in (7, 10, 13))]
    first, second, third = scores_of(judged(rows), USER)
    verdict = (USER, at(7, 8), at(7, 13), "benign", at(10, 9))
    *before, after = scores_of(judged(rows, reviews=[verdict]), USER)
    assert before == [first, second]
    assert after < third
    taken_back = (USER, at(7, 8), at(7, 13), "confirmed", at(10, 10))
    confirmed = judged(rows, reviews=[taken_back])
    assert judged(rows, reviews=[verdict, taken_back]) == confirmed
    assert scores_of(confirmed, USER)[:2] == [first, second]
    assert len(scores_of(confirmed, USER)) == 3
    assert after < scores_of(confirmed, USER)[2]


def test_incidents_do_not_raise_the_bar_for_the_next_one():
    """Prevents huge incidents, or the account they overdraw, from setting the bar behind which a smaller one hides."""
    smaller = ("box", "person009@example.com", "people", at(12), 400, 5 * GB)
    rows = [*ordinary(people=60), smaller]
    alone = openings(judged(rows), "person009@example.com")
    many = [burst(f"person{n + 10:03}@example.com", at(7 + n // 8, 9 + n % 8)) for n in range(16)]
    assert alone == openings(judged([*rows, *many]), "person009@example.com") != []


def test_the_budget_is_met():
    """Prevents a setting that means nothing: what is asked for is what comes, within 15 %, over a month."""
    budget, days, people = 10.0, 55, 300
    rows = ordinary(people=people, days=days, tail=1.3)
    with_floors = Parameters(budget=budget, floor_files=5, floor_bytes=10**6)
    alerts = judged(rows, days=days, since=25, parameters=with_floors)
    asked = budget * people * (days - 25) / 1000
    assert abs(len(alerts) - asked) <= 0.15 * asked, (len(alerts), asked)


def test_a_quiet_weekend_is_not_made_up_for_on_monday():
    """Prevents two days of credit from lowering the threshold of a large organisation until Monday is a flood."""
    budget, days, people = 40.0, 47, 300
    rows = [row for row in ordinary(people=people, days=days, tail=1.3) if row[3].weekday() < 5]
    with_floors = Parameters(budget=budget, floor_files=5, floor_bytes=10**6)
    opened = [alert.first_window_start for alert in judged(rows, days=days, since=19, parameters=with_floors)]
    mondays = sum(start.weekday() == 0 for start in opened)
    assert mondays < 2 * (len(opened) - mondays) / 4, (mondays, len(opened))
    asked = budget * people * (days - 19) / 1000
    assert abs(len(opened) - asked) <= 0.15 * asked, (len(opened), asked)


def test_service_accounts_spend_nothing_of_the_budget_of_people():
    """Prevents a backup job from using up the alerts that people's bursts need."""
    service = "service:backup"
    steady = [("box", service, "services", at(day, 2), 5000, 90 * GB) for day in range(DAYS)]
    loud = [burst(service, at(day, 4), "services", 10**6) for day in range(6, 12, 2)]
    rows = [*ordinary(), burst(USER, at(12))]
    people = [alert for alert in judged([*rows, *steady, *loud]) if alert.population == "people"]
    assert people == judged(rows)


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
    assert [(alert.user, alert.first_window_start) for alert in judged(more, days=45, since=14)] == [
        ("service:backup-0", at(44, 8))
    ]


def test_users_without_history_are_covered_from_the_first_day():
    """Prevents a new account from being free to upload for as long as it has no baseline."""
    rows = [*ordinary(days=9), burst("new@example.com", at(7))]
    assert openings(judged(rows, days=9), "new@example.com") == [at(7, 8)]


def test_names_days_and_idle_users_change_nothing():
    """Prevents alerts that depend on a name, on the calendar, or on somebody who uploads nothing to speak of."""
    rows = [*ordinary(days=10), burst(USER, at(8))]
    found = judged(rows, days=10)
    assert found
    renamed = [(p, f"z{u}", population, *rest) for p, u, population, *rest in rows]
    assert [alert._replace(user=alert.user[1:]) for alert in judged(renamed, days=10)] == found
    week = timedelta(days=7)
    later = [(p, u, population, hour + week, *rest) for p, u, population, hour, *rest in rows]
    shifted = judged(later, days=10, first=FIRST + week)
    assert [
        alert._replace(
            first_window_start=alert.first_window_start - week,
            last_window_end=alert.last_window_end - week,
        )
        for alert in shifted
    ] == found
    assert openings(judged([*rows, ("box", "idle@example.com", "people", at(6), 1, 10)], days=10), USER) == openings(
        found, USER
    )


def test_sizes_are_learnt_while_nothing_was_detected_yet():
    """Prevents baselines without bytes for as long as no hour is excluded: bursts of few large files went unseen."""
    unsized: Hour = ("box", "person001@example.com", "people", at(2), 3, None)
    rows = [*ordinary(days=9), unsized, ("box", USER, "people", at(7), 3, 200 * GB)]
    assert openings(judged(rows, days=9), USER) == [at(7, 8)]


def test_nobody_there_raises_nothing():
    """Prevents an error, or a threshold of zero, where nothing was uploaded yet."""
    assert judged([burst(USER, at(3))], days=9) == []


def baselines_of(rows: Sequence[Hour], detected: Sequence[tuple[str, datetime]] = ()) -> list[tuple[object, ...]]:
    """The baselines of the day after the last, where windows of these users and starts were detected."""
    with connect(threads=1) as con:
        names = ("provider", "user", "population", "hour", "files", "bytes")
        columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        con.register("given", pa.table(columns))
        con.execute(
            "CREATE TABLE user_hours AS "
            "SELECT *, CASE WHEN bytes IS NULL THEN 0 ELSE files END AS sized_files, "
            "CAST(NULL AS BIGINT[]) AS again_files, CAST(NULL AS BIGINT[]) AS again_sized_files FROM given"
        )
        for table, of in (("past_detections", "detections"), ("reviews", "reviews")):
            con.execute(f"CREATE TABLE {table} AS {empty(of)}")
        for window in detected:
            con.execute('INSERT INTO past_detections ("user", window_start) VALUES (?, ?)', window)
        add_up(con)
        learn(con, FIRST + timedelta(days=DAYS), Parameters())
        return con.execute("FROM baselines").fetchall()


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
    assert {row[1] for row in found} == {"all", "box", "dropbox"}
    assert found == baselines_of(others)
