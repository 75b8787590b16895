"""Small databases in MaxMind's format for the tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet

__all__ = ["country_database", "database", "system_database"]


def database(path: Path, records: Mapping[str, Any], kind: str = "Test", *, ip_version: int = 6) -> Path:
    """Write a database with a record for each network, and return its path."""
    writer = MMDBWriter(ip_version=ip_version, ipv4_compatible=ip_version == 6, database_type=kind)
    for network, record in records.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))
    return path


def country_database(path: Path, countries: Mapping[str, str]) -> Path:
    """Write a database of a country for each network, shaped as GeoLite2-Country."""
    records = {network: {"country": {"iso_code": code}} for network, code in countries.items()}
    return database(path, records, "Test-Country")


def system_database(path: Path, systems: Mapping[str, int]) -> Path:
    """Write a database of an autonomous system for each network, shaped as GeoLite2-ASN."""
    records = {network: {"autonomous_system_number": number} for network, number in systems.items()}
    return database(path, records, "Test-ASN")
