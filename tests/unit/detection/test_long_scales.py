"""Long time scales: what is spread over a week or a month, on hours made here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.alerts import fold
from detection.allow_list import Entry
from detection.chain import add_up, learn, score
from detection.parameters import Parameters
from detection.tables import empty
from lake.table_columns import verify_columns
from tests.support.memory import connect
from tests.support.organisation import FIRST, GB, SOON, Hour, at, burst, ordinary, played

pytestmark = pytest.mark.sampled

DAYS = 40
DRIPS = [f"drip{n:02}@example.com" for n in range(20)]
ONCE, BURSTS, JOB, BESIDE = (f"{name}@example.com" for name in ("once", "bursts", "job", "beside"))
GUESTS = [f"guest{n}@partner.example" for n in range(12)]
LISTED = [
    Entry(user=user, provider="box", owner="o@example.com", reason="backup", expires=date(2027, 1, 1))
    for user in (JOB, BESIDE)
]


def drip(user: str, provider: str = "box", days: range = range(20, DAYS)) -> list[Hour]:
    """48 files every three hours: below the floor of each window."""
    return [(provider, user, "people", at(day, hour), 48, None) for day in days for hour in range(0, 24, 3)]


def usual(user: str, days: int = DAYS) -> list[Hour]:
    """A few files on each day."""
    return [("box", user, "people", at(day, 9 + day % 5), 3 + day % 4, None) for day in range(days)]


def hours() -> list[Hour]:
    """An organisation of 40 people, and those that the tests below name."""
    rows = ordinary(days=DAYS)
    for user in (*DRIPS, ONCE, BURSTS, JOB, BESIDE):
        rows += usual(user, DAYS if user in (ONCE, BURSTS) else 20)
    for user in DRIPS:
        rows += drip(user)
    rows += [("box", ONCE, "people", at(25, hour), 50_000, None) for hour in range(10, 16)]
    rows += [burst(BURSTS, at(day)) for day in (22, 24, 26, 28)]
    for user in (JOB, BESIDE):
        rows += [
            ("box", user, "people", at(day, hour), 48, None) for day in range(20, DAYS) for hour in range(1, 24, 3)
        ]
    rows += [
        ("dropbox", f"person{n:03}@example.com", "people", at(day), 5, None) for n in range(20) for day in range(DAYS)
    ]
    rows += drip(BESIDE, "dropbox")
    rows += [burst(guest, at(DAYS - 1)) for guest in GUESTS]
    return rows


@pytest.fixture(scope="module")
def organisation() -> Iterator[duckdb.DuckDBPyConnection]:
    """The organisation, with every day evaluated."""
    apps = dict.fromkeys(GUESTS, "Sync")
    with played(hours(), days=DAYS, entries=LISTED, apps=apps) as con:
        yield con


def detected(con: duckdb.DuckDBPyConnection, user: str) -> list[tuple[Any, ...]]:
    """Scope, period start, window start and end, and files of a user's detections."""
    return con.execute(
        "SELECT scope, period_start, window_start, window_end, files FROM played_detections "
        'WHERE "user" = ? AND allowed_by IS NULL ORDER BY window_start, scope',
        [user],
    ).fetchall()


def test_a_drip_below_every_floor_is_found_on_a_long_scale_alone(organisation):
    """Prevents a thief with 48 files every three hours from never being seen, and twenty from hiding each other."""
    found = {user: {scope for scope, *_ in detected(organisation, user)} for user in DRIPS}
    assert [user for user in DRIPS if not found[user]] == []
    assert set().union(*found.values()) <= {"week", "month"}


def test_one_large_day_is_no_detection_on_a_long_scale(organisation):
    """Prevents a burst that its window found from being found again for a week and a month."""
    found = detected(organisation, ONCE)
    assert found
    assert {scope for scope, *_ in found}.isdisjoint({"week", "month"})


def test_what_an_alert_reported_is_not_counted_again(organisation):
    """Prevents one slow theft from being reported every day, each time with the same files."""
    for user in DRIPS:
        long = [row for row in detected(organisation, user) if row[0] in ("week", "month")]
        ends = {window_end for *_, window_end, _ in long}
        for _, period_start, window_start, _, _ in long:
            assert not any(period_start < end <= window_start for end in ends)


def test_hours_of_detections_are_in_no_long_sum(organisation):
    """Prevents bursts that are known from adding up to a slow theft."""
    found = detected(organisation, BURSTS)
    assert {window_start.date() for _, _, window_start, _, _ in found} == {at(day).date() for day in (22, 24, 26, 28)}
    [(most,)] = organisation.execute('SELECT max(files) FROM played_period_sums WHERE "user" = ?', [BURSTS]).fetchall()
    assert most < 3000


