"""Countries and autonomous systems of addresses, from the operator's databases in MaxMind's format."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import maxminddb

from detection.addresses import IpAddress
from detection.operator_files import OperatorFileError

__all__ = ["Geography", "read_geography"]

_LARGEST = 1 << 30
_LOOKED_AT = 1000
"""Networks of a database that are searched for one with the wanted value."""
_CODE = re.compile(r"(?!AA|Q[M-Z]|X[A-JL-Z]|ZZ|EU|AP)[A-Z]{2}")
"""Country code of ISO 3166: neither a reserved code nor a region."""
_SYSTEM = re.compile(r"(?:AS)?(\d{1,10})")
# The reader's own error, and those that its decoder raises on damaged content.
_DAMAGED = (maxminddb.InvalidDatabaseError, ValueError, LookupError, TypeError, OverflowError, RecursionError)


def _country(record: Mapping[str, Any]) -> str | None:
    """Return a record's ISO code: MaxMind and DB-IP keep it in ``country``, IPinfo in ``country_code``."""
    country = record.get("country_code", record.get("country"))
    code = country.get("iso_code") if isinstance(country, Mapping) else country
    return code if isinstance(code, str) and _CODE.fullmatch(code) else None


def _system(record: Mapping[str, Any]) -> int | None:
    """Return the number of a record's autonomous system: IPinfo writes it as text in ``asn``."""
    number = _SYSTEM.fullmatch(str(record.get("autonomous_system_number", record.get("asn"))))
    return int(number[1]) if number else None


class _Database:
    """Database read whole into memory, so that its content matches its digest."""

    def __init__(self, path: Path, what: str, variable: str, read: Callable[[Mapping[str, Any]], Any]) -> None:
        self._path, self._variable, self._read = path, variable, read
        try:
            with path.open("rb") as file:
                if path.stat().st_size > _LARGEST:
                    raise self._unusable(f"is larger than {_LARGEST >> 30} GiB", "Use a smaller edition")
                self.digest = hashlib.file_digest(file, "sha256").hexdigest()
                file.seek(0)
                self._reader = maxminddb.open_database(file, maxminddb.MODE_FD)
            self._versions = self._reader.metadata().ip_version
            has_value = any(self._value_of(record) is not None for _, record in islice(self._reader, _LOOKED_AT))
        except OSError as error:
            raise self._unusable(f"can't be read: {error.strerror}", "Correct the path, or its permissions") from error
        except _DAMAGED as error:
            if isinstance(error, OperatorFileError):
                raise
            raise self._damaged() from error
        if not has_value:
            kind = self._reader.metadata().database_type
            raise self._unusable(f"is a database {kind[:60]!r}, which has no {what}", f"Name one that has the {what}")

    def find(self, address: IpAddress) -> Any:
        """Return the database's value for an address, or None.

        Raises:
            OperatorFileError: The database is damaged.
        """
        if address.version > self._versions:
            return None
        try:
            return self._value_of(self._reader.get(address))
        except _DAMAGED as error:
            raise self._damaged() from error

    def _value_of(self, record: object) -> Any:
        return self._read(record) if isinstance(record, Mapping) else None

    def _damaged(self) -> OperatorFileError:
        return self._unusable("is damaged, or no database in MaxMind's format (.mmdb)", "Download it again")

    def _unusable(self, cause: str, remedy: str) -> OperatorFileError:
        return OperatorFileError(f"{self._path} ({self._variable}) {cause}. {remedy}, or unset {self._variable}.")


class Geography:
    """Country and autonomous system of IP addresses. Only public addresses have either."""

    def __init__(self, countries: _Database | None = None, systems: _Database | None = None) -> None:
        self._countries, self._systems = countries, systems

    @property
    def digest(self) -> str:
        """Return a digest of the databases."""
        return "|".join(database.digest if database else "" for database in (self._countries, self._systems))

    @property
    def has_systems(self) -> bool:
        """Return whether there is a database of autonomous systems."""
        return self._systems is not None

    def country(self, address: IpAddress) -> str | None:
        """Return an address's country, ISO 3166; None where the database has none.

        Raises:
            OperatorFileError: The database is damaged.
        """
        return self._countries.find(address) if self._countries and _is_public(address) else None

    def system(self, address: IpAddress) -> int | None:
        """Return the number of an address's autonomous system; None where the database has none.

        Raises:
            OperatorFileError: The database is damaged.
        """
        return self._systems.find(address) if self._systems and _is_public(address) else None


def _is_public(address: IpAddress) -> bool:
    return address.is_global and not address.is_multicast


def read_geography(country: Path | None, asn: Path | None) -> Geography:
    """Read the operator's databases.

    Args:
        country: Database of countries; None for none.
        asn: Database of autonomous systems; None for none.

    Raises:
        OperatorFileError: A file can't be read, is damaged, or lacks the data that it is configured for.
    """
    return Geography(
        _Database(country, "country", "UPLOADWATCH_GEOIP_COUNTRY", _country) if country else None,
        _Database(asn, "autonomous system", "UPLOADWATCH_GEOIP_ASN", _system) if asn else None,
    )
