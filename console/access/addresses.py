"""Addresses: of peers, and of pages of this console."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

from starlette.requests import HTTPConnection

from orchestration.access_settings import Network

__all__ = ["is_within", "local_address", "peer_of"]

_LONGEST = 2000


def is_within(address: str, networks: Sequence[Network]) -> bool:
    """Check whether an address belongs to one of some networks; a text that is no address belongs to none."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    found = getattr(found, "ipv4_mapped", None) or found
    return any(found in network for network in networks)


def peer_of(connection: HTTPConnection, proxies: Sequence[Network]) -> str:
    """Return the address that a connection comes from; behind trusted proxies that of their client.

    Args:
        connection: Request or WebSocket.
        proxies: Networks of trusted reverse proxies.
    """
    peer = connection.client.host if connection.client else ""
    forwarded = [each.strip() for line in connection.headers.getlist("x-forwarded-for") for each in line.split(",")]
    while forwarded and is_within(peer, proxies):
        peer = forwarded.pop()[:64]
    return peer


def local_address(address: str) -> str:
    """Return an address of a page of this console; that of the queue in place of any other."""
    is_local = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if is_local and len(address) <= _LONGEST else "/"
