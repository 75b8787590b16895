"""The queue over HTTP: the cases that an address asks for, in the order to read them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.support.console_home import HOSTILE, Console, make_cases, served


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    home = tmp_path_factory.mktemp("home")
    make_cases(home, 60)
    with served(home) as console:
        yield console


@pytest.fixture(scope="module")
def session(console: Console) -> requests.Session:
    return console.signed_in()


def _users(console: Console, session: requests.Session, query: str = "") -> list[str]:
    page = session.get(f"{console.address}/{query}", timeout=30)
    assert page.status_code == 200
    rows = re.findall(r'<tr data-case="[0-9a-f]{64}">.*?</tr>', page.text, re.S)
    return [re.search(r"user(\d+)@example|evil@example", row).group(1) or "evil" for row in rows]


def test_severe_then_rare_cases_come_first(console: Console, session: requests.Session) -> None:
    """Prevents the order that works against the reader: the newest first."""
    users = _users(console, session)
    assert users[:12] == [f"{n:04}" for n in range(55, -1, -5)]
    assert users[12] == "0059"
    assert len(users) == 50


def test_a_filter_is_an_address(console: Console, session: requests.Session) -> None:
    """Prevents a filter that can't be sent to a colleague, and conditions that are read differently together."""
    assert _users(console, session, "?severity=Low&sort=files") == [f"{n:04}" for n in range(55, -1, -5)]
    assert _users(console, session, "?person=USER0007") == ["0007"]
    assert _users(console, session, "?source=dropbox") == []
    assert _users(console, session, "?since=2026-03-01") == ["0000", "0056", "0028"]
    assert len(_users(console, session, "?page=2")) == 10
    assert _users(console, session, "?state=reviewed") == []


def test_a_wrong_filter_says_what_is_wrong_and_shows_the_rest(console: Console, session: requests.Session) -> None:
    """Prevents an empty list, or an error page, for a mistyped address."""
    page = session.get(f"{console.address}/?since=31.01.26&severity=Huge&person=user0003", timeout=30).text
    assert "&#39;31.01.26&#39; is not a date: write YYYY-MM-DD." in page
    assert "&#39;Huge&#39; is not in the list." in page
    assert page.count("data-case=") == 1


def test_text_from_outside_does_nothing(console: Console, session: requests.Session) -> None:
    """Prevents a name from acting as markup, or from turning the text around it."""
    page = session.get(f"{console.address}/?person=evil", timeout=30)
    assert "<script>alert" not in page.text
    assert "U+202E" in page.text
    assert HOSTILE not in page.text


@pytest.mark.parametrize("query", ["?page=99999", "?page=-1", "?page=²", "?sort=;drop", "?text=%25'", "?person=%00"])
def test_odd_parameters_show_a_page(console: Console, session: requests.Session, query: str) -> None:
    """Prevents an error of the program where somebody edits the address."""
    assert session.get(f"{console.address}/{query}", timeout=30).status_code == 200


def test_new_cases_are_those_since_the_last_visit(tmp_path: Path) -> None:
    """Prevents a person from reading the whole queue again each morning, and from missing what is new."""
    made = make_cases(tmp_path, 3)
    with served(tmp_path, {"UPLOADWATCH_NOW": "2026-03-04T09:00:00+00:00"}) as console:
        session = console.signed_in()
        assert "new since your last visit" not in session.get(f"{console.address}/", timeout=30).text
    with served(tmp_path, {"UPLOADWATCH_NOW": "2026-03-04T18:00:00+00:00"}) as console:
        session = console.signed_in()
        assert "0 new since your last visit" in session.get(f"{console.address}/", timeout=30).text
    make_cases(tmp_path, 5)
    assert made.lake.days("alerts")
    with served(tmp_path, {"UPLOADWATCH_NOW": "2026-03-05T09:00:00+00:00"}) as console:
        session = console.signed_in()
        assert "2 new since your last visit" in session.get(f"{console.address}/", timeout=30).text
        assert session.get(f"{console.address}/?state=new", timeout=30).text.count("data-case=") == 2
