"""Operator's knowledge of users and addresses: risk list, networks, and databases of places."""

from __future__ import annotations

import ipaddress
import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal, NamedTuple

import pyarrow as pa
from pydantic import Field, field_validator, model_validator

from common.digests import text_digest
from detection.addresses import IpAddress, parse
from detection.geoip import Geography
from detection.operator_files import OperatorFileError, Row, read_rows

__all__ = ["Address", "Listed", "ListedUser", "Networks", "read_networks", "read_risk_list"]

_SHORTEST = {4: 8, 6: 16}
_SITE = {4: 24, 6: 48}
"""Prefix length within which addresses count as one network: the usual size for a home or an office."""
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_SYSTEM = re.compile(r"AS(\d{1,10})", re.IGNORECASE)
_LARGEST_SYSTEM = 2**32 - 1

Kind = Literal["trusted", "service", "tor", "hosting"]
_KINDS: tuple[Kind, ...] = ("trusted", "service", "tor", "hosting")
"""Kinds by precedence, for an address that is in networks of several kinds."""
_NO_PLACE: tuple[Kind, ...] = ("trusted", "service")
"""Kinds whose addresses do not say where a user is."""


def printable_text(value: object) -> object:
    """Return the value of a cell unchanged.

    Raises:
        ValueError: The text holds unprintable characters.
    """
    if isinstance(value, str) and not value.strip().isprintable():
        raise ValueError("it holds characters that can't be printed")
    return value


class ListedUser(Row):
    """Row of the risk list.

    Attributes:
        user: E-mail as the provider logs it, or the value of an alert's ``user``.
        reason: Why, such as leaver; shown in the alert.
        since: First day on which the entry applies, UTC; None for always.
        until: Last day on which it applies; None for ever.
    """

    user: str = Field(min_length=1, max_length=320)
    reason: str = Field(min_length=1, max_length=200)
    since: date | None = None
    until: date | None = None

    @field_validator("user", "reason", mode="before")
    @classmethod
    def _printable(cls, value: object) -> object:
        return printable_text(value)

    @field_validator("user")
    @classmethod
    def _lower(cls, value: str) -> str:
        return value.lower()

    @field_validator("since", "until", mode="before")
    @classmethod
    def _day(cls, value: object) -> object:
        if isinstance(value, datetime):
            return value.date()
        if not isinstance(value, str):
            return value
        try:
            return date.fromisoformat(value.strip()) if value.strip() else None
        except ValueError:
            raise ValueError("it is not a date; use YYYY-MM-DD, such as 2026-01-31") from None

    @model_validator(mode="after")
    def _ordered(self) -> ListedUser:
        if self.since and self.until and self.until < self.since:
            raise ValueError(f"until ({self.until}) is before since ({self.since}); swap them or correct one")
        return self


class Listed(Row):
    """Row of the file of networks.

    Attributes:
        network: An address or a network, IPv4 or IPv6, or the number of an autonomous system.
        kind: What it is. An address in a ``trusted`` one, such as the organisation's VPN, does not say where a user is.
    """

    network: _Network | int
    kind: Literal["tor", "hosting", "trusted"]

    @field_validator("network", mode="before")
    @classmethod
    def _parsed(cls, value: object) -> object:
        if not isinstance(value, str):
            raise ValueError("it is not a text; write it as 192.0.2.0/24")
        if (system := _SYSTEM.fullmatch(value.strip())) and 0 < int(system[1]) <= _LARGEST_SYSTEM:
            return int(system[1])
        return _network(value)


def _network(value: str) -> _Network:
    try:
        network = ipaddress.ip_network(value.strip())
    except ValueError as error:
        raise ValueError(f"{error}; write it as 192.0.2.0/24, 2001:db8::/32, AS64500 or one address") from None
    if network.prefixlen < _SHORTEST[network.version]:
        raise ValueError(f"it covers too much; /{_SHORTEST[network.version]} is the largest that can be listed")
    if isinstance(network, ipaddress.IPv6Network) and network.network_address.ipv4_mapped:
        raise ValueError("it is IPv4 written as IPv6; write it as 192.0.2.0/24")
    return network


class _ServiceNetwork(Row):
    """Row of the networks from which a provider's own servers act on a user's behalf."""

    network: _Network
    source: str

    @field_validator("network", mode="before")
    @classmethod
    def _parsed(cls, value: str) -> object:
        return _network(value)


@cache
def _service_networks() -> tuple[_Network, ...]:
    with as_file(files("detection").joinpath("data", "service_networks.csv")) as shipped:
        return tuple(row.network for row in read_rows(shipped, _ServiceNetwork))


