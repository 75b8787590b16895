"""The operator's databases of countries and autonomous systems."""

from __future__ import annotations

from pathlib import Path

import pytest

from assets.core.resources import Detector
from detection.addresses import IpAddress, parse
from detection.geoip import read_geography
from detection.operator_files import OperatorFileError
from detection.risk import read_networks
from tests.support.mmdb import country_database, database, system_database


def address(text: str) -> IpAddress:
    found = parse(text)
    assert found
    return found


COUNTRIES = {"81.2.69.0/24": "GB", "2a02:cf40::/29": "NO", "10.0.0.0/8": "US", "203.0.113.0/24": "US"}


@pytest.fixture(scope="module")
def countries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return country_database(tmp_path_factory.mktemp("geoip") / "country.mmdb", COUNTRIES)


@pytest.fixture(scope="module")
def systems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return system_database(
        tmp_path_factory.mktemp("geoip") / "asn.mmdb", {"81.2.69.0/24": 64500, "2a02:cf40::/29": 64501}
    )


@pytest.mark.parametrize(
    ("ip", "country"),
    [
        ("81.2.69.7", "GB"),
        ("[::ffff:81.2.69.7]:443", "GB"),
        ("2a02:cf40::1", "NO"),
        ("8.8.8.8", None),
        # Not of the public Internet, whatever a database says.
        *(("10.1.2.3", None), ("203.0.113.9", None), ("127.0.0.1", None), ("2001:db8::1", None), ("fe80::1", None)),
        ("no address", None),
    ],
)
def test_an_address_has_the_country_of_the_database(countries: Path, ip: str, country: str | None):
    """Prevents Box and Office 365 from having no countries, and private addresses from having one."""
    assert read_networks(None, read_geography(countries, None)).find(ip).country == country


@pytest.mark.parametrize(
    ("record", "country"),
    [
        ({"country": "NO", "asn": "AS64500"}, "NO"),
        ({"country": "Norway", "country_code": "NO"}, "NO"),
        ({"country": {"names": {"en": "Norway"}}}, None),
        ({"country": {"iso_code": "no"}}, None),
        ({"country": {"iso_code": 7}}, None),
        ({"country": {"iso_code": "ZZ"}}, None),
        ({"country": {"iso_code": "EU"}}, None),
        ({"country": {"iso_code": "XK"}}, "XK"),
        (["NO"], None),
    ],
)
def test_records_of_several_vendors_are_read(tmp_path: Path, record: object, country: str | None):
    """Prevents another vendor's record from stopping the alerts, or a text of it from passing for a country."""
    path = database(tmp_path / "c.mmdb", {"81.2.69.0/24": {"country": {"iso_code": "GB"}}, "8.8.8.0/24": record})
    assert read_geography(path, None).country(address("8.8.8.8")) == country


def test_a_database_of_ipv4_alone_knows_no_ipv6(tmp_path: Path):
    """Prevents one IPv6 address from stopping all alerts."""
    path = database(tmp_path / "c.mmdb", {"81.2.69.0/24": {"country": "GB"}}, ip_version=4)
    geography = read_geography(path, None)
    assert [geography.country(address(ip)) for ip in ("81.2.69.1", "2a02:cf40::1")] == ["GB", None]


def test_a_hosting_system_is_listed_by_its_number(tmp_path: Path, systems: Path):
    """Prevents an operator from having to list thousands of networks of one hosting provider."""
    listed = tmp_path / "networks.csv"
    listed.write_text("network,kind\nAS64500,hosting\nas64501,tor\n2a02:cf41::/32,trusted\n")
    networks = read_networks(listed, read_geography(None, systems))
    assert len(networks) == 3
    found = {ip: networks.find(ip) for ip in ("81.2.69.7", "2a02:cf40::1", "2a02:cf41::1", "8.8.8.8")}
    assert [(each.kind, each.listed) for each in found.values()] == [
        ("hosting", "AS64500"),
        ("tor", "AS64501"),
        ("trusted", "2a02:cf41::/32"),
        (None, None),
    ]


def test_a_system_without_a_database_is_refused(tmp_path: Path):
    """Prevents a row that nothing can ever match from being taken in silence."""
    listed = tmp_path / "networks.csv"
    listed.write_text("network,kind\nAS64500,hosting\n")
    with pytest.raises(OperatorFileError, match=r"networks\.csv lists AS64500.*Set UPLOADWATCH_GEOIP_ASN"):
        read_networks(listed)


def test_a_file_that_cannot_be_used_is_named_with_its_variable_and_a_remedy(
    tmp_path: Path, countries: Path, systems: Path
):
    """Prevents a mistyped path or a broken download from meaning that nobody is anywhere."""
    absent = tmp_path / "absent.mmdb"
    with pytest.raises(
        OperatorFileError, match=r"absent\.mmdb \(UPLOADWATCH_GEOIP_ASN\) can't be read: No such file.*unset"
    ):
        read_geography(None, absent)
    for content in (b"", b"<html>", countries.read_bytes()[:-40], countries.read_bytes()[50:]):
        absent.write_bytes(content)
        with pytest.raises(
            OperatorFileError, match=r"absent\.mmdb \(UPLOADWATCH_GEOIP_COUNTRY\) is damaged.*Download it"
        ):
            read_geography(absent, None)
    with pytest.raises(OperatorFileError, match=r"'Test-ASN', which has no country. Name one that has the country"):
        read_geography(systems, None)
    with pytest.raises(OperatorFileError, match=r"'Test-Country', which has no autonomous system"):
        read_geography(None, countries)
    with pytest.raises(OperatorFileError, match="can't be read: Is a directory"):
        read_geography(tmp_path, None)


def test_a_damaged_record_is_said_when_it_is_met(tmp_path: Path):
    """Prevents a bit that flipped from ending in a decoder's traceback."""
    path = country_database(tmp_path / "c.mmdb", {"81.2.69.0/24": "GB", "8.8.8.0/24": "US"})
    content = path.read_bytes()
    where = content.index(b"US") - 1
    path.write_bytes(content[:where] + b"\xff" + content[where + 1 :])
    with pytest.raises(OperatorFileError, match="is damaged"):
        read_geography(path, None).country(address("8.8.8.8"))


def test_another_database_is_another_digest(tmp_path: Path, countries: Path, systems: Path):
    """Prevents alerts from standing on places that a newer database does not tell."""
    path = tmp_path / "c.mmdb"
    digests = {Detector().watch().networks.digest, Detector(geoip_country=str(countries)).watch().networks.digest}
    digests.add(Detector(geoip_asn=str(systems)).watch().networks.digest)
    for code in ("GB", "FR"):
        country_database(path, {"81.2.69.0/24": code})
        digests.add(Detector(geoip_country=str(path)).watch().networks.digest)
    assert len(digests) == 5
