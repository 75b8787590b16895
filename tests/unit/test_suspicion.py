"""The reasons that make a user suspicious, on a history made here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.reasons import REASONS, is_suspicious, known
from detection.risk import Listed, ListedUser, Networks
from detection.suspicion import Confirmed, Watch, find_reasons
from tests.memory import connect

OPENS = datetime(2026, 3, 20, 9)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
Event = dict[str, Any]
NAMES = ("user", "provider", "actor_class", "country", "ip", "app", "detail", "kind", "file_id", "size_source")
COLUMNS = pa.schema(
    [
        *((name, pa.string()) for name in NAMES),
        ("time", pa.timestamp("us")),
        ("bytes", pa.int64()),
        ("estimated_bytes", pa.int64()),
        ("left_bytes", pa.int64()),
    ]
)


def event(kind: str, time: datetime, **other: Any) -> Event:
    """One event of Ann's, from her desk and with her usual client unless told."""
    usual = {
        "user": "ann@example.com",
        "provider": "box",
        "actor_class": "person",
        "country": "DE",
        "ip": "198.51.100.7",
        "app": "Drive",
        "detail": None,
    }
    return {**usual, "kind": kind, "time": time, **other}


def many(count: int, kind: str, first: datetime, step: timedelta, **other: Any) -> list[Event]:
    return [event(kind, first + n * step, **other) for n in range(count)]


HISTORY = [
    *(event(kind, OPENS - n * DAY, **other) for n in range(2, 62) for kind, other in (("sign_in", {}), ("upload", {}))),
    # Another user, by whom the logs are known to go back.
    *(event("upload", OPENS - n * DAY, user="ben@example.com") for n in range(2, 80)),
]
BURST = many(5, "upload", OPENS + 5 * MINUTE, 10 * MINUTE)


def found(
    *extra: Event | Sequence[Event],
    history: Sequence[Event] = HISTORY,
    burst: Sequence[Event] = BURST,
    openings: Sequence[datetime] = (OPENS,),
    actor_class: str = "person",
    watch: Watch | None = None,
) -> dict[str, str]:
    """Evidence by reason of Ann's alert that opens at ``OPENS``."""
    events = [*history, *burst]
    for more in extra:
        events += [more] if isinstance(more, dict) else more
    with connect() as con:
        con.execute(
            'CREATE TABLE folded_alerts (alert_id VARCHAR, "user" VARCHAR, actor_class VARCHAR, '
            "first_window_start TIMESTAMP, last_window_end TIMESTAMP)"
        )
        con.execute(
            "INSERT INTO folded_alerts VALUES ('a', 'ann@example.com', ?, ?, ?)",
            [actor_class, OPENS, OPENS + 3 * HOUR],
        )
        con.execute('CREATE TABLE openings ("user" VARCHAR, opening TIMESTAMP, closes TIMESTAMP)')
        con.executemany("INSERT INTO openings VALUES ('ann@example.com', ?, ?)", [[at, at + DAY] for at in openings])
        for table in ("uploads", "activity"):
            rows = [row for row in events if (row["kind"] == "upload") == (table == "uploads")]
            con.register("given", pa.Table.from_pylist(rows, schema=COLUMNS))
            con.execute(f"CREATE TABLE {table} AS FROM given")
        con.execute(
            "CREATE TABLE source_days AS SELECT DISTINCT provider, CAST(time AS DATE) AS day "
            "FROM (FROM uploads UNION ALL FROM activity)"
        )
        reasons = find_reasons(con, watch or Watch())
    assert all(reason["strength"] == REASONS[reason["name"]].strength for reason in reasons.get("a", []))
    return {reason["name"]: reason["evidence"] for reason in reasons.get("a", [])}


def listed(**values: Any) -> Watch:
    return Watch(risk_list=[ListedUser.model_validate({"user": "Ann@example.com", "reason": "leaver", **values})])


def networks(*rows: tuple[str, str]) -> Watch:
    return Watch(networks=Networks([Listed.model_validate({"network": net, "kind": kind}) for net, kind in rows]))


