"""Every reason that makes a user suspicious: what makes it fire, what only comes near, and its switch."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.reasons import REASONS
from detection.suspicion import Watch
from tests.support.made_alert import (
    ABROAD,
    ARCHIVES,
    BURST,
    DAY,
    EARLY,
    HISTORY,
    HOME,
    HOUR,
    MINUTE,
    OPENS,
    confirmed,
    event,
    found,
    listed,
    many,
    networks,
    saved_over,
)

FAILED = many(5, "sign_in_failed", OPENS - 50 * MINUTE, MINUTE)
LATE = [row for row in HISTORY if row["user"] != "ann@example.com" or row["time"] > OPENS - 9 * DAY]
SHARES = [event("share_external", OPENS - n * DAY) for n in (5, 9, 13)]
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


@cache
def fired(name: str) -> dict[str, str]:
    """Return what is found where a reason fires."""
    return case(CASES[name][0])


def test_every_reason_is_covered_and_an_ordinary_user_has_none():
    """Prevents a reason without a test, and a user who does what he always does from looking suspicious."""
    assert set(CASES) == set(REASONS)
    assert found() == {}


@pytest.mark.parametrize("name", CASES)
def test_the_reason_is_found_with_its_evidence(name):
    """Prevents a reason that never fires, and evidence from which nobody can find the events."""
    assert CASES[name][1] in fired(name)[name]


@pytest.mark.parametrize("name", CASES)
def test_what_only_comes_near_is_no_reason(name):
    """Prevents false reasons, by which every alert would become the variation."""
    assert name not in case(CASES[name][2])


@pytest.mark.parametrize("name", CASES)
def test_a_reason_that_is_off_is_not_found_and_others_are(name):
    """Prevents an operator's switch from doing nothing, or from silencing more than it names."""
    fires, _, _ = CASES[name]
    watch = fires.get("watch", Watch())
    others = {key: evidence for key, evidence in fired(name).items() if key != name}
    assert case(fires, watch=watch._replace(off=[name])) == others


def test_history_beyond_the_look_back_changes_nothing():
    """Prevents an alert that depends on how far before it the run happened to read."""
    old = event("sign_in", OPENS - 91 * DAY)
    alone = [row for row in HISTORY if row["user"] != "ann@example.com"]
    assert found(old, history=alone) == found(history=alone)


@settings(max_examples=15)
@given(st.sets(st.sampled_from(sorted(CASES)), min_size=1, max_size=5), st.integers(0, 2**16))
def test_the_order_of_events_changes_nothing(names, seed):
    """Prevents evidence, and so an alert's stored bytes, that depends on the order in which events arrived."""
    extra = [row for name in sorted(names) for row in CASES[name][0].get("extra", [])]
    burst = [row for name in sorted(names) for row in CASES[name][0].get("burst", [])] or BURST
    shuffled = [*extra, *HISTORY, *burst]
    Random(seed).shuffle(shuffled)
    assert found(shuffled, history=(), burst=()) == found(extra, burst=burst)
