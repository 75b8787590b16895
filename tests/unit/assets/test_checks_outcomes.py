"""Every check of the catalogue on lakes that are as they should be, and on lakes that are not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from assets.checks import CATALOGUE
from lake.health import record, record_removed, record_unconfigured
from tests.support.made_lake import DAY, HOUR, NOW, TODAY, TRAITS, MadeLake

Build = Callable[[MadeLake], None]
WORK = range(8, 18)


def weeks(lake: MadeLake, *, until: datetime = NOW, each: int = 60) -> None:
    """Four weeks of a source that works from 8 to 18 on Mondays to Fridays, up to a time."""
    day = TODAY - 28 * DAY
    while day <= until.date():
        hours = WORK if day.weekday() < 5 else range(0)
        started = [hour for hour in hours if datetime.combine(day, datetime.min.time()) + hour * HOUR <= until]
        lake.counts(
            day,
            uploads=dict.fromkeys(started, each),
            operation={"UPLOAD": 600, "LOGIN": 300, "_GROUP_EDIT": 100},
            field={"event_id": 1000, "source.item_id": 700, "_source.etag": 400},
            sample={"events": 1000},
        )
        lake.land(day, 1)
        day += DAY


def silent_since(moment: datetime) -> Build:
    return lambda lake: weeks(lake, until=moment)


def fresh_after_an_outage(lake: MadeLake) -> None:
    weeks(lake, until=NOW - 20 * HOUR)
    for days in (5, 6, 7):
        lake.counts(TODAY - days * DAY)


def today(**counts: dict[object, int]) -> Build:
    def build(lake: MadeLake) -> None:
        weeks(lake)
        lake.counts(TODAY, **counts)

    return build


def not_given(start: float, end: float) -> Build:
    """Four weeks of which the provider gave nothing, between two hours, in the first two."""

    def build(lake: MadeLake) -> None:
        weeks(lake)
        for ago in (21, 28):
            lake.counts(TODAY - ago * DAY)
            lake.land(TODAY - ago * DAY, 0, gap=(start, end))
        lake.counts(TODAY, uploads={9: 30, 10: 20})

    return build


def after_an_odd_week(lake: MadeLake) -> None:
    weeks(lake)
    for ago in (14, 21, 28):
        lake.counts(TODAY - ago * DAY, **({"uploads": {9: 5000}} if ago == 28 else {}))


def uploads(*rows: dict[str, object]) -> Build:
    return lambda lake: lake.write("box/uploads", [{"asset": 0, "time": NOW, **row} for row in rows])


def read(*, landed: int, uploaded: int, active: int, rejected: int, ignored: int) -> Build:
    def build(lake: MadeLake) -> None:
        lake.land(TODAY, landed)
        lake.write("box/uploads", [{"event_key": f"u{n}"} for n in range(uploaded)])
        lake.write("box/activity", [{"event_key": f"a{n}"} for n in range(active)])
        lake.write("box/rejects", [{"reason": "not JSON", "day": TODAY}] * rejected)
        lake.write("box/ignored", [{"reason": "not an upload or activity", "events": ignored}])

    return build


def sized(**files: int) -> Build:
    return lambda lake: lake.write(
        "box/uploads", [{"size_source": source} for source, count in files.items() for _ in range(count)]
    )


def landed(*days: tuple[int, float, tuple[float, float] | None]) -> Build:
    def build(lake: MadeLake) -> None:
        for ago, hours, gap in days:
            lake.land(TODAY - ago * DAY, 1, hours=hours, gap=gap)

    return build


def openings(*hours: int) -> Build:
    return lambda lake: lake.write(
        "alerts",
        [
            {"alert_id": f"a{hour}", "user": "ann", "first_window_start": datetime(2026, 3, 10) + hour * HOUR}
            for hour in hours
        ],
    )


def budget(raised: int, allowed: float) -> Build:
    """Ten days with so many cases in all."""

    def build(lake: MadeLake) -> None:
        for ago in range(10):
            row = {"population": "people", "metric": "files", "budget": 2.0, "watched_users": 500}
            row["opened"] = raised if ago == 4 else 0
            lake.write("thresholds", [{**row, "allowed": allowed / 9}], TODAY - ago * DAY)

    return build


def allowed_until(expires: str) -> Build:
    def build(lake: MadeLake) -> None:
        lake.allow_list.write_text(
            f"[[allow]]\nuser = 'ann@example.com'\nowner = 'o'\nreason = 'move'\nexpires = {expires}\n"
        )
        start = datetime(2026, 3, 10, 9)
        who = {"user": "ann@example.com", "population": "people"}
        lake.write("detections", [{"scope": "box", **who, "window_start": start, "window_end": start + 3 * HOUR}])
        lake.write("user_hours", [{"provider": "box", **who, "actor_class": "person", "hour": start, "files": 900}])

    return build


def troubled(step: str, problem: str) -> Build:
    def build(lake: MadeLake) -> None:
        record(lake.lake, "box", step, problem, now=NOW.replace(tzinfo=UTC))

    return build


def skewed(**skew: float) -> Build:
    def build(lake: MadeLake) -> None:
        record(lake.lake, "box", "pull", "", now=NOW.replace(tzinfo=UTC), skew=timedelta(**skew))

    return build


def unconfigured(lake: MadeLake) -> None:
    record_unconfigured(lake.lake, "box", now=NOW.replace(tzinfo=UTC))


def removed(lake: MadeLake) -> None:
    unconfigured(lake)
    record_removed(lake.lake, "box", "ann: the contract ended", now=NOW.replace(tzinfo=UTC))


def rotten(lake: MadeLake) -> None:
    lake.write("box/uploads", [{"event_key": "e1"}])
    lake.lake.part("box/uploads", TODAY).write_bytes(b"garbage")


def lost_for_good(lake: MadeLake) -> None:
    lake.land(TODAY, 9)
    [path] = lake.lake.directory("box/audit_events", TODAY).glob("*.zst")
    path.unlink()


CASES: list[tuple[str, Build, str, str]] = [
    ("clock", lambda lake: None, "ok", "no answer had a time to compare with"),
    ("clock", skewed(seconds=-90), "ok", "the clocks agree"),
    ("clock", skewed(minutes=3), "warn", "the host's clock is 0:03:00 ahead of that of box. Set the host's clock"),
    ("clock", skewed(days=-3), "error", "the host's clock is 3 days, 0:00:00 behind that of box"),
    ("read", troubled("uploads", ""), "ok", "every day was read"),
    ("read", troubled("pull", "box is down"), "ok", "every day was read"),
    ("read", troubled("logged_uploads", "box: reading 2026-03-10: it is empty"), "error", "it is empty"),
    ("read", troubled("uploads", "box: event `e1` is there twice"), "error", "is there twice"),
    ("configured", lambda lake: None, "ok", "every source with data in the lake is configured"),
    ("configured", removed, "ok", "every source with data in the lake is configured"),
    ("configured", unconfigured, "error", "box is not configured since 2026-03-10 12:00 UTC"),
    ("intact", lambda lake: lake.land(TODAY, 9), "ok", "every file is what was written"),
    ("intact", rotten, "warn", "is damaged: its content is not what was written"),
    ("intact", lost_for_good, "error", "is missing: it is missing; 9 raw events can't be read again"),
    ("gaps", landed((1, 24, None), (0, 12, None)), "ok", "no gap in the last 14 days"),
    (
        "gaps",
        landed((1, 24, (9, 10)), (0, 12, None)),
        "warn",
        "box gave nothing from 2026-03-09T09:00:00+00:00 to 2026-03-09T10:00:00+00:00: content 7 has expired",
    ),
    (
        "gaps",
        landed((1, 24, (0, 0.001)), (0, 12, None)),
        "ok",
        "box gives nothing before 2026-03-09 01:00 UTC any more",
    ),
    ("gaps", landed((1, 24, None), (0, 6, None)), "warn", "not pulled from 2026-03-10 06:00 to 2026-03-10 11:00 UTC"),
    ("gaps", landed((4, 9, None)), "error", "not pulled from 2026-03-06 09:00 to 2026-03-10 11:00 UTC. Materialise"),
    ("fresh", silent_since(NOW - HOUR), "ok", "of the hour from 2026-03-10 11:00 UTC"),
    # A night of 14 hours is usual; the source stopped yesterday at three in the afternoon.
    ("fresh", silent_since(NOW - 21 * HOUR), "warn", "silent for 20 hours, where 14 are usual on working days"),
    ("fresh", silent_since(NOW - 4 * DAY), "warn", "silent for 95 hours, where 72 are usual on weekends"),
    ("fresh", silent_since(NOW - 5 * DAY), "error", "silent for 119 hours, where 72 are usual on weekends"),
    # Three days without an event the week before do not make twenty hours usual.
    ("fresh", fresh_after_an_outage, "warn", "14 are usual on working days"),
    ("fresh", lambda lake: None, "error", "no event of box in the 4 weeks before 2026-03-10"),
    ("volume", weeks, "ok", "as much as usual"),
    (
        "volume",
        today(uploads={9: 30, 10: 20}),
        "warn",
        "50 user-hours with uploads on Tuesday 2026-03-10 before 11:00 UTC",
    ),
    ("volume", today(uploads={9: 700}), "warn", "where 180 are usual"),
    ("volume", today(uploads={}), "error", "box had 0 user-hours with uploads on Tuesday 2026-03-10"),
    # Days that the provider no longer gives say nothing of what is usual; hours of the evening don't concern a morning.
    ("volume", not_given(0, 24), "warn", "where 180 are usual"),
    ("volume", not_given(18, 24), "ok", "no two such weekdays"),
    # Two of four weeks with nothing, and one with far too much, do not say what is usual.
    ("volume", after_an_odd_week, "ok", "no two such weekdays"),
    ("unique_events", uploads({"event_key": "e1"}, {"event_key": "e2"}), "ok", "every event is there once"),
    ("unique_events", uploads({"event_key": "e1"}, {"event_key": "e1"}), "error", "event `e1` is there 2 times"),
    (
        "rows_conserved",
        read(landed=9, uploaded=3, active=2, rejected=1, ignored=3),
        "ok",
        "all 9 events are accounted for",
    ),
    (
        "rows_conserved",
        read(landed=9, uploaded=3, active=2, rejected=1, ignored=2),
        "error",
        "2026-03-10: 9 events landed, 8 accounted for",
    ),
    ("rejects", read(landed=0, uploaded=900, active=50, rejected=5, ignored=45), "ok", "5 of 1,000"),
    ("rejects", read(landed=0, uploaded=900, active=50, rejected=20, ignored=30), "warn", "20 of 1,000"),
    (
        "rejects",
        read(landed=0, uploaded=50, active=30, rejected=20, ignored=0),
        "error",
        "20 of 100 events could not be read (20.0%), most because: not JSON",
    ),
    # One event of three is a third, and proves nothing.
    ("rejects", read(landed=0, uploaded=2, active=0, rejected=1, ignored=0), "warn", "1 of 3"),
    ("schema", weeks, "ok", "1 operations, 100 of 1,000 events, are named by no rule, none of them newly"),
    ("schema", today(operation={"UPLOAD": 1000}, sample={"events": 0}), "ok", "0 operations"),
    (
        "schema",
        today(operation={"UPLOAD": 970, "_NEW": 30}, sample={"events": 0}),
        "warn",
        "operations that no rule knows are new: `_NEW` (30)",
    ),
    (
        "schema",
        today(operation={"_FILE_UPLOADED": 600, "LOGIN": 300}, sample={"events": 0}),
        "error",
        "600 of 900 events are new: `_FILE_UPLOADED` (600)",
    ),
    (
        "schema",
        today(operation={"UPLOAD": 9}, field={"event_id": 900, "_id": 70}, sample={"events": 900}),
        "error",
        "fields that the rules read are gone: `source.item_id`; of a sample of 900 events, fields are new: `_id` (70)",
    ),
    (
        "schema",
        today(operation={"UPLOAD": 9}, field={"event_id": 900, "source.item_id": 1, "_id": 70}, sample={"events": 900}),
        "warn",
        "fields are new: `_id` (70)",
    ),
    ("schema", lambda lake: lake.counts(TODAY, operation={"_ANY": 500}), "ok", "there are 0 days before"),
    (
        "schema",
        lambda lake: lake.counts(TODAY, operation={"_ANY": 500, "_B": 9}),
        "ok",
        "needed: `_ANY` (500), `_B` (9)",
    ),
    ("schema", weeks, "ok", "none of them newly: `_GROUP_EDIT` (100)"),
    # One event is enough, however quiet the day and however short the history.
    (
        "schema",
        lambda lake: lake.counts(
            TODAY, operation={"UPLOAD": 900, "_ANY": 50, "_FILE_ADD": 1}, perhaps_upload={"_FILE_ADD": 1}
        ),
        "warn",
        "unknown operations may be uploads, and count as nothing: `_FILE_ADD` (1)",
    ),
    (
        "size_coverage",
        sized(log=50, recovered=40, later_version=2, estimated=4, gone=1, unknown=3),
        "ok",
        "90 of 100 uploads have a measured size.",
    ),
    ("size_coverage", sized(log=89, unknown=11), "warn", "11 are unknown: the metadata of box/file_sizes"),
    ("size_coverage", sized(log=8, gone=2), "warn", "2 files are gone"),
    ("size_coverage", sized(log=8, later_version=2), "warn", "8 of 10 uploads have a measured size"),
    ("size_coverage", sized(log=4, unknown=6), "error", "4 of 10 uploads"),
    ("size_coverage", sized(), "ok", "0 of 0 uploads have a measured size."),
    ("deduplicated", openings(1), "ok", "no user has two alerts within a day"),
    (
        "deduplicated",
        openings(1, 20),
        "error",
        "`ann` has alerts that open 2026-03-10 01:00:00 and 2026-03-10 20:00:00",
    ),
    ("budget_realised", budget(10, 9), "ok", "people: actual 10 cases in 10 days, target 10.0"),
    ("budget_realised", budget(20, 9), "warn", "people: actual 20 cases in 10 days, target 10.0"),
    ("budget_realised", budget(31, 9), "error", "people: actual 31 cases"),
    ("budget_realised", budget(1, 9), "warn", "people: actual 1 cases"),
    ("budget_realised", budget(4, 0.9), "ok", "people: actual 4 cases in 10 days, target 1.0"),
    ("allow_list", allowed_until("2026-03-10"), "ok", "0 windows of the last 14 days"),
    (
        "allow_list",
        allowed_until("2026-03-09"),
        "warn",
        "expired on 2026-03-09 and would have suppressed 1 window since: renew or remove it",
    ),
    ("allow_list", allowed_until("'soon'"), "error", "entry 1 (ann@example.com) that cannot be used"),
]


@pytest.mark.parametrize(
    ("check", "build", "outcome", "said"), CASES, ids=[f"{case[0]}-{case[2]}-{n}" for n, case in enumerate(CASES)]
)
def test_each_outcome(tmp_path, check: str, build: Build, outcome: str, said: str):
    """Prevents a check that cries wolf, one that cannot fail, and a failure that does not say what is wrong."""
    lake = MadeLake(tmp_path)
    build(lake)
    found, description = lake.check(check)
    assert (found, said in description) == (outcome, True), description
    if outcome != "ok":
        assert description.endswith(f"See {check} in docs/runbooks.md.")


def test_days_are_counted_each_by_itself(tmp_path):
    """Prevents an event that is lost on one day and doubled on the next from adding up."""
    lake = MadeLake(tmp_path)
    lake.land(TODAY - DAY, 1)
    lake.land(TODAY, 1)
    lake.write("box/uploads", [{"event_key": "u1"}, {"event_key": "u2"}])
    outcome, description = lake.check("rows_conserved", days=[TODAY - DAY, TODAY])
    assert outcome == "error"
    assert "2026-03-09: 1 events landed, 0 accounted for" in description
    assert "2026-03-10: 1 events landed, 2 accounted for" in description


def test_every_check_is_seen_to_pass_and_to_fail():
    """Prevents a new check without a test of both."""
    for check in CATALOGUE:
        outcomes = {outcome for name, _, outcome, _ in CASES if name == check.name}
        assert "ok" in outcomes
        assert "error" in outcomes


def test_an_event_on_two_days_warns_and_one_doubled_on_a_day_fails(tmp_path):
    """Prevents a provider that moves an event over midnight from stopping detection for everybody."""
    lake = MadeLake(tmp_path)
    for ago in (0, 1):
        lake.write("box/uploads", [{"event_key": "e", "asset": 0, "time": NOW - ago * DAY}], TODAY - ago * DAY)
    outcome, said = lake.check("unique_events", days=[TODAY - DAY, TODAY])
    assert (outcome, "event `e` is there on 2 days" in said) == ("warn", True)


def test_sizes_that_are_not_recovered_are_told_and_pass(tmp_path):
    """Prevents a warning that nobody can mend, and silence about what detection by files alone misses."""
    lake = MadeLake(tmp_path)
    sized(unknown=7)(lake)
    outcome, said = lake.check("size_coverage", traits=TRAITS._replace(recovers_sizes=False))
    assert (outcome, "by the number of files alone" in said) == ("ok", True)


def test_a_busy_source_is_missed_sooner_than_a_quiet_one(tmp_path):
    """Prevents one limit for all: what is night at one source is an outage at another."""
    lake = MadeLake(tmp_path)
    for ago in range(28, 0, -1):
        lake.counts(TODAY - ago * DAY, activity=dict.fromkeys(range(24), 5))
    lake.counts(TODAY, activity=dict.fromkeys(range(9), 5))
    outcome, said = lake.check("fresh")
    assert (outcome, "silent for 3 hours, where 1 are usual" in said) == ("warn", True)
    assert lake.check("fresh", now=NOW + timedelta(hours=23))[0] == "error"


def test_a_short_history_is_not_judged_by_its_own(tmp_path):
    """Prevents alarms at night in the first week of a new source."""
    lake = MadeLake(tmp_path)
    lake.counts(TODAY - 2 * DAY, uploads=dict.fromkeys(range(24), 5))
    lake.counts(TODAY - DAY, uploads=dict.fromkeys(range(15), 5))
    assert lake.check("fresh")[0] == "ok"
