"""Reasons that tell of a journey: what is too far and too fast, and what a traveller does anyway."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.made_alert import ABROAD, BURST, DAY, HOME, MINUTE, OPENS, TUNNEL, event, found, networks


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


def test_a_hop_of_long_ago_is_no_habit():
    """Prevents one odd sighting from excusing impossible travel for good."""
    long_ago = [row | {"time": row["time"] - 30 * DAY} for row in TUNNEL]
    assert "impossible_travel" in found(HOME, ABROAD, long_ago)


def test_a_traveller_in_a_new_country_is_told():
    """Prevents the excuse for many networks from excusing a country, too."""
    met = [
        event("sign_in", OPENS - n * DAY, country=code)
        for n, code in enumerate(["AT", "BE", "CH", "CZ", "DK", "FR", "IT", "LU", "NL", "PL"], 3)
    ]
    assert "first_country" in found(met, ABROAD)


def test_addresses_that_are_none_are_no_network():
    """Prevents a provider's odd text in the place of an address from stopping all alerts."""
    odd = [event("sign_in", OPENS, ip=text) for text in ("999.1.1.1", "abc", ":::")]
    assert found(odd, watch=networks(("203.0.113.0/24", "tor"))) == {}