def test_a_job_that_is_allowed_is_in_no_long_sum_and_a_drip_beside_it_is_found(organisation):
    """Prevents an entry without effect after a week, and one that hides what its user does elsewhere."""
    assert detected(organisation, JOB) == []
    found = detected(organisation, BESIDE)
    assert {scope for scope, *_ in found} <= {"week", "month"}
    assert found
    for *_, period_start, window_start, _, files in [(row[0], *row[1:]) for row in found]:
        days = (window_start - period_start).days + 1
        assert files <= days * (8 * 48 + 6), "the job's are not among them"


def test_long_scales_are_silent_until_their_history_is_there(organisation):
    """Prevents the first weeks of a source from being compared with nothing."""
    first = dict(organisation.execute("SELECT scope, min(day) FROM played_scores GROUP BY scope").fetchall())
    sums = dict(organisation.execute("SELECT scope, min(day) FROM played_period_sums GROUP BY scope").fetchall())
    assert sums == {"week": FIRST + timedelta(days=6), "month": FIRST + timedelta(days=29)}
    assert first["week"] >= FIRST + timedelta(days=6 + 7 + SOON.warm_up_days)
    assert "month" not in first


def test_a_newcomers_threshold_is_never_above_everybodys(organisation):
    """Prevents a wave of newcomers from raising the bar behind which the next one uploads."""
    rows = organisation.execute(
        """
        SELECT n.day, n.metric, n.threshold, p.threshold
        FROM played_thresholds n
        JOIN played_thresholds p ON p.day = n.day AND p.metric = n.metric AND p.population = 'people'
        WHERE n.population = 'newcomers'
        """
    ).fetchall()
    assert {metric for _, metric, _, _ in rows} == {"files", "bytes"}
    assert [row for row in rows if row[2] > row[3]] == []


def test_a_wave_of_guests_has_a_common_cause(organisation):
    """Prevents guests of one project from being an alert each, since newcomers are counted apart."""
    [row] = organisation.execute(
        "SELECT population, users, is_common FROM played_causes WHERE day = ? AND cause = 'box/Sync'",
        [at(DAYS - 1).date()],
    ).fetchall()
    assert row == ("people", len(GUESTS), True)


def test_a_newcomer_at_the_ceiling_is_found_whatever_the_threshold():
    """Prevents a day on which the bar is high from letting a new account take all there is."""
    never = SOON.model_copy(update={"prior_threshold": 1000.0, "least_user_days": 10**6})
    new, known = {"below@new.example": 4999, "at@new.example": 5000}, "person003@example.com"
    rows = [*ordinary(days=9), ("box", known, "people", at(8), 50_000, None)]
    rows += [("box", user, "people", at(8), files, None) for user, files in new.items()]
    rows += [("box", "large@new.example", "people", at(8), 3, 50 * GB)]
    with played(rows, days=9, parameters=never) as con:
        found = con.execute('SELECT DISTINCT "user" FROM played_detections ORDER BY 1').fetchall()
    assert found == [("at@new.example",), ("large@new.example",)]


def test_figures_of_a_long_alert_are_those_of_its_days(organisation):
    """Prevents a sentence that nobody can check against the uploads."""
    con = organisation
    for table in ("uploads", "activity"):
        con.execute(f"CREATE OR REPLACE TABLE {table} AS {empty(table)}")
    con.execute("CREATE OR REPLACE TABLE source_days (provider VARCHAR, day DATE)")
    con.execute("CREATE OR REPLACE TEMP TABLE detections AS SELECT * EXCLUDE (day) FROM played_detections")
    con.execute("CREATE OR REPLACE TEMP VIEW dated_causes AS FROM played_causes")
    con.execute("CREATE OR REPLACE TABLE all_hours AS FROM hours")
    con.execute("ALTER TABLE all_hours ADD COLUMN saves BIGINT")
    for name, type_ in (("estimated_files", "BIGINT"), ("estimated_bytes", "BIGINT")):
        con.execute(f"ALTER TABLE all_hours ADD COLUMN {name} {type_}")
    for name in ("extensions", "countries"):
        con.execute(f"ALTER TABLE all_hours ADD COLUMN {name} MAP(VARCHAR, BIGINT)")
    con.execute("CREATE OR REPLACE TEMP VIEW user_hours AS FROM all_hours")
    con.execute("DROP VIEW all_detections")
    fold(con, SOON, since=at(0, 0))
    rows = con.execute(
        """
        SELECT a.sentence, a.peak_files, a.before_files, a.peak_largest_files, a.peak_period_start, a.peak_window_end,
          (SELECT sum(h.files) FROM hours h
            WHERE h."user" = a."user" AND h.hour >= a.peak_period_start AND h.hour < a.peak_window_end),
          (SELECT coalesce(sum(h.files), 0) FROM hours h
            WHERE h."user" = a."user" AND h.hour < a.peak_period_start
            AND h.hour >= a.peak_period_start - INTERVAL 7 DAY)
        FROM single_alerts a
        WHERE a.scope = 'week' AND a."user" LIKE 'drip%'
        """
    ).fetchall()
    assert len(rows) >= len(DRIPS)
    for sentence, files, before, largest, start, end, summed, earlier in rows:
        assert (files, before) == (summed, earlier)
        days = (end - start).days
        assert f"In {days} day{'' if days == 1 else 's'} up to {end - timedelta(days=1):%Y-%m-%d}" in sentence
        assert f"uploaded {files:,} files (sizes unknown) to Box" in sentence
        assert f"never more than {largest:,} files on a day; in the 7 days before, {before:,} file" in sentence


