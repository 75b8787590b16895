"""The backtest over HTTP: a job of its own process, whose result stands under its address."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import pytest
import requests

from lake.ledger import publish
from lake.reviews import ReadAlert, add_reviews
from lake.store import Lake
from privacy.pseudonyms import PREFIX
from tests.support.burst_home import BURST, burst_home
from tests.support.command import say
from tests.support.console_home import HOSTILE, Console, made_key, served
from tests.support.made_lake import DAY, NOW, TODAY
from tests.support.memory import connect
from tests.support.published_alerts import Made, Published

pytestmark = pytest.mark.sampled

FIELDS = {"from": str(TODAY - 3 * DAY), "to": str(TODAY), "budgets": "2,1/week", "against": "stored"}
VALUES = {"UPLOADWATCH_NOW": "2026-03-10T12:00:00+00:00"}
KEY = {"UPLOADWATCH_PSEUDONYMS": "true", "UPLOADWATCH_PSEUDONYM_KEY": "c2VjcmV0" * 8}


def _review(home: Path, verdict: str) -> None:
    lake = Lake(root=str(home / "lake"))
    with connect() as con:
        publish(con, lake, NOW.replace(tzinfo=UTC))
        add_reviews(con, lake, [ReadAlert(made_key(1))], verdict=verdict, by="bea", note="", now=NOW)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a home whose stored alerts a replay does not raise, one of a hostile name, and a confirmed one."""
    home = burst_home(tmp_path_factory.mktemp("home"))
    made = Published(home / "lake", now=NOW)
    opened = datetime.combine(BURST, datetime.min.time()) + timedelta(hours=6)
    made.write(Made(made_key(1), opened, user="u7@example.com"), Made(made_key(2), opened, user=HOSTILE))
    _review(home, "confirmed")
    return home


@pytest.fixture(scope="module")
def console(home: Path) -> Iterator[Console]:
    with served(home, VALUES) as console:
        yield console


@pytest.fixture(scope="module")
def session(console: Console) -> requests.Session:
    return console.signed_in()


def _start(console: Console, session: requests.Session, **changed: str) -> requests.Response:
    return console.post(session, "/what-if", **{**FIELDS, **changed})


def _ended(console: Console, session: requests.Session, address: str) -> str:
    """Wait for the end of a backtest, and return its state."""
    for _ in range(600):
        said = session.get(address.replace("/what-if?", "/what-if/progress?"), timeout=30).json()
        if said["state"] != "running":
            return str(said["state"])
        assert session.get(f"{console.address}/audit", timeout=5).status_code == 200, "the console answers meanwhile"
        time.sleep(0.2)
    raise AssertionError("the backtest did not end")


def _figures(page: str) -> list[list[str]]:
    """Return the cells of the table of budgets."""
    [body] = re.findall(r"Budgets beside each other</caption>.*?<tbody>(.*?)</tbody>", page, re.S)
    return [
        [re.sub(r"<.*?>", "", cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row)] for row in body.split("</tr>")
    ][:-1]


def test_the_result_is_that_of_the_command(console: Console, session: requests.Session, home: Path) -> None:
    """Prevents figures that differ from the command's, an address without its result, and cases without their links."""
    started = _start(console, session)
    assert started.url == f"{console.address}/what-if?{urlencode(FIELDS)}"
    assert _ended(console, session, started.url) == "done"
    page = session.get(started.url, timeout=30).text
    span = ("--from", FIELDS["from"], "--to", FIELDS["to"], "--budget", FIELDS["budgets"], "--home", str(home))
    said = json.loads(say("backtest", *span, "--reviews", "--format", "json", values=VALUES).out)
    assert _figures(page) == [
        [
            each["budget"],
            f"{each['target_per_1000']:.2f}",
            f"{each['realised_per_1000']:.2f}",
            str(each["cases"]),
            str(each["alerts"]),
            str(each["by_services"]),
            str(len(each["come"])),
            str(len(each["go"])),
            f"{each['recall']:.2f}",
            "–" if each["precision"] is None else f"{each['precision']:.2f}",
        ]
        for each in said["budgets"]
    ]
    assert [case["user"] for case in said["budgets"][0]["come"]] == ["u0@example.com"]
    # A lost case has its page, a gained one has none.
    rows = {re.sub("<.*?>", "", row).partition("2026-")[0]: row for row in re.findall("<tr>(.*?)</tr>", page, re.S)}
    address = re.search(r'href="(/cases/[0-9a-f]{64})"', rows["u7@example.com"])
    assert address
    assert session.get(f"{console.address}{address.group(1)}", timeout=30).status_code == 200
    assert "/cases/" not in rows["u0@example.com"]
    # A name is a text.
    assert "<script>alert(1)" not in page
    assert "alert(1)" in unescape(page)
    assert "Cases and recall by budget" in page

    # The same parameters show the kept result at once, until a review changes what is read.
    again = _start(console, session)
    assert "Budgets beside each other" in again.text
    _review(home, "benign")
    assert "have changed since this backtest ran" in session.get(started.url, timeout=30).text


