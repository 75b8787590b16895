"""IP addresses, parsed from the forms in which audit logs write them."""

from __future__ import annotations

import ipaddress
import re

__all__ = ["SEPARATOR", "IpAddress", "canonical", "parse"]

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

SEPARATOR = "|"
"""Separator between the fields of one event that may hold its address, the likelier ones first."""

_BRACKETED = re.compile(r"\[([^\[\]]*)\](?::([0-9]{1,5}))?")
_WITH_PORT = re.compile(r"([0-9.]+):([0-9]{1,5})")
_HIGHEST_PORT = 65535
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""Prefix of RFC 6052 before an IPv4 address that is reached over IPv6."""


def parse(text: str) -> IpAddress | None:
    """Return the address that a text holds, without brackets, port and zone; None where it holds none.

    An IPv6 address that embeds an IPv4 address (IPv4-mapped or NAT64) gives the IPv4 address. The unspecified and
    loopback addresses say nothing about where somebody is, so they give None. So do forms that only some programs
    accept, such as ``1.2.3``, ``0x7f.1`` or an octet with a leading zero.

    Args:
        text: Such as ``203.0.113.7``, ``203.0.113.7:5678``, ``[2001:db8::1]:443`` or ``fe80::1%eth0``.
    """
    text = text.strip()
    if found := _BRACKETED.fullmatch(text) or _WITH_PORT.fullmatch(text):
        text, port = found.groups()
        if port and int(port) > _HIGHEST_PORT:
            return None
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        # Rebuilt from its number, the address has no zone.
        address = _held_ipv4(address) or ipaddress.IPv6Address(int(address))
    return None if address.is_unspecified or address.is_loopback else address


def _held_ipv4(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped


def canonical(text: str) -> str | None:
    """Return the first address among the fields of a text, in its shortest form; None where none of them is one."""
    found = (parse(field) for field in text.split(SEPARATOR))
    return next((str(address) for address in found if address is not None), None)
