"""The bench of detection: rules of others on hand-made tables, matching with labels, and meeting a budget."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from math import inf
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from bench.detection_peers import (
    PEERS,
    count_per_hour,
    daily_z,
    distinct_files,
    ecod,
    hourly_outlier,
    mean_deviation,
)
from bench.detection_score import Candidate
from bench.research.labelled import load, ours, user_days
from bench.research.labelled_score import Alert, alerts, calibrate, held_out, judge, wilson
from detection.saves import count_saves
from sandbox.workload.format import SCHEMA, Label, write_workload
from tests.support.memory import connect

DAY = datetime(2026, 3, 20)
MINUTE, HOUR, ONE_DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
MB = 1_000_000
Rule = Callable[[duckdb.DuckDBPyConnection, Sequence[date]], list[Candidate]]

_UPLOADS = pa.schema(
    [
        *((name, pa.string()) for name in ("provider", "user", "actor_class", "kind", "file_name", "ip")),
        *((name, pa.string()) for name in ("extension", "country", "app", "app_id", "event_key", "file_id", "folder")),
        ("asset", pa.int64()),
        ("time", pa.timestamp("us")),
        ("bytes", pa.int64()),
        ("estimated_bytes", pa.int64()),
    ]
)


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with connect() as con:
        yield con


def uploads(user: str, at: datetime, files: int = 1, **more: Any) -> list[dict[str, Any]]:
    """Return uploads of so many files within ten minutes."""
    return [
        {
            "provider": "box",
            "user": user,
            "actor_class": "person",
            "kind": "upload",
            "file_name": f"{n}.pdf",
            "extension": "pdf",
            "ip": "192.0.2.1",
            "time": at + n * 10 * MINUTE / files,
            "bytes": MB,
            **more,
        }
        for n in range(files)
    ]


def make(con: duckdb.DuckDBPyConnection, *parts: list[dict[str, Any]]) -> None:
    """Make ``uploads`` and ``user_hours`` of these uploads."""
    rows = [row | {"event_key": f"e{n}", "asset": 0} for n, row in enumerate(row for part in parts for row in part)]
    con.register("given", pa.Table.from_pylist(rows, schema=_UPLOADS))
    con.execute("CREATE OR REPLACE TABLE uploads AS SELECT *, TRUE AS has_address FROM given")
    con.unregister("given")
    count_saves(con)


def firing(con: duckdb.DuckDBPyConnection, rule: Rule, least: float) -> set[str]:
    """Return the users on whom a rule fires on the day."""
    return {alert.user for alert in alerts(rule(con, [DAY.date()]), least)}


def published(name: str, setting: str) -> float:
    """A published setting, found by the beginning of its name."""
    return next(least for key, least in PEERS[name].published.items() if key.startswith(setting))


def test_a_count_per_hour_is_of_any_sixty_minutes_at_one_provider(con: duckdb.DuckDBPyConnection) -> None:
    """Prevents hours of the clock from halving a burst, and two providers' logs from adding up in a rule on one."""
    noon = DAY + 12 * HOUR
    make(
        con,
        uploads("split", noon - 5 * MINUTE, 100),
        uploads("fewer", noon, 99),
        uploads("apart", noon, 60) + uploads("apart", noon + 2 * HOUR, 60),
        uploads("two", noon, 60) + uploads("two", noon, 60, provider="dropbox"),
        uploads("ten", noon, 10),
        uploads("service", noon, 500, actor_class="service"),
        uploads("yesterday", noon - ONE_DAY, 500),
    )
    assert firing(con, count_per_hour, published("count per hour", "Panther")) == {"split"}
    assert firing(con, count_per_hour, published("count per hour", "Google")) == {"split", "fewer", "apart", "two"}


def test_distinct_files_do_not_count_a_name_twice(con: duckdb.DuckDBPyConnection) -> None:
    """Prevents one file that is saved again and again from counting as many, and 50 from being over 50."""
    noon = DAY + 12 * HOUR
    make(
        con,
        uploads("many", noon, 51),
        uploads("limit", noon, 50),
        uploads("saves", noon, 200, file_name="same.docx"),
        uploads("cut", noon + 45 * MINUTE, 60),
    )
    # the search runs ten minutes before the full hour: half of "cut" falls into either run
    assert firing(con, distinct_files, published("distinct files", "Splunk")) == {"many"}


