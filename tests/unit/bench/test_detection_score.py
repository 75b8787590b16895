"""What counts as found, in vain, repeated and too much in a week."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

import numpy as np
import pytest

from bench.case_folding import Alert, fold
from bench.detection_score import Outcome, Register, judge, wilson
from bench.ordinary_hours import START, Hours, user_names
from bench.thefts import Theft

EPOCH = datetime.combine(START, time())
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ANN, BOB = user_names(2)


def rows(person: int, hours: list[int], files: int, size: int) -> Hours:
    at = np.array(hours)
    none = np.zeros(len(at), dtype=np.int64)
    return Hours(none + person, none, at, none + files, none + size, none, none)


def theft(hours: list[int], files: int = 100, size: int = 1_000, name: str = "burst") -> Theft:
    own = rows(0, hours, files, size)
    loot = np.ones(len(hours), dtype=bool)
    return Theft(name, "fast", (ANN,), EPOCH + min(hours) * HOUR, EPOCH + (max(hours) + 1) * HOUR, own, own.bytes, loot)


def alert(user: str, begin: float, length: float = 3, **more: Any) -> Alert:
    start = EPOCH + begin * HOUR
    return Alert(user, start, start + length * HOUR, start + length * HOUR, **more)


def judged(raised: list[Alert], thefts: list[Theft], *ordinary: Hours, days: int = 28, users: int = 500) -> Outcome:
    register = Register(Hours.concat(*ordinary, *(each.rows for each in thefts)), [ANN, BOB])
    watched = {START + number * DAY: users for number in range(days)}
    return judge(raised, fold(raised, lambda _user, _known: None), thefts, register, watched, 2.0)


def test_a_theft_is_found_once_and_by_an_alert_on_it() -> None:
    """Prevents two alerts on one theft from finding it twice, and another user's or day's from finding it at all."""
    outcome = judged(
        [alert(ANN, 100), alert(ANN, 102), alert(BOB, 100), alert(ANN, 300)],
        [theft([101, 102]), theft([200], name="missed")],
        rows(1, [100], 50, 50),
        rows(0, [300], 50, 50),
    )
    assert outcome.wanted == {"burst": 1, "missed": 1}
    assert outcome.found == {"burst": 1, "missed": 0}
    assert (outcome.alerts.opened, outcome.alerts.true) == (4, 2)
    assert outcome.hours == {"burst": [2.0]}
    assert (outcome + outcome).found["burst"] == 2


def test_an_alert_for_honest_work_finds_no_drip() -> None:
    """Prevents a month of dripping from being found by any alert that its thief has for something else."""
    drip = theft(list(range(100, 700, 3)), files=10, size=10)
    honest = rows(0, [200], 900, 900)
    assert judged([alert(ANN, 199)], [drip], honest).found["burst"] == 0
    # What is about weeks holds weeks of honest work.
    assert judged([alert(ANN, 100, 500)], [drip], rows(0, [200], 4_000, 4_000)).found["burst"] == 1
    assert judged([alert(ANN, 100, 500)], [drip], rows(0, [200], 6_000, 6_000)).found["burst"] == 0
    # One huge file of one's own in the same window hides no files that were stolen.
    huge = rows(0, [400], 1, 10**12)
    assert judged([alert(ANN, 399, metric="bytes")], [drip], huge).found["burst"] == 0
    assert judged([alert(ANN, 399, metric="files")], [drip], huge).found["burst"] == 1


def test_what_comes_after_a_review_is_no_alert() -> None:
    """Prevents a part of an alert that was closed from counting as one that somebody saw."""
    outcome = judged([alert(ANN, 100, after_review=True)], [theft([101])])
    assert outcome.alerts.opened == 0
    assert outcome.found["burst"] == 0


def test_repeats_are_within_thirty_days() -> None:
    """Prevents a second alert of a season from counting as a nuisance."""
    days = (0, 20, 49, 80)
    outcome = judged([alert(ANN, day * 24) for day in days], [], rows(0, [0], 1, 1), days=90)
    assert outcome.alerts.repeats == 2


def test_the_worst_week_is_measured_against_its_allowance() -> None:
    """Prevents one bad week from vanishing in a quarter's mean."""
    # Seven days of 500 users at 2 in 1000 allow seven alerts.
    raised = [alert(f"user{number:05d}", 24 * 8 + 1) for number in (0, 1)] * 7
    spread = [alert(each.user, 24 * 8 + place) for place, each in enumerate(raised)]
    outcome = judged(spread, [], rows(0, [0], 1, 1), rows(1, [0], 1, 1))
    assert outcome.alerts.worst_weeks == [pytest.approx(2.0)]
    assert outcome.alerts.as_dict()["realised_per_1000"] == pytest.approx(1.0)


def test_a_small_organisation_is_allowed_an_alert_a_week() -> None:
    """Prevents a team of ten from being over its budget with a single alert."""
    outcome = judged([alert(ANN, 30)], [], rows(0, [0], 1, 1), users=10)
    assert outcome.alerts.worst_weeks == [pytest.approx(1.0)]


def test_an_interval_is_wide_where_little_was_tried() -> None:
    """Prevents 1 of 1 from reading as certain."""
    low, high = wilson(1, 1)
    assert low == pytest.approx(0.207, abs=0.001)
    assert high == 1
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(50, 100) == pytest.approx((0.404, 0.596), abs=0.001)