def test_one_runs_at_a_time_and_can_be_cancelled(console: Console, session: requests.Session) -> None:
    """Prevents two backtests that take all processors, and one that nobody can stop."""
    first = _start(console, session, budgets="3,4,5,6")
    assert "<progress" in first.text
    assert '<noscript><meta http-equiv="refresh"' in first.text
    assert _start(console, session, budgets="3,4,5,6").url == first.url, "the same one is joined"
    other = _start(console, session, budgets="7")
    assert other.status_code == 409
    assert "Another backtest runs." in other.text
    assert first.url.partition("?")[2].replace("&", "&amp;") in other.text
    cancelled = console.post(session, "/what-if/cancel")
    assert cancelled.url == first.url
    assert "was cancelled" in cancelled.text
    assert console.deployment.backtests.running is None
    third = _start(console, session, budgets="7")
    assert third.status_code == 200
    console.post(session, "/what-if/cancel")
    assert _ended(console, session, third.url) == "cancelled"
    assert "No backtest runs any more." in console.post(session, "/what-if/cancel").text


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("budgets", "much", "give cases per 1000 users and day"),
        ("budgets", "", "give cases per 1000 users and day"),
        ("budgets", ",".join(map(str, range(1, 10))), "more than 8 budgets"),
        ("from", "31.01.26", "write YYYY-MM-DD"),
        ("from", "9999-12-31", "write YYYY-MM-DD"),
        ("from", "2026-03-11", "after the last day"),
        ("to", "2028-01-01", "more than 366 days"),
        ("against", '"><script>alert(1)</script>', "is not in the list"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    console: Console, session: requests.Session, field: str, value: str, said: str
) -> None:
    """Prevents an error page, a backtest of something else, and a value that becomes markup."""
    for answer in (
        _start(console, session, **{field: value}),
        session.get(f"{console.address}/what-if?{urlencode({**FIELDS, field: value})}", timeout=30),
    ):
        assert answer.status_code == 422
        fault = re.search(r'<span class="fault" id="(\w+)-wrong">(.*?)</span>', answer.text, re.S)
        assert fault
        assert fault.group(1) == ("from" if field == "to" else field)
        assert said in unescape(fault.group(2))
        assert "<script>alert" not in answer.text
    assert console.deployment.backtests.running is None


def test_the_form_begins_with_the_evaluated_days_and_an_address_without_a_result_says_so(
    console: Console, session: requests.Session
) -> None:
    """Prevents an empty form, and an address from a colleague that starts work or shows an error."""
    page = session.get(f"{console.address}/what-if", timeout=30).text
    assert 'value="1,2,4"' in page
    page = session.get(f"{console.address}/what-if?{urlencode({**FIELDS, 'budgets': '9'})}", timeout=30).text
    assert "There is no result of this backtest yet" in page
    assert 'value="9"' in page


def test_names_are_tokens_where_they_are_hidden(home: Path) -> None:
    """Prevents a backtest from naming people whom the cases do not name, and a token that leads to no case."""
    with served(home, VALUES | KEY) as console:
        session = console.signed_in()
        started = _start(console, session, budgets="2")
        assert _ended(console, session, started.url) == "done"
        page = session.get(started.url, timeout=30).text
    assert "@example.com" not in page
    assert PREFIX in page
    assert re.search(r'href="/cases/[0-9a-f]{64}"', page)


def test_a_failure_is_said(tmp_path: Path) -> None:
    """Prevents a page that waits for ever for a backtest that cannot be made."""
    (tmp_path / "lake").mkdir()
    with served(tmp_path, VALUES) as console:
        session = console.signed_in()
        started = _start(console, session, budgets="2")
        assert _ended(console, session, started.url) == "failed"
        assert "holds no audit events" in session.get(started.url, timeout=30).text
