"""Cases over a real lake: what they hold, their ids, and what a review is about."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detection.rule import RULE
from lake.kept import write_kept
from tests.support.published_alerts import DAY, HOUR, NOON, Made, Published

LOW = RULE.variations.suspicious_user.severity
GB = 10**9


@pytest.fixture
def published(tmp_path: Path) -> Published:
    return Published(tmp_path, now=NOON + 10 * HOUR)


def told(cases: list[dict[str, Any]], *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(case[column] for column in columns) for case in cases]


def test_alerts_of_a_week_are_one_case(published: Published):
    """Prevents an analyst from reading the same person five times in a week, each time from the start."""
    alerts = [Made(f"a{day}", NOON + day * DAY, one_in=100 * (day + 1)) for day in range(5)]
    [case] = published.cases(*alerts, Made("b", NOON, user="ben@example.com"))[:1]
    assert (case["alert_ids"], case["alerts"]) == ([alert.key for alert in alerts], 5)
    assert (case["state"], case["files"], case["bytes"], case["one_in"]) == ("open", 500, 5 * GB, 500)
    assert (case["opened_at"], case["closes_at"]) == (NOON, NOON + 7 * DAY)
    assert case["last_alert_at"] == NOON + 4 * DAY
    assert "5 files" not in case["sentence"]


def test_the_eighth_day_is_another_case(published: Published):
    """Prevents a case that never ends from hiding what begins after it."""
    cases = published.cases(Made("a", NOON), Made("b", NOON + 6 * DAY), Made("c", NOON + 7 * DAY))
    assert told(cases, "alert_ids") == [(["a", "b"],), (["c"],)]
    assert len({case["case_id"] for case in cases}) == 2


@pytest.mark.parametrize(("score", "escalations"), [(12.0, 0), (12.1, 1), (6.5, 0)])
def test_a_far_higher_alert_escalates_the_case(published: Published, score: float, escalations: int):
    """Prevents a theft from standing among the further alerts of a case that began with little."""
    [case] = published.cases(Made("a", NOON, score=9.0), Made("b", NOON + DAY, score=score))
    assert case["escalations"] == escalations
    assert (case["opening_distance"], case["largest_distance"]) == (2.0, max(score, 9.0) - 7.0)


def test_a_case_is_as_severe_as_its_worst_alert(published: Published):
    """Prevents an alert on a suspicious user from waiting under the severity of the one that opened the case."""
    [case] = published.cases(Made("a", NOON, one_in=10**6), Made("b", NOON + DAY, severity=LOW, sentence="the worst"))
    assert (case["severity"], case["sentence"], case["one_in"]) == (LOW, "the worst", 10**6)


def test_a_review_closes_the_case_and_the_next_alert_opens_another(published: Published):
    """Prevents what comes after a review from hiding in the case that was reviewed."""
    first = Made("a", NOON)
    [before] = published.cases(first)
    published.review("a", NOON + 20 * HOUR)
    cases = published.cases(first, Made("b", NOON + 2 * DAY))
    assert told(cases, "state", "alert_ids", "verdict") == [("reviewed", ["a"], "benign"), ("open", ["b"], None)]
    assert cases[0]["case_id"] == before["case_id"]
    assert cases[0]["closes_at"] == NOON + 20 * HOUR


def test_a_late_alert_from_before_the_review_reopens_the_case(published: Published):
    """Prevents an alert that came late from passing as reviewed, or from opening a case that overlaps another."""
    alerts = [Made("a", NOON), Made("b", NOON + 30 * HOUR)]
    [before] = published.cases(alerts[0])
    published.review("a", NOON + 40 * HOUR)
    [case] = published.cases(*alerts)
    assert (case["state"], case["alert_ids"], case["verdict"]) == ("reopened", ["a", "b"], None)
    assert case["case_id"] == before["case_id"]
    published.review("b", NOON + 50 * HOUR, "confirmed")
    [case] = published.cases(*alerts)
    assert (case["state"], case["verdict"]) == ("reviewed", "confirmed")


def test_an_earlier_alert_that_comes_late_leaves_the_case_its_id(published: Published):
    """Prevents a ticket or a thread about a case from losing it when a backfill finds what came before."""
    [before] = published.cases(Made("b", NOON))
    published.now += DAY
    [case] = published.cases(Made("a", NOON - 2 * DAY), Made("b", NOON))
    assert (case["alert_ids"], case["case_id"]) == (["a", "b"], before["case_id"])


def test_another_folding_leaves_the_case_its_id(published: Published):
    """Prevents late data that move an opening from turning the case into another one."""
    [before] = published.cases(Made("a", NOON))
    [case] = published.cases(Made("z", NOON - HOUR, NOON + 3 * HOUR))
    assert (case["case_id"], case["alert_ids"]) == (before["case_id"], ["a"])


def test_alerts_of_a_group_are_its_case_alone(published: Published):
    """Prevents a person's case from holding the alert of a rollout, or the summary from vanishing."""
    cases = published.cases(
        Made("a", NOON, folded_into="s"),
        Made("s", NOON, user="(many users on 2026-03-01)", users=30),
        Made("b", NOON + DAY),
    )
    assert told(cases, "alert_ids", "person") == [(["s"], None), (["b"], "ann@example.com")]