class Address(NamedTuple):
    """Known facts about an address.

    Attributes:
        ip: The address as logged.
        network: The network that it counts as.
        listed: The smallest listed network, or else the autonomous system, that gives it its ``kind``.
        kind: trusted, service (a provider's own servers), tor or hosting; None where it is none of these.
        is_place: Whether it says where its user is.
        country: Its country by the operator's database, ISO 3166; None where unknown, and where it is no place.
    """

    ip: str
    network: str | None = None
    listed: str | None = None
    kind: str | None = None
    is_place: bool = True
    country: str | None = None


_TABLE = [(name, "bool" if name == "is_place" else "string") for name in Address._fields]


class Networks:
    """Lookup of addresses in the operator's networks, the providers' own servers and the databases of places."""

    def __init__(self, rows: Iterable[Listed] = (), geography: Geography | None = None) -> None:
        self._geography = geography or Geography()
        # One dictionary per kind and prefix length, so that an address is found in a few look-ups, not in a scan.
        self._by_prefix: dict[str, dict[tuple[int, int], set[int]]] = {kind: defaultdict(set) for kind in _KINDS}
        self._systems: dict[str, set[int]] = {kind: set() for kind in _KINDS}
        for row in rows:
            if isinstance(row.network, int):
                self._systems[row.kind].add(row.network)
            else:
                self._add(row.kind, row.network)
        self._listed = sum(len(found) for kind in self._by_prefix.values() for found in kind.values())
        self._listed += sum(map(len, self._systems.values()))
        for network in _service_networks():
            self._add("service", network)

    def _add(self, kind: Kind, network: _Network) -> None:
        self._by_prefix[kind][network.version, network.prefixlen].add(int(network.network_address))

    def __len__(self) -> int:
        """Return the number of networks and autonomous systems that the operator lists."""
        return self._listed

    @property
    def digest(self) -> str:
        """Return a digest of all inputs that decide what is known of an address."""
        kinds = [
            (kind, sorted((key, sorted(found)) for key, found in by.items()), sorted(self._systems[kind]))
            for kind, by in self._by_prefix.items()
        ]
        return text_digest(repr((kinds, self._geography.digest)))

    def find(self, ip: str) -> Address:
        """Return what is known of an address; None where the text is no address.

        Raises:
            OperatorFileError: A database is damaged.
        """
        address = parse(ip)
        if address is None:
            return Address(ip)
        site = str(ipaddress.ip_network((address, _SITE[address.version]), strict=False))
        kind, listed = self._kind_of(address)
        is_place = kind not in _NO_PLACE
        return Address(ip, site, listed, kind, is_place, self._geography.country(address) if is_place else None)

    def _kind_of(self, address: IpAddress) -> tuple[Kind, str] | tuple[None, None]:
        number, bits = int(address), address.max_prefixlen
        for kind in _KINDS:
            for version, length in sorted(self._by_prefix[kind], reverse=True):
                if version != address.version:
                    continue
                start = number >> (bits - length) << (bits - length)
                if start in self._by_prefix[kind][version, length]:
                    return kind, str(ipaddress.ip_network((type(address)(start), length)))
            system = self._geography.system(address) if self._systems[kind] else None
            if system in self._systems[kind]:
                return kind, f"AS{system}"
        return None, None

    def table(self, ips: Iterable[str]) -> pa.Table:
        """Return what is known of addresses: one row each, with the columns of :class:`Address`.

        Raises:
            OperatorFileError: A database is damaged.
        """
        return pa.Table.from_pylist([self.find(ip)._asdict() for ip in ips], schema=pa.schema(_TABLE))


def read_risk_list(path: Path) -> list[ListedUser]:
    """Read the risk list from CSV or Parquet with the columns of :class:`ListedUser`.

    Raises:
        OperatorFileError: The file or a row of it can't be used.
    """
    return list(read_rows(path, ListedUser))


def read_networks(path: Path | None, geography: Geography | None = None) -> Networks:
    """Read networks from CSV or Parquet with the columns of :class:`Listed`.

    Args:
        path: The file; None for none.
        geography: Databases of places.

    Raises:
        OperatorFileError: The file or a row of it can't be used.
    """
    rows = list(read_rows(path, Listed)) if path else []
    systems = [row.network for row in rows if isinstance(row.network, int)]
    if systems and not (geography and geography.has_systems):
        raise OperatorFileError(
            f"{path} lists AS{systems[0]}, but its addresses are not known. Set UPLOADWATCH_GEOIP_ASN to "
            "a database of autonomous systems, or list networks in its place."
        )
    return Networks(rows, geography)