def confirmed(*times: datetime, user: str = "ann@example.com") -> Watch:
    return Watch(confirmed=[Confirmed(user, time) for time in times])


FAILED = many(5, "sign_in_failed", OPENS - 50 * MINUTE, MINUTE)
ABROAD = event("sign_in", OPENS - 20 * MINUTE, country="SG", ip="192.0.2.9", provider="dropbox")
HOME = event("sign_in", OPENS - 80 * MINUTE)
TUNNEL = [event("sign_in", OPENS - 9 * DAY + 5 * MINUTE, country="SG"), event("sign_in", OPENS - 9 * DAY + 9 * MINUTE)]
EARLY = [row for row in HISTORY if row["time"] < OPENS - 20 * DAY]
LATE = [row for row in HISTORY if row["user"] != "ann@example.com" or row["time"] > OPENS - 9 * DAY]
SHARES = [event("share_external", OPENS - n * DAY) for n in (5, 9, 13)]

ARCHIVES = [
    event("upload", OPENS + n * MINUTE, file_id=f"a{n}", bytes=20 * 10**9, size_source="recovered") for n in range(24)
]


def saved_over(size: int | None, **other: Any) -> list[Event]:
    """A save of this size over each of the archives, two minutes later."""
    later = {"bytes": size, "size_source": "recovered", **other}
    return [{**row, "time": row["time"] + 2 * MINUTE, **later} for row in ARCHIVES]


def unsized(source: str, **other: Any) -> list[Event]:
    """The archives where their size is not known."""
    return [{**row, "bytes": None, "size_source": source, **other} for row in ARCHIVES]