def test_daily_z_counts_idle_days_as_zero_and_needs_some_spread(con: duckdb.DuckDBPyConnection) -> None:
    """Prevents the day itself, or only active days, from making the mean, and a newcomer from having a z."""
    past = [DAY - n * ONE_DAY + 9 * HOUR for n in range(1, 31)]
    make(
        con,
        [row for day in past for row in uploads("steady", day, 1 + day.day % 3)] + uploads("steady", DAY, 40),
        [row for day in past for row in uploads("near", day, 1 + day.day % 3)] + uploads("near", DAY, 4),
        uploads("rare", past[20]) + uploads("rare", DAY, 2),
        uploads("newcomer", DAY, 400),
        uploads("tiny", past[20], bytes=10) + uploads("tiny", DAY, 2, bytes=1_000),
    )
    # one upload in 30 days: mean 1/30, deviation 0.18, so two in a day are ten deviations
    assert firing(con, daily_z("files", 1), published("daily z, files", "Panther")) == {"steady", "rare", "tiny"}
    assert firing(con, daily_z("bytes", MB), published("daily z, bytes", "Panther")) == {"steady", "rare"}


def test_an_hourly_outlier_needs_the_floor_and_two_hours_before(con: duckdb.DuckDBPyConnection) -> None:
    """Prevents a large deviation of a small amount, or hours without uploads, from making an outlier."""
    past = [DAY - n * ONE_DAY + 9 * HOUR for n in range(1, 11)]

    def usual(user: str) -> list[dict[str, Any]]:
        return [row for day in past for row in uploads(user, day, bytes=(50 + day.day % 5) * MB)]

    noon = DAY + 12 * HOUR
    make(
        con,
        usual("large") + uploads("large", noon, bytes=100 * MB),
        usual("under") + uploads("under", noon, bytes=99 * MB),
        usual("unsized") + uploads("unsized", noon, 1_000, bytes=None),
        uploads("used", past[0], bytes=90 * MB) + uploads("used", past[1], bytes=150 * MB)
        + uploads("used", noon, bytes=200 * MB),
        uploads("newcomer", noon, bytes=9_000 * MB),
    )  # fmt: skip
    assert firing(con, hourly_outlier, published("hourly outlier", "Sumo")) == {"large"}


def test_a_deviation_from_the_mean_is_by_address(con: duckdb.DuckDBPyConnection) -> None:
    """Prevents a new address from finding a baseline, and days before the fourteen from being in it."""
    past = [DAY - n * ONE_DAY + 9 * HOUR for n in (1, 3, 13)]

    def usual(user: str) -> list[dict[str, Any]]:
        return [row for day in past for row in uploads(user, day, 2)] + uploads(user, DAY - 14 * ONE_DAY, 500)

    noon = DAY + 12 * HOUR
    make(
        con,
        usual("burst") + uploads("burst", noon, 53),
        usual("limit") + uploads("limit", noon, 52),
        usual("moved") + uploads("moved", noon, 500, ip="198.51.100.9"),
        uploads("newcomer", noon, 500),
    )
    assert firing(con, mean_deviation, published("mean deviation", "Sentinel")) == {"burst"}


