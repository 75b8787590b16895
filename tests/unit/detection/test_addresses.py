"""Addresses in the shapes in which logs write them."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detection.addresses import canonical

ANY = st.ip_addresses()


@pytest.mark.parametrize(
    ("text", "ip"),
    [
        ("203.0.113.7", "203.0.113.7"),
        (" 203.0.113.7\t", "203.0.113.7"),
        ("203.0.113.7:5678", "203.0.113.7"),
        ("[203.0.113.7]", "203.0.113.7"),
        ("[203.0.113.7]:5678", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("[::ffff:203.0.113.7]:5678", "203.0.113.7"),
        ("::FFFF:CB00:7107", "203.0.113.7"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%25eth0]:443", "fe80::1"),
        ("64:ff9b::203.0.113.7", "203.0.113.7"),
        ("[64:FF9B::CB00:7107]:443", "203.0.113.7"),
        ("64:ff9b::cb00:7107%eth0", "203.0.113.7"),
        ("64:ff9b:1::cb00:7107", "64:ff9b:1::cb00:7107"),
    ],
)
def test_an_address_is_read_in_every_shape(text: str, ip: str):
    """Prevents a port, brackets or a zone from making one computer several, or none."""
    assert canonical(text) == ip


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "Unknown IP", "<null>", "Not Available", "999.1.2.3", "1.2.3", "0x7f.1", "1.2.3.4.5", "256.1.1.1"),
        *(
            "203.0.113.007",
            "::ffff:999.1.1.1",
            "1::2::3",
            "12345::1",
            "1:2:3:4:5:6:7:8:9",
            "fe80::1%",
            "203.0.113.7/32",
        ),
        *("203.0.113.7:99999", "203.0.113.7:", "[203.0.113.7", "203.0.113.7]:1", "[]", "[[::1]]", "2001:db8::1:99999"),
        *(
            "١.٢.٣.٤",
            "1.2.3.4\n5.6.7.8",
            "javascript:alert(1)",
            "3405803783",
            "10.0.0.1, 203.0.113.7",
            "example.com:443",
        ),
    ],
)
def test_what_only_looks_like_an_address_is_none(text: str):
    """Prevents a text from becoming a network of its own, in which nobody was before."""
    assert canonical(text) is None


@pytest.mark.parametrize("shape", ["{}", "[{}]:443", "::ffff:{}", "64:ff9b::{}"])
@pytest.mark.parametrize("address", ["::", "::1", "0:0:0:0:0:0:0:1", "0.0.0.0", "127.0.0.1", "127.9.9.9"])  # noqa: S104 -- not bound to
def test_what_is_nobodys_address_is_none(address: str, shape: str):
    """Prevents a placeholder from being a place, at which everybody was, or from hiding the address beside it."""
    assert canonical(shape.format(address)) is None
    assert canonical(f"{address}|203.0.113.7") == "203.0.113.7"


@given(ANY, st.integers(0, 65535), st.sampled_from(["{0}", "[{0}]", "[{0}]:{1}", " {0} "]))
def test_every_address_is_itself_in_every_shape(address: ipaddress.IPv4Address, port: int, shape: str):
    """Prevents a shape from working for some addresses alone."""
    expected = getattr(address, "ipv4_mapped", None) or address
    if expected not in ipaddress.ip_network("64:ff9b::/96"):
        nowhere = expected.is_loopback or expected.is_unspecified
        assert canonical(shape.format(address, port)) == (None if nowhere else str(expected))


@given(st.text(max_size=60))
def test_whatever_is_read_is_an_address_in_its_shortest_form(text: str):
    """Prevents a hostile text from stopping a day, or from passing as an address."""
    found = canonical(text)
    assert found is None or str(ipaddress.ip_address(found)) == found == canonical(found)


def test_the_first_field_that_holds_an_address_counts():
    """Prevents a field that holds something else from hiding the address in the next one."""
    assert canonical("Unknown|203.0.113.7:1|198.51.100.1") == "203.0.113.7"
    assert canonical("|Unknown") is None