# Reason, what makes it fire, a part of its evidence, and what only comes near.
CASES: dict[str, tuple[dict[str, Any], str, dict[str, Any]]] = {
    "failed_sign_ins_then_success": (
        {"extra": [*FAILED, event("sign_in", OPENS)]},
        "5 failed sign-ins from 2026-03-20 08:10, then a success at 2026-03-20 09:00 UTC (box)",
        {"extra": [*FAILED[1:], event("sign_in", OPENS)]},
    ),
    "provider_alert": (
        {"extra": [event("provider_alert", OPENS - HOUR, detail="Suspicious session")]},
        "1 event, first at 2026-03-20 08:00 UTC (box): Suspicious session",
        {"extra": [event("provider_alert", OPENS - 25 * HOUR)]},
    ),
    "mfa_disabled": (
        {
            "extra": [
                event("mfa_disabled", OPENS - HOUR, provider="dropbox", detail="reset"),
                event("mfa_disabled", OPENS, detail="again"),
            ]
        },
        "2 events, first at 2026-03-20 08:00 UTC (dropbox): reset",
        {"extra": [event("mfa_disabled", OPENS - HOUR, user="ben@example.com")]},
    ),
    "other_alert": (
        {"openings": (OPENS, OPENS - 3 * DAY, OPENS - 7 * DAY), "watch": confirmed(OPENS - 3 * DAY)},
        "1 alert in the seven days before, 1 confirmed in review and 0 beside an alert of the provider's, the last "
        "opened by the window of 2026-03-17 09:00 UTC",
        {"openings": (OPENS, OPENS - 30 * HOUR, OPENS - 3 * DAY)},
    ),
    "risk_list": (
        {"watch": listed(since="2026-03-20", until="2026-03-20")},
        "listed: leaver, since 2026-03-20, until 2026-03-20",
        {"watch": listed(since="2026-03-21", until="2026-03-25")},
    ),
    "tor_network": (
        {
            "extra": [event("sign_in", OPENS, ip="203.0.113.9")],
            "watch": networks(("203.0.113.0/24", "hosting"), ("203.0.113.8/29", "tor")),
        },
        "203.0.113.9 at 2026-03-20 09:00 UTC is in 203.0.113.8/29, listed as tor",
        {
            "extra": [event("sign_in", OPENS, ip="203.0.113.16")],
            "watch": networks(("203.0.113.8/29", "tor")),
        },
    ),
    "hosting_network": (
        {
            "extra": [event("sign_in", OPENS, ip="2001:db8:0:0::1"), event("sign_in", OPENS, ip="2001:db8::2")],
            "watch": networks(("2001:db8::/32", "hosting")),
        },
        "in 2001:db8::/32, listed as hosting; 2 such addresses in all",
        {
            "extra": [event("sign_in", OPENS - 2 * DAY, ip="2001:db8::1"), event("sign_in", OPENS, ip="2001:db9::1")],
            "watch": networks(("2001:db8::/32", "hosting"), ("32.1.13.0/24", "hosting")),
        },
    ),
    "impossible_travel": (
        {"extra": [HOME, ABROAD]},
        "in DE at 2026-03-20 07:40 (box), in SG at 2026-03-20 08:40 UTC (dropbox): at least 9800 km in 60 minutes",
        {"extra": [event("sign_in", OPENS + 4 * MINUTE, country="IT")]},
    ),
    "first_country": (
        {"extra": [ABROAD]},
        "first seen in SG at 2026-03-20 08:40 UTC; in the 30 days before only in DE",
        {"extra": [ABROAD, event("sign_in", OPENS - 9 * DAY, country="SG")]},
    ),
    "first_network": (
        {"extra": [event("sign_in", OPENS, ip="203.0.113.9")]},
        "first seen in 203.0.113.0/24 at 2026-03-20 09:00 UTC; in the 30 days before only in 198.51.100.0/24",
        {"extra": [event("sign_in", OPENS, ip="198.51.100.99")]},
    ),
    "first_app": (
        {"burst": many(3, "upload", OPENS, MINUTE, app="rclone/v1.66")},
        "uploaded with rclone (box) from 2026-03-20 09:00 UTC; in the 30 days before only Drive",
        {"burst": many(3, "upload", OPENS, MINUTE, app="Drive 2.10.1")},
    ),
    "new_device": (
        {"extra": [event("new_device", OPENS, detail="host-1")]},
        "1 event, first at 2026-03-20 09:00 UTC (box): host-1",
        {"extra": [event("new_device", OPENS + 3 * HOUR)]},
    ),
    "dormant_account": (
        {"history": EARLY},
        "not seen from 2026-02-27 until the day before the alert (20 days)",
        {"history": EARLY, "extra": [event("download", OPENS - 15 * DAY)]},
    ),
    "new_account": (
        {"history": LATE},
        "first seen at 2026-03-12 09:00 UTC (8 days before), in logs that go back further",
        {"history": [row for row in LATE if row["user"] == "ann@example.com"]},
    ),
    "guest_account": ({"actor_class": "guest"}, "not of the organisation", {"actor_class": "app"}),
    "password_reset": (
        {"extra": [event("password_reset", OPENS - HOUR)]},
        "1 event, first at 2026-03-20 08:00 UTC (box)",
        {"extra": [event("password_reset", OPENS - 25 * HOUR)]},
    ),
    "credentials_changed": (
        {"extra": [event("credentials_changed", OPENS - HOUR)]},
        "1 event, first at",
        {"extra": [event("credentials_changed", OPENS - 25 * HOUR)]},
    ),
    "admin_impersonation": (
        {"extra": [event("admin_impersonation", OPENS - HOUR)]},
        "1 event, first at",
        {"extra": [event("admin_impersonation", OPENS - 25 * HOUR)]},
    ),
    "off_hours": (
        {"burst": many(5, "upload", OPENS + 2 * HOUR, 10 * MINUTE)},
        "uploads only at hours (11 UTC) around which the user was active on at most 0 of 30 active days",
        {"burst": many(5, "upload", OPENS + HOUR, 20 * MINUTE)},
    ),
    "mass_download_before": (
        {"extra": [*many(150, "download", OPENS - 5 * HOUR, MINUTE), *many(70, "download", OPENS - 5 * DAY, MINUTE)]},
        "150 files downloaded, first at 2026-03-20 04:00 UTC (box); in the 30 days before 70 in a day at most",
        {"extra": [*many(150, "download", OPENS - 5 * HOUR, MINUTE), *many(75, "download", OPENS - 5 * DAY, MINUTE)]},
    ),
    "external_share_before": (
        {"extra": [event("share_external", OPENS - HOUR, detail="to x@example.net"), *SHARES[:2]]},
        "1 share to the outside, first at 2026-03-20 08:00 UTC (box): to x@example.net; on 2 of the 30 days before",
        {"extra": [event("share_external", OPENS - HOUR), *SHARES]},
    ),
    "overwritten_after_upload": (
        {"burst": [*ARCHIVES, *saved_over(1)]},
        "24 of 24 files overwritten within a day by far smaller versions, first at 2026-03-20 09:02 UTC (box): "
        "480.0 GB became 0.0 GB",
        {"burst": [*ARCHIVES, *saved_over(3 * 10**9)]},
    ),
    "deleted_after_upload": (
        {"burst": ARCHIVES, "extra": [{**row, "kind": "delete", "time": row["time"] + HOUR} for row in ARCHIVES[:3]]},
        "3 of 24 files deleted within a day, first at 2026-03-20 10:00 UTC (box)",
        {"burst": ARCHIVES, "extra": [{**row, "kind": "delete", "time": row["time"] + HOUR} for row in ARCHIVES[:2]]},
    ),
}