def test_ecod_learns_from_the_thirty_days_before(
    con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prevents a day from being in the model that judges it, and scores from being compared with another's limit."""
    fitted = []

    class Distance:
        """Stand-in for the library, which is not part of the development environment."""

        threshold_ = 0.0

        def fit(self, metrics: np.ndarray) -> Distance:
            fitted.append(len(metrics))
            self.centre = metrics.mean(axis=0)
            self.threshold_ = 0.5
            return self

        def decision_function(self, metrics: np.ndarray) -> np.ndarray:
            return np.abs(metrics - self.centre).max(axis=1)

    library = ModuleType("pyod.models.ecod")
    library.ECOD = Distance  # type: ignore[attr-defined]
    for name in ("pyod", "pyod.models"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "pyod.models.ecod", library)
    days = [DAY - n * ONE_DAY + 9 * HOUR for n in range(1, 41)]
    make(
        con,
        [row for day in days for row in uploads("usual", day, 3)],
        uploads("usual", DAY + 9 * HOUR, 3) + uploads("burst", DAY + 9 * HOUR, 300),
    )
    assert firing(con, ecod, published("ECOD", "PyOD")) == {"burst"}
    assert fitted == [30]


def test_ours_fires_on_a_burst_and_knows_nothing_of_later_days(con: duckdb.DuckDBPyConnection) -> None:
    """Prevents the bench from judging a day by thresholds or baselines that later days are in."""
    people = [f"user{n}" for n in range(20)]
    past = [DAY - n * ONE_DAY + 9 * HOUR for n in range(1, 17)]
    usual = [row for day in past for n, user in enumerate(people) for row in uploads(user, day, 1 + (day.day + n) % 4)]
    burst = uploads("user3", DAY + 9 * HOUR, 900)
    make(con, usual, burst, uploads("user4", DAY + 9 * HOUR, 2))
    found = ours(con, [DAY.date()], 2.0)
    assert {alert.user for alert in alerts(found, 1)} == {"user3"}
    make(con, usual, burst, uploads("user4", DAY + 9 * HOUR, 2), uploads("user5", DAY + ONE_DAY + 9 * HOUR, 5_000))
    assert ours(con, [DAY.date()], 2.0) == found


def test_monitored_users_are_those_with_uploads_in_the_thirty_days_before(con: duckdb.DuckDBPyConnection) -> None:
    """Prevents a day's own uploads from deciding how many alerts it may have, and a quiet day from having no users."""
    make(
        con,
        uploads("old", DAY - 30 * ONE_DAY) + uploads("gone", DAY - 31 * ONE_DAY) + uploads("new", DAY),
        uploads("service", DAY - ONE_DAY, actor_class="service"),
    )
    days = [(DAY + n * ONE_DAY).date() for n in (-60, 0, 1)]
    assert user_days(con, days) == dict(zip(days, (0, 1, 1), strict=True))


def test_a_workload_is_read_as_after_recovery(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """Prevents a second delivery from counting, a gone file from having a size, and a service from being watched."""
    base = {
        **dict.fromkeys(SCHEMA.names),
        "kind": "upload",
        "time": DAY.replace(tzinfo=UTC),
        "file_name": "plan.pdf",
        "bytes": 7,
        "file_gone": False,
    }
    rows = [
        {**base, "provider": "google_workspace", "user": "Ann@example.com", "event_id": "once"},
        {**base, "provider": "google_workspace", "user": "ann@example.com", "event_id": "once"},
        {**base, "provider": "google_workspace", "user": "bob@example.com", "file_gone": True},
        {**base, "provider": "box", "user": "bob@example.com", "file_gone": True},
        {**base, "provider": "box", "user": "bob@example.com", "kind": "edit", "size_in_log": False, "file_gone": True},
        {**base, "provider": "box", "user": "AutomationUser_1@boxdevedition.com"},
        {**base, "provider": "dropbox", "user": None},
        {**base, "provider": "dropbox", "user": "ann@example.com", "kind": "download"},
    ]
    write_workload(pa.Table.from_pylist(rows, schema=SCHEMA), tmp_path / "workload.parquet")
    load(con, tmp_path / "workload.parquet")
    hours = con.execute(
        'SELECT provider, "user", hour, files, sized_files, bytes FROM user_hours '
        "WHERE population = 'people' ORDER BY ALL"
    ).fetchall()
    assert hours == [
        ("box", "bob@example.com", DAY, 1, 0, 7),
        ("google_workspace", "ann@example.com", DAY, 1, 1, 7),
        ("google_workspace", "bob@example.com", DAY, 1, 0, None),
    ]


def label(user: str, start: datetime, hours: float, scenario: str = "bulk", **more: Any) -> Label:
    """A harmful incident that an alert is expected for."""
    named = {"malicious": True, "expected": "alert", "providers": "box", "note": "", **more}
    begin = start.replace(tzinfo=UTC)
    return Label(incident_id="", scenario=scenario, users=user, start=begin, end=begin + hours * HOUR, **named)


def test_matching_counts_an_incident_once_and_an_alert_once() -> None:
    """Prevents two alerts on one incident from finding it twice, and another user's alert from finding it at all."""
    noon = DAY + 12 * HOUR
    labels = [
        label("ann", noon, 30),
        label("bob", noon, 1),
        label("bob", noon + 2 * HOUR, 1),
        label("cat", noon, 1),
        label("dan", noon, 1, "drip", expected="miss"),
        label("eve", noon, 1, "migration", malicious=False),
    ]
    raised = [
        Alert("ann", noon, noon + HOUR),
        Alert("ann", noon + ONE_DAY, noon + ONE_DAY + HOUR),
        Alert("bob", noon, noon + 3 * HOUR),
        Alert("cat", noon - HOUR, noon),  # over before the incident began
        Alert("dan", noon, noon + HOUR),
        Alert("eve", noon, noon + HOUR),
    ]
    outcome = judge(raised, labels, 1_000)
    assert outcome.wanted == {"bulk": 4}
    assert outcome.found == {"bulk": 3}
    assert (outcome.alerts, outcome.true) == (6, 4)
    assert outcome.realised_per_1000 == 6
    assert (outcome + outcome).found == {"bulk": 6}
    assert (outcome + outcome).realised_per_1000 == 6


def test_what_fires_within_a_day_of_the_first_is_one_alert() -> None:
    """Prevents a rule with small bins from being charged for each of them, or for what is below its threshold."""
    hours = [Candidate("ann", DAY + n * HOUR, DAY + (n + 1) * HOUR, n) for n in range(30)]
    assert alerts(hours, 3) == [
        Alert("ann", DAY + 3 * HOUR, DAY + 27 * HOUR),
        Alert("ann", DAY + 27 * HOUR, DAY + 30 * HOUR),
    ]


@pytest.mark.parametrize(
    ("strengths", "allowed", "raised"),
    [
        ([5, 4, 3, 2, 1], 2, 2),
        ([5, 4, 4, 4, 1], 2, 1),  # equals are all out rather than over the budget
        ([5, 5, 5], 2, 0),
        ([5, 4], 3, 2),
        ([5, 4], 0, 0),
        ([], 3, 0),
    ],
)
def test_calibration_meets_the_budget(strengths: list[float], allowed: int, raised: int) -> None:
    """Prevents a rule of whole numbers, of which many are equal, from running over the budget it is compared at."""
    candidates = [
        Candidate(f"user{n}", DAY + hour * HOUR, DAY + (hour + 1) * HOUR, strength - hour / 10)
        for n, strength in enumerate(strengths)
        for hour in range(2)
    ]
    least = calibrate(candidates, allowed)
    assert len(alerts(candidates, least)) == raised
    assert raised or least == inf


def test_a_held_out_threshold_is_of_the_thirty_days_before() -> None:
    """Prevents the strongest of the day judged, or of a forgotten month, from raising the threshold of that day."""
    strengths = {-31: 99, -30: 5, -2: 4, -1: 6, 0: 50, 1: 3}
    candidates = [
        Candidate(f"user{day}", DAY + day * ONE_DAY, DAY + (day + 1) * ONE_DAY, strength)
        for day, strength in strengths.items()
    ]
    candidates.append(Candidate("under", DAY, DAY + HOUR, 4))
    users = {(DAY + day * ONE_DAY).date(): 250 if day > -31 else 0 for day in strengths}
    # three days of 250 users are learnt from either time: 4 in 1000 are three alerts
    assert [alert.user for alert in held_out(candidates, users, [DAY.date()], 4)] == ["under", "user0"]
    assert held_out(candidates, users, [(DAY + ONE_DAY).date()], 4) == []


def test_an_interval_is_wide_where_little_was_tried() -> None:
    """Prevents 1 of 1 from reading as certain."""
    low, high = wilson(1, 1)
    assert low == pytest.approx(0.207, abs=0.001)
    assert high == 1
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(50, 100) == pytest.approx((0.404, 0.596), abs=0.001)
