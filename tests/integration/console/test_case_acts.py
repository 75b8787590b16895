"""Acts on cases over HTTP: what is done, to which alerts, and under which name it is recorded."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from detection.tables import empty
from lake.audit_log import audit_log_path, read_acts
from lake.ledger import publish
from tests.support.console_home import Console, made_key, make_cases, served
from tests.support.memory import connect
from tests.support.published_alerts import NOON, Made, Published


@pytest.fixture
def home(tmp_path: Path) -> Published:
    return make_cases(tmp_path, 6)


@pytest.fixture
def console(home: Published, tmp_path: Path) -> Iterator[Console]:
    with served(tmp_path) as console:
        yield console


@pytest.fixture
def session(console: Console) -> requests.Session:
    return console.signed_in()


def _form(console: Console, session: requests.Session) -> tuple[list[str], list[str]]:
    page = session.get(f"{console.address}/", timeout=30).text
    return re.findall(r'name="case" value="([0-9a-f]{64})"', page), re.findall(r'name="read" value="([^"]+)"', page)


def _states(home: Published) -> list[tuple[str, str | None]]:
    return sorted((row["state"], row["verdict"]) for row in home.rows("FROM cases"))


def test_many_are_reviewed_at_once_and_undone(console: Console, session: requests.Session, home: Published) -> None:
    """Prevents ten cases from taking ten commands, and a slip over ten cases from standing."""
    cases, read = _form(console, session)
    said = console.post(session, "/cases", case=cases[:3], read=read, act="benign", note="a move", next="/?state=open")
    assert said.url.endswith("/?state=open")
    assert "3 cases reviewed as benign." in said.text
    assert _states(home).count(("reviewed", "benign")) == 3
    acts = read_acts(home.lake, acts=["benign"])
    assert len(acts) == 3
    assert {act.about for act in acts} == set(cases[:3])
    assert {act.text for act in acts} == {"a move"}
    console.post(session, "/cases", case=cases[:3], read=read, act="undo")
    assert _states(home) == [("open", None)] * 6


def test_a_review_needs_a_reason(console: Console, session: requests.Session, home: Published) -> None:
    """Prevents verdicts that nobody can explain a month later."""
    cases, read = _form(console, session)
    assert "Something is missing: why." in console.post(session, "/cases", case=cases[0], read=read, act="benign").text
    assert _states(home) == [("open", None)] * 6


def test_what_came_after_the_page_is_not_reviewed(console: Console, session: requests.Session, home: Published) -> None:
    """Prevents a verdict on what the reviewer has not seen: an alert that grew, or another one of the case."""
    user = "user0003@example.com"
    page = session.get(f"{console.address}/?person={user}", timeout=30).text
    [case] = re.findall(r'name="case" value="([0-9a-f]{64})"', page)
    read = re.findall(r'name="read" value="([^"]+)"', page)
    opening = home.rows(f"SELECT first_window_start AS at FROM shown WHERE \"user\" = '{user}'")[0]["at"]
    home.write(Made(made_key(3), opening, user=user, files=5000), Made("f" * 64, opening.replace(hour=23), user=user))
    said = console.post(session, "/cases", case=case, read=read, act="confirmed", note="stolen").text
    assert "1 alerts came since you loaded the page: they are not reviewed." in said
    [row] = home.rows(f"FROM cases WHERE \"user\" = '{user}'")
    assert row["state"] == "reopened"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"act": "benign", "note": "x"}, "No case is selected"),
        ({"act": "benign", "note": "x", "case": "f" * 64}, "does not exist any more"),
        ({"act": "explode"}, "is not an act"),
        ({"act": "benign", "note": "x", "read": "nonsense"}, "load the page again"),
        ({"act": "hand over", "to": " "}, "the name of the person to hand it over to"),
        ({"act": "comment", "text": ""}, "a comment"),
    ],
)
def test_what_can_not_be_done_is_said(
    console: Console, session: requests.Session, home: Published, fields: dict[str, str], said: str
) -> None:
    """Prevents an error page, or silence, where a form is incomplete or out of date."""
    cases, _ = _form(console, session)
    given = {"case": cases[0], **fields} if "No case" not in said else fields
    answer = console.post(session, "/cases", **given)
    assert answer.status_code == 200
    assert said in answer.text
    assert read_acts(home.lake, acts=["benign", "explode", "hand over", "comment"]) == []


@pytest.mark.parametrize(
    "address", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_the_way_back_stays_here(console: Console, session: requests.Session, address: str) -> None:
    """Prevents a form from leading people to another host after an act."""
    cases, _ = _form(console, session)
    assert console.post(session, "/cases", case=cases[0], act="take", next=address).url == f"{console.address}/"


def test_a_case_is_taken_handed_over_and_commented(
    console: Console, session: requests.Session, home: Published
) -> None:
    """Prevents two people from working on one case, and a history that lacks who did what."""
    cases, _ = _form(console, session)
    console.post(session, "/cases", case=cases[0], act="take")
    console.post(session, "/cases", case=cases[0], act="comment", text="asked him\n<b>twice</b>")
    page = console.post(
        session, "/cases", case=cases[0], act="hand over", to="joe@example.com", next=f"/cases/{cases[0]}"
    )
    assert re.search(r"/pages/[0-9a-f]{64}\.html$", page.url)
    assert "joe@example.com</bdi> works on it" in page.text
    assert "asked him</bdi><br><bdi>&lt;b&gt;twice&lt;/b&gt;" in page.text
    assert session.get(f"{console.address}/?assigned=others", timeout=30).text.count("data-case=") == 1
    assert session.get(f"{console.address}/?assigned=nobody", timeout=30).text.count("data-case=") == 5


def test_an_allow_list_entry_is_tried_proposed_and_added(tmp_path: Path) -> None:
    """Prevents an entry that suppresses more than was meant, or nothing, from being noticed a month later."""
    home = make_cases(tmp_path, 3)
    _write_hours(home)
    allow = tmp_path / "allow.toml"
    allow.write_text("# ours\n", encoding="utf-8")
    with served(tmp_path, {"UPLOADWATCH_ALLOW_LIST": str(allow)}) as console:
        session = console.signed_in()
        page = session.get(f"{console.address}/?person=user0002", timeout=30).text
        [case] = re.findall(r'name="case" value="([0-9a-f]{64})"', page)
        form = session.get(f"{console.address}/cases/{case}/allow", timeout=30).text
        assert 'value="user0002@example.com"' in form
        fields = {"user": "user0002@example.com", "provider": "box", "reason": "a move", "expires": "2026-06-01"}
        missing = console.post(session, f"/cases/{case}/allow", **fields, act="add")
        assert missing.status_code == 422
        assert "Name who is responsible." in missing.text
        fields["owner"] = 'it"@example.com'
        tried = console.post(session, f"/cases/{case}/allow", **fields, act="preview").text
        assert "It would have suppressed 1 of 1 alert of whom it names" in tried
        other = console.post(session, f"/cases/{case}/allow", **{**fields, "provider": "dropbox"}, act="preview").text
        assert "It would have suppressed 0 of 1 alert of whom it names" in other
        console.post(session, f"/cases/{case}/allow", **fields, act="propose")
        added = console.post(session, f"/cases/{case}/allow", **fields, act="add")
        assert "The entry was added." in added.text
    assert allow.read_text(encoding="utf-8") == (
        '# ours\n\n[[allow]]\n# "user0002@example.com"\nuser = "user0002@example.com"\nprovider = "box"\n'
        'owner = "it\\"@example.com"\n'
        'reason = "a move"\nexpires = 2026-06-01\n'
    )
    assert [act.act for act in read_acts(home.lake)][:2] == ["allow", "propose allow-list entry"]


def _write_hours(home: Published) -> None:
    """Write the user-hours that the alerts are made of."""
    query = """
        SELECT 'box' AS provider, person AS "user", 'person' AS actor_class, 'people' AS population,
          first_window_start AS hour, files, files AS sized_files, bytes, files AS saves, 0 AS estimated_files
        FROM shown
    """

    with connect() as con:
        publish(con, home.lake, home.now)
        for (day,) in con.execute("SELECT DISTINCT CAST(first_window_start AS DATE) FROM shown").fetchall():
            con.execute(
                f"CREATE OR REPLACE TABLE hours AS {empty('user_hours')} UNION ALL BY NAME "
                f"SELECT * FROM ({query}) WHERE CAST(hour AS DATE) = '{day}'"
            )
            home.lake.write(con, "hours", "user_hours", day, "")


def test_a_person_has_a_page_with_all_cases(tmp_path: Path) -> None:
    """Prevents a page of a person without a case of theirs, or with one of somebody else's."""
    made = Published(tmp_path / "lake")
    made.write(
        Made("a", NOON),
        Made("b", NOON.replace(month=2), user="ann@example.com"),
        Made("c", NOON, user="bob@example.com"),
    )
    with served(tmp_path) as console:
        session = console.signed_in()
        page = session.get(f"{console.address}/people/ann%40example.com", timeout=30)
        assert page.status_code == 200
        assert page.text.count("data-case=") == 2
        assert session.get(f"{console.address}/people/nobody%40example.com", timeout=30).status_code == 404