def case(arguments: dict[str, Any], **other: Any) -> dict[str, str]:
    values = {**arguments, **other}
    return found(values.pop("extra", []), **values)


def test_every_reason_is_covered_and_an_ordinary_user_has_none():
    """Prevents a reason without a test, and a user who does what he always does from looking suspicious."""
    assert set(CASES) == set(REASONS)
    assert found() == {}


@pytest.mark.parametrize("name", CASES)
def test_the_reason_is_found_with_its_evidence(name):
    """Prevents a reason that never fires, and evidence from which nobody can find the events."""
    fires, evidence, _ = CASES[name]
    assert evidence in case(fires)[name]


@pytest.mark.parametrize("name", CASES)
def test_what_only_comes_near_is_no_reason(name):
    """Prevents false reasons, by which every alert would become the variation."""
    assert name not in case(CASES[name][2])


@pytest.mark.parametrize("name", CASES)
def test_a_reason_that_is_off_is_not_found_and_others_are(name):
    """Prevents an operator's switch from doing nothing, or from silencing more than it names."""
    fires, _, _ = CASES[name]
    watch = fires.get("watch", Watch())
    on = case(fires)
    assert case(fires, watch=watch._replace(off=[name])) == {key: on[key] for key in on if key != name}


@pytest.mark.parametrize(
    ("burst", "reason", "part"),
    [
        ([*unsized("later_version"), *saved_over(1)], "overwritten_after_upload", "of 24 the size before is not known"),
        (
            [*unsized("later_version", estimated_bytes=10**8), *saved_over(10**6)],
            "overwritten_after_upload",
            "24 of 24",
        ),
        ([{**row, "left_bytes": 1} for row in ARCHIVES], "overwritten_after_upload", "480.0 GB became 0.0 GB"),
        (unsized("gone"), "deleted_after_upload", "24 of them before every size was known"),
        (unsized("estimated", estimated_bytes=9), "deleted_after_upload", "24 of 24 files"),
    ],
)
def test_a_version_that_is_removed_before_its_size_is_known_is_told(burst, reason, part):
    """Prevents traces that are swept away in time from leaving no sign of it."""
    deletions = [{**row, "kind": "delete", "time": row["time"] + HOUR} for row in burst]
    assert part in found(deletions if reason == "deleted_after_upload" else [], burst=burst)[reason]


