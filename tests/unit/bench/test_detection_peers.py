"""Rules of other products on hand-made hours, and the strength at which they meet a budget."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from math import inf
from types import ModuleType
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from bench.detection import user_days
from bench.detection_peers import (
    PEERS,
    count_per_hour,
    daily_z,
    distinct_files,
    ecod,
    hourly_outlier,
    mean_deviation,
)
from bench.detection_peers_long import cumulation, interval_thresholds, two_windows
from bench.peer_alerts import Candidates, alerts, calibrate, held_out
from detection.tables import arrow_schema
from tests.support.memory import connect

DAY = datetime(2026, 3, 20)
HOUR, ONE_DAY = timedelta(hours=1), timedelta(days=1)
NOON = DAY + 12 * HOUR
MB = 1_000_000
Rule = Callable[[duckdb.DuckDBPyConnection, Sequence[date]], Candidates]
Row = dict[str, Any]


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with connect() as con:
        yield con


def hour(user: str, at: datetime, files: int = 1, **more: Any) -> list[Row]:
    """Return an hour in which a user uploads so many files of a megabyte."""
    return [
        {
            "provider": "box",
            "user": user,
            "actor_class": "person",
            "population": "people",
            "hour": at,
            "files": files,
            "sized_files": files,
            "bytes": files * MB,
            "saves": files,
            "estimated_files": 0,
            **more,
        }
    ]


def make(con: duckdb.DuckDBPyConnection, *parts: list[Row]) -> None:
    """Make ``hours`` of these rows."""
    rows = pa.Table.from_pylist([row for part in parts for row in part], schema=arrow_schema("user_hours"))
    con.register("given", rows)
    con.execute("CREATE OR REPLACE TABLE hours AS FROM given")
    con.unregister("given")


def firing(con: duckdb.DuckDBPyConnection, rule: Rule, least: float) -> set[str]:
    """Return the users on whom a rule fires on the day."""
    return {alert.user for alert in alerts(rule(con, [DAY.date()]), least)}


def published(name: str, setting: str) -> float:
    """A published setting, found by the beginning of its name."""
    return next(least for key, least in PEERS[name].published.items() if key.startswith(setting))


def test_a_count_per_hour_is_of_one_provider(con: duckdb.DuckDBPyConnection) -> None:
    """Prevents two providers' logs from adding up in a rule on one, and a service from being watched."""
    make(
        con,
        hour("many", NOON, 100),
        hour("fewer", NOON, 99),
        hour("two", NOON, 60) + hour("two", NOON, 60, provider="dropbox"),
        hour("ten", NOON, 10),
        hour("saved", NOON, 1, saves=150),
        hour("service", NOON, 500, population="services"),
        hour("yesterday", NOON - ONE_DAY, 500),
    )
    assert firing(con, count_per_hour, published("count per hour", "Panther")) == {"many", "saved"}
    assert firing(con, count_per_hour, published("count per hour", "Google")) == {"many", "fewer", "two", "saved"}


def test_distinct_files_do_not_count_saves(con: duckdb.DuckDBPyConnection) -> None:
    """Prevents one file that is saved again and again from counting as many, and 50 from being over 50."""
    make(
        con,
        hour("many", NOON, 51),
        hour("limit", NOON, 50),
        hour("saves", NOON, 1, saves=200),
        hour("again", NOON, 40, again_files=[20]),
    )
    assert firing(con, distinct_files, published("distinct files", "Splunk")) == {"many", "again"}