def test_names_are_hidden_until_somebody_reveals_one(tmp_path: Path) -> None:
    """Prevents names from reaching a page where they are hidden, and a name revealed without a reason."""
    made = make_cases(tmp_path, 3)
    values = {"UPLOADWATCH_PSEUDONYMS": "true", "UPLOADWATCH_PSEUDONYM_KEY": "A" * 86 + "=="}
    with served(tmp_path, values) as console:
        session = console.signed_in()
        page = session.get(f"{console.address}/", timeout=30).text
        assert "@example.com" not in page
        [token, *_] = re.findall(r"pn_[A-Za-z0-9_-]{20,}", page.partition("<tbody")[2].partition("<tbody")[2])
        refused = console.post(session, "/reveal", token=token, reason="")
        assert refused.status_code == 422
        assert "@example.com" not in refused.text
        assert "example.com" in console.post(session, "/reveal", token=token, reason="police asked").text
        assert "This is not a token" in console.post(session, "/reveal", token="pn_x", reason="y").text
        people = re.findall(r'href="(/people/[^"]+)"', page)
        assert "@example.com" not in session.get(f"{console.address}{people[0]}", timeout=30).text
    [act] = read_acts(made.lake, acts=["reveal"])
    assert act.text == f"{token}: police asked"


def test_the_audit_log_shows_that_it_was_changed(console: Console, session: requests.Session, home: Published) -> None:
    """Prevents a removed act from going unseen."""
    cases, _ = _form(console, session)
    for act in ("take", "release", "take"):
        console.post(session, "/cases", case=cases[0], act=act)
    assert "Every act follows from the one before." in session.get(f"{console.address}/audit", timeout=30).text
    con = sqlite3.connect(audit_log_path(home.lake))
    con.executescript("DROP TRIGGER acts_stay; DELETE FROM acts WHERE act = 'release';")
    con.close()
    assert "do not follow from the one before" in session.get(f"{console.address}/audit", timeout=30).text