@pytest.mark.parametrize(
    "burst",
    [
        # Autosave: versions in between are lost, and the file is as large as such files are.
        [*unsized("later_version", estimated_bytes=10**6), *saved_over(10**6)],
        [*ARCHIVES, *saved_over(21 * 10**9)],
        unsized("unknown"),
        # A look-up that finds no file may have asked in the wrong name.
        unsized("gone"),
        [*ARCHIVES, *({**row, "time": row["time"] + 3 * DAY} for row in saved_over(1))],
    ],
)
def test_what_autosave_and_unknown_sizes_leave_is_no_removal(burst):
    """Prevents everybody who saves a document every minute from looking like a thief."""
    assert not {"overwritten_after_upload", "deleted_after_upload"} & set(found(burst=burst))


def test_a_tunnel_that_ends_abroad_is_no_travel():
    """Prevents everybody who works through a company's tunnel from being suspicious for good."""
    assert "impossible_travel" not in found(HOME, ABROAD, TUNNEL)


def test_the_server_of_an_application_does_not_travel():
    """Prevents an integration that acts in the user's name from a data centre abroad from looking like a thief."""
    assert "impossible_travel" not in found(HOME, ABROAD | {"actor_class": "app"})


@pytest.mark.parametrize(("hours", "impossible"), [(9, True), (11, False)])
def test_travel_that_an_airliner_can_do_is_possible(hours, impossible):
    """Prevents a business trip from being a reason."""
    landed = event("sign_in", OPENS, country="SG")
    left = event("sign_in", OPENS - timedelta(hours=hours))
    burst = [row | {"country": "SG"} for row in BURST]
    assert ("impossible_travel" in found(left, landed, burst=burst)) is impossible


def test_neighbours_are_never_too_far_apart():
    """Prevents people near a border, whose addresses are placed on either side, from travelling impossibly."""
    at_once = [event("sign_in", OPENS - 30 * MINUTE, country="US"), event("sign_in", OPENS - 29 * MINUTE, country="CA")]
    assert "impossible_travel" not in found(at_once, history=(), burst=[row | {"country": "CA"} for row in BURST])


def test_namibia_is_a_country():
    """Prevents the code NA from being read as no value."""
    there = [event("sign_in", OPENS - 30 * MINUTE, country="NA"), event("sign_in", OPENS - 29 * MINUTE)]
    assert "in NA at" in found(there)["impossible_travel"]


def test_one_more_network_of_a_traveller_is_no_reason():
    """Prevents people on the road, who meet a new network every day, from always being half suspicious."""
    met = [event("sign_in", OPENS - n * DAY, ip=f"192.0.{n}.1") for n in range(3, 15)]
    assert "first_network" not in found(met, event("sign_in", OPENS, ip="203.0.113.9"))


def test_history_beyond_the_look_back_changes_nothing():
    """Prevents an alert that depends on how far before it the run happened to read."""
    old = event("sign_in", OPENS - 91 * DAY)
    alone = [row for row in HISTORY if row["user"] != "ann@example.com"]
    assert found(old, history=alone) == found(history=alone)


def test_two_rows_of_one_user_are_both_shown_in_one_order():
    """Prevents evidence that depends on the order of the operator's rows."""
    rows = [
        ListedUser(user="ann@example.com", reason="risky sign-ins"),
        ListedUser(user="ann@example.com", reason="leaver", since=date(2026, 3, 1)),
    ]
    said = [found(watch=Watch(risk_list=order))["risk_list"] for order in (rows, rows[::-1])]
    assert said == ["listed: leaver, since 2026-03-01; risky sign-ins"] * 2


def test_a_listed_day_counts_to_its_end():
    """Prevents a user whose last day on the list is that of the signs from being taken off at its beginning."""
    assert "risk_list" in found(watch=listed(until="2026-03-19"))
    assert "risk_list" not in found(watch=listed(until="2026-03-18"))


def test_a_hop_of_long_ago_is_no_habit():
    """Prevents one odd sighting from excusing impossible travel for good."""
    long_ago = [row | {"time": row["time"] - 30 * DAY} for row in TUNNEL]
    assert "impossible_travel" in found(HOME, ABROAD, long_ago)


@pytest.mark.parametrize(("days", "dormant"), [(14.9, False), (15.1, True)])
def test_an_account_is_dormant_after_fourteen_days(days, dormant):
    """Prevents a holiday of two weeks from being a reason, and the day of the signs from counting as activity."""
    last = event("sign_in", OPENS - timedelta(days=days))
    assert ("dormant_account" in found(last, history=EARLY)) is dormant