def test_daily_z_counts_idle_days_as_zero_and_needs_some_spread(con: duckdb.DuckDBPyConnection) -> None:
    """Prevents the day itself, or only active days, from making the mean, and a newcomer from having a z."""
    past = [DAY - n * ONE_DAY + 9 * HOUR for n in range(1, 31)]
    make(
        con,
        [row for day in past for row in hour("steady", day, 1 + day.day % 3)] + hour("steady", NOON, 40),
        [row for day in past for row in hour("near", day, 1 + day.day % 3)] + hour("near", NOON, 4),
        hour("rare", past[20]) + hour("rare", NOON, 2),
        hour("newcomer", NOON, 400),
        hour("tiny", past[20], bytes=10) + hour("tiny", NOON, 2, bytes=1_000),
    )
    # one upload in 30 days: mean 1/30, deviation 0.18, so two in a day are ten deviations
    assert firing(con, daily_z("files", 1), published("daily z, files", "Panther")) == {"steady", "rare", "tiny"}
    assert firing(con, daily_z("bytes", MB), published("daily z, bytes", "Panther")) == {"steady", "rare"}


def test_an_hourly_outlier_needs_the_floor_and_two_hours_before(con: duckdb.DuckDBPyConnection) -> None:
    """Prevents a large deviation of a small amount, or hours without uploads, from making an outlier."""
    past = [DAY - n * ONE_DAY + 9 * HOUR for n in range(1, 11)]

    def usual(user: str) -> list[Row]:
        return [row for day in past for row in hour(user, day, bytes=(50 + day.day % 5) * MB)]

    make(
        con,
        usual("large") + hour("large", NOON, bytes=100 * MB),
        usual("under") + hour("under", NOON, bytes=99 * MB),
        usual("unsized") + hour("unsized", NOON, 1_000, bytes=None, sized_files=0),
        hour("used", past[0], bytes=90 * MB) + hour("used", past[1], bytes=150 * MB)
        + hour("used", NOON, bytes=200 * MB),
        hour("newcomer", NOON, bytes=9_000 * MB),
    )  # fmt: skip
    assert firing(con, hourly_outlier, published("hourly outlier", "Sumo")) == {"large"}


def test_a_deviation_from_the_mean_is_of_fourteen_days(con: duckdb.DuckDBPyConnection) -> None:
    """Prevents days before the fourteen from being in the mean, and a newcomer from having one."""
    past = [DAY - n * ONE_DAY + 9 * HOUR for n in (1, 3, 13)]

    def usual(user: str) -> list[Row]:
        return [row for day in past for row in hour(user, day, 2)] + hour(user, DAY - 14 * ONE_DAY, 500)

    make(
        con,
        usual("burst") + hour("burst", NOON, 53),
        usual("limit") + hour("limit", NOON, 52),
        hour("newcomer", NOON, 500),
    )
    assert firing(con, mean_deviation, published("mean deviation", "Sentinel")) == {"burst"}


def test_long_rules_see_what_no_day_shows(con: duckdb.DuckDBPyConnection) -> None:
    """Prevents a month of drips from passing the rules that are there for it, or honest colleagues from firing."""
    colleagues = [
        row
        for n in range(20)
        for back in range(0, 80, 2)
        for row in hour(
            f"user{n}", DAY - back * ONE_DAY + 9 * HOUR, 3 + (n + back) % 3, bytes=(3 + (n * back) % 4) * MB
        )
    ]
    drip = [
        row
        for back in range(20)
        for at in range(0, 24, 3)
        for row in hour("user0", DAY - back * ONE_DAY + at * HOUR, 40, bytes=80 * MB)
    ]
    make(con, colleagues, drip)
    for rule in (cumulation, two_windows, interval_thresholds):
        found = rule(con, [DAY.date()])
        strongest = {user: found.strength[found.user == user].max() for user in set(found.user)}
        honest = max((strength for user, strength in strongest.items() if user != "user0"), default=0.0)
        assert strongest["user0"] > 1.5 * honest, rule.__name__


def test_a_long_rule_fires_once_in_its_fold() -> None:
    """Prevents a month's sum, which stays high for a month, from being an alert on each of its days."""
    daily = made([("ann", DAY - 30 * ONE_DAY + n * ONE_DAY, 30 * ONE_DAY, 9) for n in range(40)])
    assert len(alerts(daily, 1, fold_days=30)) == 2
    assert alerts(daily, 1, fold_days=30)[0].end == DAY


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
    make(con, [row for day in days for row in hour("usual", day, 3)], hour("usual", NOON, 3) + hour("burst", NOON, 300))
    assert firing(con, ecod, published("ECOD", "PyOD")) == {"burst"}
    assert fitted == [30]


