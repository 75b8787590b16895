"""Names of applications out of user agents."""

from __future__ import annotations

import csv
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detection.user_agents import MARK, app_of, is_derived

WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
CHROME = f"{WINDOWS} AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"


@pytest.mark.parametrize(
    ("user_agent", "app"),
    [
        ("Microsoft SkyDriveSync 24.005.0117.0002 ship; Windows NT 10.0 (19045)", "OneDrive sync"),
        ("OneDriveMpc-Transform_Zip/1.0", "OneDrive service"),
        ("MSWAC", "Office for the web"),
        ("Microsoft Office Word/16.0.16124 (Windows/10.0; Desktop WOW64; en-US; Desktop app)", "Office"),
        ("Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.1; Pro)", "Outlook"),
        (f"{CHROME} Edg/126.0.0.0", "Edge"),
        (f"{CHROME} Edg/126.0 Teams/24151", "Teams"),
        (CHROME, "Chrome"),
        (f"{WINDOWS} Gecko/20100101 Firefox/127.0", "Firefox"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 14_5) AppleWebKit/605.1.15 Version/17.5 Safari/605.1.15", "Safari"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5) AppleWebKit/605 CriOS/126.0 Mobile Safari/604.1", "Chrome"),
        ("Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko", "Internet Explorer"),
        ("rclone/v1.66.0", "rclone"),
        ("ISV|rclone.org|rclone/v1.66.0", "rclone"),
        ("ISV|abraunegg|OneDrive Client for Linux/v2.5", "OneDrive client for Linux"),
        ("curl/8.5.0", "curl"),
        ("python-requests/2.32.3", "Python requests"),
        ("Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.19041", "PowerShell"),
        ("NONISV|SharePointPnP|PnPPS/1.12.0", "PnP PowerShell"),
        ("kiota-dotnet/1.9", "Graph SDK"),
        ("Outlook-iOS/723.1 (iPhone)", "Outlook mobile"),
        # None of the table's: its first words, without numbers.
        ("AcmeBackup/3.1.4 (build 77)", "AcmeBackup"),
        ("NONISV|Acme|Acme Mover 7/1.0", "Acme Mover"),
        ("Mozilla/5.0", "Mozilla"),
        ("6f1c6b1e-0f0e", "f"),
        ("123 456", "unknown client"),
        ("ann@example.com", "ann"),
        ("x" * 500, "x" * 40),
    ],
)
def test_a_user_agent_is_named(user_agent: str, app: str):
    """Prevents a client from being new with each version, and the families from being mistaken for one another."""
    assert app_of(user_agent) == app + MARK


@pytest.mark.parametrize("user_agent", ["", "  ", "\t\n"])
def test_a_blank_user_agent_names_nothing(user_agent: str):
    """Prevents events without a user agent from having an application in common."""
    assert app_of(user_agent) is None


@given(st.text(min_size=1, max_size=600))
def test_whatever_its_bearer_sends_is_short_safe_and_marked(user_agent: str):
    """Prevents terminal escapes, markup or a novel from reaching a page, and a name from passing for the provider's."""
    app = app_of(user_agent)
    if app is not None:
        name = app.removesuffix(MARK)
        assert is_derived(app)
        assert 0 < len(name) <= 40
        assert name.isascii() and name.isprintable() and not set(name) & set("<>\"'|@\\")


def test_every_row_of_the_table_has_its_source_and_can_be_found():
    """Prevents a row that an earlier one hides, and one of which nobody knows where it is from."""
    text = files("detection").joinpath("data", "user_agents.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) > 40
    for row in rows:
        assert row["source"].startswith("https://"), row
        assert app_of(row["match"] + " 1") == row["app"] + MARK, row