def test_only_what_uploads_the_files_of_the_alert_is_a_new_application():
    """Prevents a browser that was opened the evening before from being a reason."""
    assert "first_app" not in found(event("upload", OPENS - 5 * HOUR, app="Web"), event("sign_in", OPENS, app="Web"))


def test_the_applications_of_another_provider_are_no_history():
    """Prevents the first files at a second provider from being uploaded with a new application by necessity."""
    assert "first_app" not in found(burst=many(3, "upload", OPENS, MINUTE, app="desktop", provider="dropbox"))


def test_a_log_that_begins_to_name_applications_brings_no_new_ones():
    """Prevents everybody from having a new application on the day on which a provider fills a field that was empty."""
    derived = [row | {"app": "OneDrive sync (by user agent)"} for row in HISTORY]
    assert "first_app" not in found(history=derived)
    other = found(history=derived, burst=many(3, "upload", OPENS, MINUTE, app="rclone (by user agent)"))
    assert "uploaded with rclone (by user agent) (box)" in other["first_app"]
    assert other["first_app"].endswith("only OneDrive sync (by user agent)")


def test_hours_of_few_active_days_say_nothing():
    """Prevents somebody who is rarely seen from always being at work at an odd hour."""
    burst = many(5, "upload", OPENS + 2 * HOUR, 10 * MINUTE)
    seldom = [row for row in HISTORY if row["time"] > OPENS - 11 * DAY]
    assert "off_hours" not in found(history=seldom, burst=burst)
    assert "off_hours" in found(event("sign_in", OPENS - 20 * DAY), history=seldom, burst=burst)


def test_a_traveller_in_a_new_country_is_told():
    """Prevents the excuse for many networks from excusing a country, too."""
    met = [
        event("sign_in", OPENS - n * DAY, country=code)
        for n, code in enumerate(["AT", "BE", "CH", "CZ", "DK", "FR", "IT", "LU", "NL", "PL"], 3)
    ]
    assert "first_country" in found(met, ABROAD)


SUCCESS = OPENS - HOUR


@pytest.mark.parametrize(
    ("failures", "successes", "expected"),
    [
        ([OPENS - 65 * MINUTE], [SUCCESS] * 5, None),
        ([OPENS - 65 * MINUTE] * 6, [SUCCESS], None),
        ([OPENS - n * MINUTE for n in (64, 63, 62, 61)] * 2, [SUCCESS] * 3, None),
        (
            [OPENS - n * MINUTE for n in (65, 64, 63, 62, 61)] * 3,
            [SUCCESS] * 5,
            "5 failed sign-ins from 2026-03-20 07:55",
        ),
    ],
)
def test_a_sign_in_told_by_several_records_is_one(
    failures: list[datetime], successes: list[datetime], expected: str | None
) -> None:
    """Office 365 writes several records of one sign-in in one second: joined, one failure would be five."""
    records = [event("sign_in_failed", time, provider="office365") for time in failures]
    records += [event("sign_in", time, provider="office365") for time in successes]
    told = found(records).get("failed_sign_ins_then_success")
    assert (told is None) is (expected is None)
    assert expected is None or (told is not None and told.startswith(expected))


def test_interrupts_are_no_guesses_at_a_password():
    """Five silent sign-ons or requests for consent, then a success, are an ordinary morning."""
    assert "failed_sign_ins_then_success" not in found(
        many(9, "sign_in_interrupted", OPENS - HOUR, MINUTE), event("sign_in", OPENS - 30 * MINUTE)
    )


def test_a_few_downloads_are_no_mass():
    """Prevents a user who never downloads from being suspicious for a handful of files."""
    assert "mass_download_before" not in found(many(99, "download", OPENS - 5 * HOUR, MINUTE))