def test_monitored_users_are_those_with_uploads_in_the_thirty_days_before(con: duckdb.DuckDBPyConnection) -> None:
    """Prevents a day's own uploads from deciding how many alerts it may have, and a quiet day from having no users."""
    make(
        con,
        hour("old", DAY - 30 * ONE_DAY) + hour("gone", DAY - 31 * ONE_DAY) + hour("new", DAY),
        hour("service", DAY - ONE_DAY, population="services"),
    )
    days = [(DAY + n * ONE_DAY).date() for n in (-60, 0, 1)]
    assert user_days(con, days) == dict(zip(days, (0, 1, 1), strict=True))


def made(rows: list[tuple[str, datetime, timedelta, float]]) -> Candidates:
    """Return candidates of user, begin, length and strength."""
    return Candidates(
        np.array([user for user, *_ in rows]).astype(str),
        np.array([begin for _, begin, *_ in rows], dtype="datetime64[us]"),
        np.array([begin + length for _, begin, length, _ in rows], dtype="datetime64[us]"),
        np.array([strength for *_, strength in rows], dtype=np.float64),
    )


def test_what_fires_within_a_day_of_the_first_is_one_alert() -> None:
    """Prevents a rule with small bins from being charged for each of them, or for what is below its threshold."""
    found = alerts(made([("ann", DAY + n * HOUR, HOUR, n) for n in range(30)]), 3)
    assert [(alert.begin, alert.end) for alert in found] == [
        (DAY + 3 * HOUR, DAY + 27 * HOUR),
        (DAY + 27 * HOUR, DAY + 30 * HOUR),
    ]
    assert [alert.known for alert in found] == [DAY + 4 * HOUR, DAY + 28 * HOUR]


@pytest.mark.parametrize(
    ("strengths", "allowed", "raised"),
    [
        ([5, 4, 3, 2, 1], 2, 2),
        ([5, 4, 4, 4, 1], 2, 1),  # equals are all out rather than over the budget
        ([5, 5, 5], 2, 0),
        ([5, 4], 3, 2),
        ([5, 4], 0, 0),
        ([], 3, 0),
        (list(range(300)), 40, 40),  # more than are looked at first
        ([7] * 200 + [8, 9], 3, 2),
    ],
)
def test_calibration_meets_the_budget(strengths: list[float], allowed: int, raised: int) -> None:
    """Prevents a rule of whole numbers, of which many are equal, from running over the budget it is compared at."""
    candidates = made(
        [
            (f"user{n}", DAY + at * HOUR, HOUR, strength - at / 10)
            for n, strength in enumerate(strengths)
            for at in range(2)
        ]
    )
    least = calibrate(candidates, allowed)
    assert len(alerts(candidates, least)) == raised
    assert raised or least == inf


def test_a_held_out_threshold_is_of_the_thirty_days_before() -> None:
    """Prevents the strongest of the day judged, or of a forgotten month, from raising the threshold of that day."""
    strengths = {-31: 99, -30: 5, -2: 4, -1: 6, 0: 50, 1: 3}
    rows = [(f"user{day}", DAY + day * ONE_DAY, ONE_DAY, strength) for day, strength in strengths.items()]
    candidates = made([*rows, ("under", DAY, HOUR, 4)])
    users = {(DAY + day * ONE_DAY).date(): 250 if day > -31 else 0 for day in strengths}
    # three days of 250 users are learnt from either time: 4 in 1000 are three alerts
    assert [alert.user for alert in held_out(candidates, users, [DAY.date()], 4)] == ["under", "user0"]
    assert held_out(candidates, users, [(DAY + ONE_DAY).date()], 4) == []
