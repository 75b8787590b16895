"""Sources that were silent for a month, or whose uploads begin late: what is said of their windows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from assets.core.resources import Detector, Engine
from assets.judgement import judgement
from connectors import Page
from detection.parameters import Parameters
from lake.coverage import evaluations
from lake.days import days_between
from lake.landing import land
from lake.manifest import Manifest
from lake.store import Lake
from tests.support.memory import connect
from tests.support.small_lake import SmallLake

pytestmark = pytest.mark.sampled

FIRST = date(2026, 1, 5)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
USERS = [f"u{n}@example.com" for n in range(6)]


def land_day(lake: Lake, provider: str, day: date, events: int) -> None:
    """Land a day that was pulled whole."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    manifest = Manifest(lake.directory(f"{provider}/audit_events", day))
    land(manifest, start, start + DAY, [Page(b"{}\n" * events)], now=start + 2 * DAY)


def work(small: SmallLake, provider: str, day: date, *, burst: bool = False) -> None:
    """Add everybody's ordinary uploads of a day, and on request a burst by one of them."""
    for n, user in enumerate(USERS):
        hour = datetime(day.year, day.month, day.day, 9 + n)
        row = {"provider": provider, "user": user, "actor_class": "person", "population": "people"}
        files = 9000 if burst and n == day.toordinal() % len(USERS) else 3 + n
        amount = {"files": files, "sized_files": files, "bytes": files * 1_000_000, "estimated_files": 0}
        small.add("user_hours", day, row | amount | {"hour": hour})


def judge(small: SmallLake, providers: list[str], days: list[date]) -> None:
    """Run the judgement over these days."""
    partitions = dg.DailyPartitionsDefinition(start_date=FIRST.isoformat(), end_date="2026-06-01")
    definitions = dg.Definitions(
        assets=[judgement(providers, partitions)],
        jobs=[dg.define_asset_job("judge", executor_def=dg.in_process_executor)],
        resources={"lake": small.write(), "engine": Engine(), "detector": Detector()},
    )
    with dg.DagsterInstance.ephemeral() as instance:
        definitions.resolve_job_def("judge").execute_in_process(
            instance=instance,
            tags={
                "dagster/asset_partition_range_start": days[0].isoformat(),
                "dagster/asset_partition_range_end": days[-1].isoformat(),
            },
            run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
        )


def states(lake: Lake, provider: str) -> dict[date, tuple[str, str | None]]:
    """State and reason of each day's noon."""
    with connect() as con:
        lake.view(con, "evaluations", ["evaluations"], lake.days("evaluations"))
        rows = con.execute(
            "SELECT CAST(window_start AS DATE), state, reason FROM evaluations "
            "WHERE scope = ? AND hour(window_start) = 12",
            [provider],
        ).fetchall()
    return {day: (state, reason) for day, state, reason in rows}


def detected_on(lake: Lake, provider: str) -> set[date]:
    """Days with detections of a source."""
    with connect() as con:
        lake.view(con, "detections", ["detections"], lake.days("detections"))
        rows = con.execute("SELECT CAST(window_start AS DATE) FROM detections WHERE scope = ?", [provider]).fetchall()
    return {day for (day,) in rows}


def evaluated(lake: Lake, provider: str, days: Iterable[date]) -> set[date]:
    return {day for day in days if states(lake, provider)[day][0] == "evaluated"}


@pytest.fixture
def small(tmp_path: Path) -> SmallLake:
    return SmallLake(tmp_path)


def test_a_source_that_was_silent_is_in_activation_until_it_is_scored_again(small: SmallLake):
    """Prevents windows in which no alert is possible from being shown as evaluated after a month of silence."""
    days = days_between(FIRST, FIRST + 57 * DAY)
    silent = days[14:49]
    again = silent[-1] + DAY
    scored = again + 7 * DAY
    for day in days:
        land_day(small.lake, "box", day, 0 if day in silent else 5)
        if day not in silent:
            work(small, "box", day, burst=day in (scored - DAY, scored))
    judge(small, ["box"], days)
    found = states(small.lake, "box")
    assert {found[day][0] for day in days[:14]} == {"in activation"}
    assert {found[day][0] for day in days[14:44]} == {"evaluated"}
    assert found[again] == (
        "in activation",
        "no uploads in the 30 days before; scored from 7 days after the next",
    )
    assert found[again + DAY] == ("in activation", f"uploads since {again} only; scored from {scored} on")
    assert {day for day in days if day >= again and found[day][0] == "evaluated"} == set(days_between(scored, days[-1]))
    # Of two bursts alike, that one is found whose window was evaluated.
    assert detected_on(small.lake, "box") == {scored}


def test_a_source_whose_uploads_begin_late_is_in_activation_until_they_are_scored(small: SmallLake):
    """Prevents a second source from looking evaluated once its sign-ins are old enough, when its uploads are not."""
    days = days_between(FIRST, FIRST + 26 * DAY)
    added, uploads = days[2], days[17]
    scored = uploads + 7 * DAY
    for day in days:
        land_day(small.lake, "box", day, 5)
        work(small, "box", day)
        if day >= added:
            land_day(small.lake, "dropbox", day, 5)
        if day >= uploads:
            work(small, "dropbox", day, burst=day in (scored - DAY, scored))
    judge(small, ["box", "dropbox"], days)
    found = states(small.lake, "dropbox")
    assert found[added - DAY] == ("in activation", f"history since {added}")
    assert found[uploads + DAY] == ("in activation", f"uploads since {uploads} only; scored from {scored} on")
    assert evaluated(small.lake, "dropbox", days) == set(days_between(scored, days[-1]))
    assert evaluated(small.lake, "box", days) == set(days[14:])
    assert detected_on(small.lake, "dropbox") == {scored}


@pytest.mark.parametrize(
    ("history", "uploading", "state"),
    [
        ({"people": 20, "services": 2}, [], "evaluated"),
        ({"people": 6, "services": 30}, [], "in activation"),
        ({"services": 30}, ["services"], "evaluated"),
        ({"services": 30}, ["people", "services"], "in activation"),
        ({}, [], "in activation"),
    ],
)
def test_the_people_decide_for_a_source_that_they_upload_to(small: SmallLake, history, uploading, state):
    """Prevents a nightly backup from making a source look evaluated of which no person is scored."""
    land_day(small.lake, "box", FIRST, 5)
    land_day(small.lake, "box", FIRST + DAY, 5)
    small.add("baselines", FIRST, {"population": "people", "scope": "dropbox", "users": 3, "history_days": 30})
    for population, days in history.items():
        small.add("baselines", FIRST, {"population": population, "scope": "box", "users": 3, "history_days": days})
    for population in uploading:
        small.add("user_hours", FIRST, {"provider": "box", "user": "u", "population": population, "files": 1})
    rows = evaluations(small.write(), ["box"], {"box": FIRST - 30 * DAY}, FIRST, Parameters())
    assert {row[2] for row in rows[:22]} == {state}