def test_addresses_that_are_none_are_no_network():
    """Prevents a provider's odd text in the place of an address from stopping all alerts."""
    odd = [event("sign_in", OPENS, ip=text) for text in ("999.1.1.1", "abc", ":::")]
    assert found(odd, watch=networks(("203.0.113.0/24", "tor"))) == {}


@settings(max_examples=15)
@given(st.sets(st.sampled_from(sorted(CASES)), min_size=1, max_size=5), st.integers(0, 2**16))
def test_the_order_of_events_changes_nothing(names, seed):
    """Prevents evidence, and so an alert's stored bytes, that depends on the order in which events arrived."""
    extra = [row for name in sorted(names) for row in CASES[name][0].get("extra", [])]
    burst = [row for name in sorted(names) for row in CASES[name][0].get("burst", [])] or BURST
    shuffled = [*extra, *HISTORY, *burst]
    Random(seed).shuffle(shuffled)
    assert found(shuffled, history=(), burst=()) == found(extra, burst=burst)


@pytest.mark.parametrize(
    ("names", "suspicious"),
    [
        ([], False),
        (["risk_list"], True),
        (["first_country"], False),
        (["first_country", "first_network", "hosting_network"], False),
        (["first_country", "off_hours"], True),
        (["mass_download_before", "external_share_before"], True),
    ],
)
def test_one_strong_or_two_weak_about_two_things(names, suspicious):
    """Prevents one fact that is seen twice, such as a country and the network in it, from counting as two."""
    assert is_suspicious(names) is suspicious


def test_an_unknown_reason_is_refused_with_the_known_ones():
    """Prevents a misspelt name from leaving a reason on in silence."""
    with pytest.raises(ValueError, match=r"no reason is called off_hour; the reasons are admin_impersonation, .*off_h"):
        known(["off_hours", "off_hour"])
    assert known(["off_hours", "first_app", "off_hours"]) == ["first_app", "off_hours"]


BEFORE = (OPENS, OPENS - 30 * HOUR)
PROVIDERS_ALERT = event("provider_alert", OPENS - 30 * HOUR)


@pytest.mark.parametrize(
    ("openings", "extra", "watch", "there"),
    [
        (BEFORE, [], Watch(), False),
        (BEFORE, [], confirmed(OPENS - 30 * HOUR), True),
        # Late events moved the opening since the review, or took the alert away.
        (BEFORE, [], confirmed(OPENS - 20 * HOUR), True),
        ((OPENS,), [], confirmed(OPENS - 30 * HOUR), True),
        (BEFORE, [], confirmed(OPENS - 30 * HOUR, user="ben@example.com"), False),
        # The alert's own review, whether its opening moved or not; and one of a later alert.
        (BEFORE, [], confirmed(OPENS), False),
        ((OPENS,), [], confirmed(OPENS - 3 * HOUR), False),
        ((OPENS, OPENS + DAY), [], confirmed(OPENS + DAY), False),
        ((OPENS, OPENS - 8 * DAY), [], confirmed(OPENS - 8 * DAY), False),
        # Beside an alert of the provider's; what is among the signs of this alert is told as such, and once.
        (BEFORE, [PROVIDERS_ALERT], Watch(), True),
        (BEFORE, [event("provider_alert", OPENS - 23 * HOUR)], Watch(), False),
        ((OPENS,), [PROVIDERS_ALERT], Watch(), False),
        ((OPENS, OPENS - 5 * DAY), [PROVIDERS_ALERT], Watch(), False),
    ],
)
def test_an_earlier_alert_counts_by_what_others_said_of_it(openings, extra, watch, there):
    """Prevents the detector from quoting itself: an alert of a first burst makes no second one suspicious."""
    assert ("other_alert" in found(extra, openings=openings, watch=watch)) is there


def test_setting_up_a_new_account_is_one_fact():
    """Prevents every newcomer's first week, with a new device and a first password, from looking suspicious twice."""
    setup = ["new_account", "new_device", "password_reset", "credentials_changed"]
    assert not is_suspicious(setup)
    assert is_suspicious(["new_device", "password_reset"])
    assert is_suspicious([*setup, "off_hours"])