def test_a_decoy_that_was_reviewed_does_not_cover_what_follows(published: Published):
    """Prevents 100 GB from folding into an alert that was found benign an hour before, and from counting as seen."""
    published.cases(Made("a", NOON, NOON + 3 * HOUR, files=60, bytes=GB))
    published.review("a", NOON + 4 * HOUR)
    [quiet] = published.rows("FROM shown")
    assert (quiet["verdict"], quiet["outgrown_verdict"]) == ("benign", None)
    [case] = published.cases(Made("a", NOON, NOON + 9 * HOUR, files=3000, bytes=100 * GB))
    assert (case["state"], case["verdict"]) == ("reopened", None)
    [grown] = published.rows("FROM shown")
    assert (grown["verdict"], grown["outgrown_verdict"], grown["outgrown_revision"]) == (None, "benign", 1)
    published.review("a", NOON + 12 * HOUR, "confirmed")
    [again] = published.rows("FROM shown")
    assert (again["verdict"], again["outgrown_verdict"]) == ("confirmed", None)


SEEN = Made("a", NOON, NOON + 3 * HOUR, files=60, bytes=GB)


@pytest.mark.parametrize(
    ("later", "stands"),
    [
        (SEEN, True),
        (SEEN._replace(sentence="in other words"), True),
        (SEEN._replace(files=59, bytes=GB - 1), True),
        (SEEN._replace(end=NOON + 4 * HOUR), False),
        (SEEN._replace(files=61), False),
        (SEEN._replace(bytes=GB + 1), False),
        (SEEN._replace(severity=LOW), False),
    ],
)
def test_a_verdict_stands_until_the_alert_grows(published: Published, later: Made, stands: bool):
    """Prevents a verdict from covering what nobody looked at, and from falling with a mere change of wording."""
    published.cases(SEEN)
    published.review("a", NOON + 4 * HOUR)
    published.write(later)
    [shown] = published.rows("FROM shown")
    assert (shown["verdict"] is not None) is stands
    assert (shown["outgrown_verdict"] is None) is stands


def test_a_size_that_was_not_known_when_it_was_reviewed_reopens(published: Published):
    """Prevents the sizes that a look-up finds after a review from passing as seen."""
    published.cases(SEEN._replace(bytes=None))
    published.review("a", NOON + 4 * HOUR)
    published.write(SEEN)
    [shown] = published.rows("FROM shown")
    assert (shown["verdict"], shown["outgrown_verdict"]) == (None, "benign")


def test_a_verdict_is_about_the_revision_that_was_read(published: Published):
    """Prevents a verdict on the page that was open from covering what came between reading and typing."""
    published.cases(SEEN)
    published.cases(SEEN._replace(files=5000, end=NOON + 9 * HOUR))
    published.review("a", NOON + 10 * HOUR, "confirmed", revision=1)
    [shown] = published.rows("FROM shown")
    # The calibration leaves out what was confirmed, not what came after it.
    [kept] = published.rows("SELECT last_window_end, revision FROM reviews")
    assert kept == {"last_window_end": NOON + 3 * HOUR, "revision": 1}
    assert (shown["verdict"], shown["outgrown_verdict"], shown["outgrown_revision"]) == (None, "confirmed", 1)


def test_a_review_of_an_earlier_version_is_about_what_was_published_then(published: Published):
    """Prevents reviews without a revision from standing for good after an upgrade, or from all falling."""
    published.cases(SEEN)
    published.review("a", NOON + 11 * HOUR)
    path = Path(published.lake.root) / "reviews.parquet"
    older_layout(path)
    [shown] = published.rows("FROM shown")
    assert shown["verdict"] == "benign"
    published.now = NOON + 20 * HOUR
    published.write(SEEN._replace(files=61))
    [shown] = published.rows("FROM shown")
    assert (shown["verdict"], shown["outgrown_revision"]) == (None, 1)


def older_layout(path: Path) -> None:
    """Rewrite the reviews as the version before wrote them."""
    with duckdb.connect() as con:
        con.execute("CREATE TABLE old AS SELECT * EXCLUDE (revision) FROM read_parquet(?)", [str(path)])
        write_kept(path, lambda temporary: con.table("old").write_parquet(str(temporary)))


offsets = st.lists(st.integers(0, 24 * 20), min_size=1, max_size=6, unique_by=lambda hour: hour // 24)


@pytest.mark.sampled
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(offsets, st.randoms())
def test_cases_do_not_depend_on_the_order_in_which_alerts_came(tmp_path_factory, offsets, random):
    """Prevents cases that a backfill, or data in pieces, joins differently than one run would."""
    alerts = [Made(f"a{hour}", NOON + hour * HOUR, NOON + (hour + 1) * HOUR) for hour in offsets]
    at_once = Published(tmp_path_factory.mktemp("once")).cases(*alerts)
    in_pieces = Published(tmp_path_factory.mktemp("pieces"))
    random.shuffle(alerts)
    for count in range(1, len(alerts) + 1):
        found = in_pieces.cases(*alerts[:count])
        in_pieces.now += HOUR
    assert told(found, "alert_ids", "opened_at", "closes_at") == told(at_once, "alert_ids", "opened_at", "closes_at")
