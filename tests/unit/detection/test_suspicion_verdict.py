"""Weight of risk indicators: strong and weak ones, those about one thing, earlier alerts and the operator's list."""

from __future__ import annotations

from datetime import date

import pytest

from detection.reasons import is_suspicious, known
from detection.risk import ListedUser
from detection.suspicion import Watch
from tests.support.made_alert import DAY, HOUR, OPENS, confirmed, event, found, listed


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


def test_setting_up_a_new_account_is_one_fact():
    """Prevents every newcomer's first week, with a new device and a first password, from looking suspicious twice."""
    setup = ["new_account", "new_device", "password_reset", "credentials_changed"]
    assert not is_suspicious(setup)
    assert is_suspicious(["new_device", "password_reset"])
    assert is_suspicious([*setup, "off_hours"])


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
