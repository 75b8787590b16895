"""Alerts of a person joined into cases: a function of openings and reviews, and what the budget is charged for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.parameters import Parameters
from detection.sql import into
from detection.tables import empty
from tests.support.memory import connect
from tests.support.organisation import GB, Hour, Review, at, burst, ordinary, played

START = datetime(2026, 3, 1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
WEEK = timedelta(days=7)
USER = "person003@example.com"

Opening = tuple[str, datetime]
Look = tuple[str, datetime, datetime]
"""A review: its user, the start of the alert's last window, and when it was given."""


def cases(openings: Sequence[Opening], looks: Sequence[Look] = (), known_before: datetime = START + 900 * DAY):
    """Return the cases of these alerts: user, opening, end of the period."""
    with connect() as con:
        con.execute('CREATE TABLE case_openings ("user" VARCHAR, opening TIMESTAMP)')
        con.execute(f"CREATE TABLE reviews AS {empty('reviews')}")
        if openings:
            con.executemany("INSERT INTO case_openings VALUES (?, ?)", openings)
        for user, last_window, reviewed_at in looks:
            con.execute(
                'INSERT INTO reviews (person, "user", last_window_end, reviewed_at) VALUES (?, ?, ?, ?)',
                [user, f"{user}@example.com", last_window + 3 * HOUR, reviewed_at],
            )
        bound = {"case_period": WEEK, "window_hours": 3, "day_start": known_before}
        into(con, "spans", "case_spans", bound)
        return con.execute("FROM spans ORDER BY 1, 2").fetchall()


def slowly(openings: Sequence[Opening], looks: Sequence[Look]) -> list[tuple[str, datetime, datetime]]:
    """The rule as the design words it, one alert at a time."""
    found: list[tuple[str, datetime, datetime]] = []
    for user, opening in sorted(openings):
        if found and found[-1][0] == user and opening < found[-1][2]:
            continue
        times = [when for who, last, when in looks if who == user and last >= opening and when > opening]
        found.append((user, opening, min([*times, opening + WEEK])))
    return found


hours = st.integers(0, 24 * 25).map(lambda h: START + h * HOUR)
people = st.sampled_from(["ann", "ben"])
looks_at_alerts = st.lists(
    st.tuples(people, hours, st.integers(1, 200)).map(lambda each: (each[0], each[1], each[1] + each[2] * HOUR)),
    max_size=6,
)


@settings(max_examples=60)
@given(st.lists(st.tuples(people, hours), max_size=30), looks_at_alerts, st.randoms())
def test_cases_are_a_function_of_alerts_and_reviews(openings, looks, random):
    """Prevents cases that depend on the order in which alerts and reviews came, or on one that came twice."""
    shuffled, mixed = [*openings, *openings[:4]], [*looks, *looks[:2]]
    random.shuffle(shuffled)
    random.shuffle(mixed)
    assert cases(shuffled, mixed) == cases(openings, looks) == slowly(openings, looks)


@settings(max_examples=30)
@given(st.lists(st.tuples(people, hours), max_size=30), looks_at_alerts, st.integers(-30, 30))
def test_a_shift_of_everything_shifts_the_cases(openings, looks, days):
    """Prevents a rule that depends on the calendar, or on how a person's key reads."""
    shift = days * DAY
    names = {"ann": "zoe", "ben": "ada"}
    moved = cases(
        [(names[user], opening + shift) for user, opening in openings],
        [(names[user], last + shift, when + shift) for user, last, when in looks],
    )
    expected = [(names[user], opened + shift, closes + shift) for user, opened, closes in cases(openings, looks)]
    assert moved == sorted(expected)


@pytest.mark.parametrize(
    ("hours_later", "looks", "number"),
    [
        (7 * 24 - 1, [], 1),
        (7 * 24, [], 2),
        (30, [(2, 20)], 2),
        (30, [(2, 40)], 1),
        # A second word on the alert before, which closed with its own review, closes nothing.
        (30, [(2, 20), (2, 35)], 2),
    ],
)
def test_a_case_ends_with_its_review_or_its_period(hours_later, looks, number):
    """Prevents what comes after a review from hiding in the reviewed case, and one that came before it from leaving."""
    opened = [("ann", START), ("ann", START + hours_later * HOUR)]
    assert len(cases(opened, [("ann", START + a * HOUR, START + b * HOUR) for a, b in looks])) == number


def test_a_second_review_of_an_earlier_case_leaves_the_next_one_open():
    """Prevents a correction of an old verdict from closing the case that is open now, so that a third one opens."""
    opened = [("ann", START), ("ann", START + 2 * DAY), ("ann", START + 4 * DAY)]
    looks = [("ann", START + 2 * HOUR, START + DAY), ("ann", START + 2 * HOUR, START + 3 * DAY)]
    assert [opening for _, opening, _ in cases(opened, looks)] == [START, START + 2 * DAY]


def test_a_day_that_is_over_does_not_learn_of_later_reviews():
    """Prevents a review from changing what days before it were charged."""
    opened = [("ann", START), ("ann", START + 2 * DAY)]
    looks = [("ann", START, START + DAY)]
    assert len(cases(opened, looks, START + DAY)) == 1
    assert len(cases(opened, looks, START + DAY + HOUR)) == 2


def charged(rows: Sequence[Hour], days: int, reviews: Sequence[Review] = ()) -> list[int]:
    """What each day after the first alerts was charged for the day before it."""
    only_bursts = Parameters(budget=20, activation_days=5, warm_up_days=3, floor_files=1000, floor_bytes=10 * GB)
    with played(rows, days=days, reviews=reviews, parameters=only_bursts) as con:
        found = con.execute(
            "SELECT day, max(opened) FROM played_thresholds WHERE population = 'people' GROUP BY day ORDER BY day"
        ).fetchall()
    return [opened for _, opened in found]


@pytest.mark.sampled
def test_the_budget_is_charged_by_case():
    """Prevents a person who alerts on three days from costing three alerts, though one case is read."""
    rows = [*ordinary(), *(burst(USER, at(day)) for day in (7, 9, 11))]
    assert sum(charged(rows, 14)) == 1
    review = (USER, at(7, 8), at(7, 13), "benign", at(10, 9))
    assert sum(charged(rows, 14, [review])) == 2


@pytest.mark.sampled
def test_who_alerts_every_day_is_charged_every_week():
    """Prevents somebody whose case began before the look-behind of the balance from never being charged again."""
    days = 64
    rows = [*ordinary(people=15, days=days), *(burst(USER, at(day), files=3000 + 400 * day) for day in range(7, days))]
    found = charged(rows, days)
    assert 3 <= sum(found[8:36]) <= 5
    assert 3 <= sum(found[36:64]) <= 5
