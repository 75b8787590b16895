"""Folding of detections into alerts, on tables made here."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.sql import into
from detection.tables import empty
from tests.support.memory import connect

START = datetime(2026, 3, 1)
DAY = timedelta(days=1)


def openings(windows: list[tuple[str, datetime]]) -> list[tuple[str, datetime]]:
    with connect() as con:
        con.execute('CREATE TABLE all_detections ("user" VARCHAR, window_start TIMESTAMP)')
        if windows:
            con.executemany("INSERT INTO all_detections VALUES (?, ?)", windows)
        into(con, "openings", "openings", {"deduplication": DAY})
        return con.execute('SELECT "user", opening FROM openings ORDER BY 1, 2').fetchall()


def slowly(windows: list[tuple[str, datetime]]) -> list[tuple[str, datetime]]:
    """The rule as the design words it, one detection at a time."""
    found: list[tuple[str, datetime]] = []
    for user, start in sorted(windows):
        if not found or found[-1][0] != user or start >= found[-1][1] + DAY:
            found.append((user, start))
    return found


windows_of_users = st.lists(
    st.tuples(st.sampled_from(["ann", "ben"]), st.integers(0, 120).map(lambda h: START + timedelta(hours=h))),
    max_size=40,
)


@settings(max_examples=60)
@given(windows_of_users, st.randoms())
def test_folding_is_a_function_of_the_detections_that_exist(windows, random):
    """Prevents alerts that depend on the order in which detections arrived, or on a detection delivered twice."""
    shuffled = [*windows, *windows[:5]]
    random.shuffle(shuffled)
    assert openings(shuffled) == openings(windows) == slowly(windows)


@settings(max_examples=40)
@given(windows_of_users)
def test_no_user_has_two_openings_within_a_day(windows):
    """Prevents the one-day deduplication from letting a second alert through."""
    found = openings(windows)
    for (user, opening), (other, following) in pairwise(found):
        assert user != other or following >= opening + DAY


@settings(max_examples=30)
@given(windows_of_users, st.integers(-30, 30))
def test_a_shift_by_whole_days_shifts_the_openings(windows, days):
    """Prevents a rule that depends on the calendar."""
    shift = timedelta(days=days)
    moved = openings([(user, start + shift) for user, start in windows])
    assert moved == [(user, opening + shift) for user, opening in openings(windows)]


@pytest.mark.parametrize(("hours", "alerts"), [(23, 1), (24, 2), (30, 2)])
def test_the_period_counts_from_the_opening(hours, alerts):
    """Prevents a period that slides with each folded detection, which would fold a week of uploads into one alert."""
    found = openings([("ann", START), ("ann", START + timedelta(hours=12)), ("ann", START + timedelta(hours=hours))])
    assert len(found) == alerts


def test_every_table_has_an_empty_form():
    """Prevents a first day without history from failing on a table that does not exist yet."""
    with connect() as con:
        assert con.execute(empty("user_hours")).fetchall() == []
        assert [column[0] for column in con.execute(empty("alerts")).description][:3] == [
            "alert_id",
            "name",
            "severity",
        ]
