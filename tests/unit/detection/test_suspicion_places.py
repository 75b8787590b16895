"""Reasons that tell of a place: the operator's databases, networks of its own, and those who disagree on a country."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.geoip import Geography, read_geography
from detection.risk import Listed, Networks
from detection.suspicion import Watch
from tests.support.made_alert import BURST, DAY, HISTORY, HOUR, MINUTE, OPENS, event, found
from tests.support.mmdb import country_database, system_database

PLACE = {"first_country", "first_network", "impossible_travel", "tor_network", "hosting_network"}
PROVIDERS = ["box", "dropbox", "google_workspace", "office365"]
DESK, HOTEL, VPN = "81.2.69.7", "103.1.0.9", "2a02:cf40::7"


@pytest.fixture(scope="module")
def geography(tmp_path_factory: pytest.TempPathFactory) -> Geography:
    home = tmp_path_factory.mktemp("geoip")
    countries = {"81.2.69.0/24": "GB", "103.1.0.0/16": "SG", "2a02:cf40::/29": "US"}
    return read_geography(
        country_database(home / "country.mmdb", countries),
        system_database(home / "asn.mmdb", {"103.1.0.0/16": 64500}),
    )


def watch(geography: Geography | None = None, *rows: tuple[str, str]) -> Watch:
    return Watch(
        networks=Networks(
            [Listed.model_validate({"network": network, "kind": kind}) for network, kind in rows], geography
        )
    )


def untold(rows: list[dict], provider: str) -> list[dict]:
    """The same at Ann's desk, at a provider that tells no country."""
    return [row | {"country": None, "ip": DESK, "provider": provider} for row in rows]


def abroad(provider: str, ip: str = HOTEL, **other) -> dict:
    return event("sign_in", OPENS - 20 * MINUTE, provider=provider, **{"country": None, "ip": ip, **other})


@pytest.mark.parametrize("provider", PROVIDERS)
def test_places_are_known_at_every_provider(geography: Geography, provider: str):
    """Prevents a provider that tells no countries from taking part in no place, as Box and Office 365 did."""
    history, burst = untold(HISTORY, provider), untold(BURST, provider)
    reasons = found(abroad(provider), history=history, burst=burst, watch=watch(geography, ("AS64500", "hosting")))
    assert set(reasons) == PLACE - {"tor_network"}
    assert "first seen in SG" in reasons["first_country"]
    assert f"in GB at 2026-03-19 09:00 ({provider}), in SG" not in reasons["impossible_travel"]
    assert f"UTC ({provider}): at least" in reasons["impossible_travel"]
    assert "103.1.0.9 at 2026-03-20 08:40 UTC is in AS64500, listed as hosting" in reasons["hosting_network"]
    assert not {"first_country", "impossible_travel"} & set(found(abroad(provider), history=history, burst=burst))


def test_the_country_that_the_provider_tells_counts_first(geography: Geography):
    """Prevents a database from placing abroad whom the provider saw at home."""
    told = abroad("dropbox", country="DE")
    assert "first_country" not in found(told, watch=watch(geography))


def test_who_tells_an_address_elsewhere_moves_nobody(geography: Geography):
    """Prevents two databases that disagree on one desk from making its user travel."""
    history = [row | {"ip": DESK} for row in HISTORY]
    desk = abroad("box", DESK)
    assert not PLACE & set(
        found(desk, history=history, burst=[row | {"ip": DESK} for row in BURST], watch=watch(geography))
    )


@pytest.mark.parametrize("kind", ["hosting", "tor"])
def test_a_trusted_network_is_no_place(geography: Geography, kind: str):
    """Prevents everybody behind the company's VPN, which ends in a data centre abroad, from looking suspicious."""
    listed = [("2a02:cf40::/32", "trusted"), ("2a02:cf40::/48", kind)]
    tunnel = [abroad("box", VPN), abroad("dropbox", VPN, country="US")]
    assert PLACE & set(found(tunnel, watch=watch(geography, listed[1])))
    assert found(tunnel, watch=watch(geography, *listed)) == {}


def test_who_is_always_in_trusted_networks_is_seen_outside_of_them(geography: Geography):
    """Prevents a stolen password from working unseen because its owner only ever came through the VPN."""
    history = [row | {"ip": VPN, "country": "US"} for row in HISTORY]
    reasons = found(abroad("box"), history=history, burst=(), watch=watch(geography, ("2a02:cf40::/32", "trusted")))
    assert "in the 30 days before only in networks listed as trusted" in reasons["first_network"]
    assert "first_country" not in reasons


def test_a_provider_that_works_in_the_users_name_is_nowhere():
    """Prevents Office's web server, which saves from Microsoft's addresses, from being a new place of the user."""
    save = event("upload", OPENS, provider="office365", country=None, ip="52.108.7.9")
    assert found(save) == {}
    assert "first_network" in found(save | {"ip": "52.200.7.9"})


@settings(max_examples=10, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 40 * 24 * 60), st.sampled_from(PROVIDERS), st.sampled_from([None, "US", "SG", "DE"])),
        max_size=6,
    )
)
def test_what_was_seen_through_trusted_networks_changes_no_place(seen):
    """Prevents an address that says nothing of a place from making, or hiding, a reason that tells of one."""
    trusted = watch(None, ("2a02:cf40::/32", "trusted"))
    more = [
        event("sign_in", OPENS + HOUR - minutes * MINUTE, provider=provider, country=country, ip=VPN)
        for minutes, provider, country in seen
    ]
    place = {name: text for name, text in found(ABROAD, watch=trusted).items() if name in PLACE}
    known = ", networks listed as trusted"
    with_them = {name: text.replace(known, "") for name, text in found(ABROAD, more, watch=trusted).items()}
    assert {name: text for name, text in with_them.items() if name in PLACE} == place
    assert set(place) == {"first_country", "first_network", "impossible_travel"}


ABROAD = [
    event("sign_in", OPENS - 80 * MINUTE),
    event("sign_in", OPENS - 20 * MINUTE, country="SG", ip=HOTEL),
    event("sign_in", OPENS - 2 * DAY - timedelta(hours=3)),
]