def test_the_chains_tables_have_the_declared_columns(organisation):
    """Prevents a run that evaluates a day and cannot store it, since a column stands in the place of another."""
    for table in ("baselines", "recent_sums", "scores", "period_sums", "thresholds", "detections", "causes"):
        organisation.execute(f"CREATE OR REPLACE TEMP VIEW written AS FROM temp.main.{table}")
        verify_columns(organisation, "written", table)


def sums_of(rows: Sequence[Hour], detections: Sequence[tuple[str, str, datetime]] = ()) -> list[list[tuple[Any, ...]]]:
    """Return recent and period sums of the day after the last, where these (scope, user, start) were detected."""
    day, parameters = FIRST + timedelta(days=14), Parameters()
    with connect(threads=1) as con:
        names = ("provider", "user", "population", "hour", "files", "bytes")
        con.register("given", pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))))
        con.execute(f"CREATE TABLE user_hours AS {empty('user_hours')}")
        con.execute(
            "INSERT INTO user_hours BY NAME SELECT *, 'person' AS actor_class, "
            "CASE WHEN bytes IS NULL THEN 0 ELSE files END AS sized_files FROM given"
        )
        con.execute(f"CREATE TABLE past_detections AS {empty('detections')}")
        for window in detections:
            con.execute('INSERT INTO past_detections (scope, "user", window_start) VALUES (?, ?, ?)', window)
        con.execute(f"CREATE TABLE past_period_sums AS {empty('period_sums', dated=True)}")
        con.execute("CREATE TABLE sources AS SELECT 'box' AS provider, CAST(? AS TIMESTAMP) AS first_day", [FIRST])
        add_up(con)
        learn(con, day, parameters)
        found = [con.execute("FROM recent_sums").fetchall()]
        score(con, day, parameters)
        return [
            *found,
            con.execute("FROM period_totals ORDER BY ALL").fetchall(),
            con.execute("FROM period_sums").fetchall(),
        ]


SOME = [*ordinary(people=12, days=15), *drip("slow@example.com", days=range(9, 15)), burst("fast@example.com", at(12))]


@given(st.permutations(SOME), st.sets(st.integers(0, len(SOME) - 1), max_size=9))
@settings(max_examples=15, deadline=None)
def test_order_and_pieces_of_hours_change_no_long_sum(rows: list[Hour], halved: set[int]):
    """Prevents sums that depend on the order in which hours were written, or on how they were split."""
    pieces = [
        piece
        for n, (provider, user, population, hour, files, size) in enumerate(rows)
        for piece in (
            [
                (provider, user, population, hour, files // 2, size and size // 2),
                (provider, user, population, hour, files - files // 2, size and size - size // 2),
            ]
            if n in halved
            else [(provider, user, population, hour, files, size)]
        )
    ]
    assert sums_of(pieces) == sums_of(SOME)


def test_another_key_of_the_person_changes_no_long_sum():
    """Prevents sums that depend on the account by which a person is known."""
    named = [(provider, f"z{user}", *rest) for provider, user, *rest in SOME]
    found = [[(*row[:2], row[2].removeprefix("z"), *row[3:]) for row in rows] for rows in sums_of(named)]
    assert found == sums_of(SOME)


@given(st.integers(8, 13), st.sampled_from(["week", "month"]))
@settings(max_examples=8, deadline=None)
def test_a_long_sum_begins_after_what_was_reported(day: int, scope: str):
    """Prevents a sum that begins too late, or with what the last alert held; what is usual keeps its days."""
    user = "slow@example.com"
    [before, after] = [
        {row[1]: row for row in sums_of(SOME, told)[0] if row[2] == user} for told in ([], [(scope, user, at(day, 0))])
    ]
    assert {name: row[9:] for name, row in before.items()} == {name: row[9:] for name, row in after.items()}
    for name, days in (("week", 7), ("month", 30)):
        since = max(day + 1, 14 - (days - 1))
        assert after[name][4] == sum(
            hour[4] for hour in SOME if hour[1] == user and hour[3] >= at(since, 0) and hour[3] < at(14, 0)
        )
