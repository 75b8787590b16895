"""The alert of a group: its cause in words, the largest of its users, and entries that allow the cause and no more."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from detection.allow_list import Entry, read
from detection.risk import Networks
from detection.user_agents import MARK
from dossier.page import Page, page_of
from dossier.reading import read_alerts, read_evidence
from dossier.terminal import page_in_terminal
from lake.ledger import publish
from lake.shown_alerts import read_alerts as read_shown
from notify.outbox import Letter
from notify.pseudonymized import pseudonymized
from notify.text import text_of
from privacy.pseudonyms import Pseudonyms
from tests.support.memory import connect
from tests.support.small_lake import OPENS, SmallLake

NOW = datetime(2026, 2, 21, 9, tzinfo=UTC)
GROUP = "f" * 64
KEY = base64.b64encode(bytes(range(64))).decode()
HOUR = timedelta(hours=1)
SENTENCE = "On that day, 6 users."


def lake(
    home: Path, cause: str = "box/Rclone", domain: str = "example.com", users: int = 6, **upload: Any
) -> SmallLake:
    """Make a lake with a group: of its users u1 has the highest score, u2 the most files and u3 the most bytes."""
    small = SmallLake(home)
    for n in range(users):
        user = f"u{n}@{domain}"
        small.upload(OPENS + timedelta(minutes=5), "mail.pst", user=user, owner=user, **{"app": "Rclone", **upload})
        small.alert(
            files=1 + 9 * (n == 2),
            user=user,
            alert_id=f"{n:064x}",
            folded_into=GROUP,
            score=9.0 + (n == 1),
            threshold=7.0,
            bytes=1000 + 10**9 * (n == 3),
            sized_files=1,
            cause=cause,
        )
    group: dict[str, Any] = {"alert_id": GROUP, "name": "Massive upload to SaaS service: common cause"}
    group |= {"severity": "Informational"}
    group |= {"user": f"(many users of {cause})", "users": users, "providers": ["box"], "cause": cause}
    group |= {"first_window_start": OPENS, "last_window_end": OPENS + 3 * HOUR, "period_start": OPENS, "files": 15}
    group |= {"sized_files": 6, "bytes": 10**9 + 6000, "estimated_files": 0, "suppressed_count": 5, "reasons": []}
    small.add("alerts", OPENS.date(), group | {"sentence": SENTENCE})
    return small


def page(small: SmallLake, *, domains: list[str] | None = None, key: str = "") -> Page:
    with connect() as con:
        publish(con, small.write(), NOW)
        [alert] = read_alerts(con)
        evidence = read_evidence(con, small.lake, [alert], now=NOW, networks=Networks(), terms=[])[GROUP]
        given = ["example.com"] if domains is None else domains
        return page_of(alert, evidence, domains=given, now=NOW, pseudonyms=Pseudonyms(key) if key else None)


def entries(made: Page, home: Path) -> list[Entry]:
    """Read the offered text as the operator's allow-list would be read."""
    path = home / "allow.toml"
    path.write_text(made.allow, encoding="utf-8")
    return read(path)


def words(pieces: tuple[str, ...]) -> str:
    return "".join(pieces)


def test_a_page_names_the_largest_of_its_group(tmp_path):
    """Prevents an insider in a rollout from being one of hundreds of names that nobody reads."""
    small = lake(tmp_path)
    made = page(small)
    largest, users = made.groups
    assert [(words(row[0]), words(row[1])) for row in largest.rows] == [
        ("By score above the threshold", "u1@example.com"),
        ("By files", "u2@example.com"),
        ("By bytes", "u3@example.com"),
    ]
    assert len(users.rows) == 6
    assert made.alert.sentence == SENTENCE
    assert page_in_terminal(made)
    [shown] = read_shown(small.lake, NOW)
    assert [(each["by"], each["user"]) for each in shown["largest"]] == [
        ("score", "u1@example.com"),
        ("files", "u2@example.com"),
        ("bytes", "u3@example.com"),
    ]


def test_names_in_a_group_are_pseudonyms_where_pages_have_them(tmp_path):
    """Prevents the largest users of a group from standing in clear on pseudonymized pages and in messages."""
    small = lake(tmp_path, domain="people.example.net")
    made = page(small, key=KEY)
    token = Pseudonyms(KEY).of("u1@people.example.net")
    assert words(made.groups[0].rows[0][1]) == token
    assert "people.example.net" not in str(made)
    assert f'user = "{token}"' in made.allow
    [shown] = read_shown(small.lake, NOW)
    letter = Letter(1, GROUP, 1, "case.opened", shown, 0)
    said = text_of(letter.event, pseudonymized(letter, Pseudonyms(KEY)).about)
    assert token in said
    assert "people.example.net" not in said
    assert "Largest by score: u1@people.example.net, 1 file, 1.0 kB" in text_of(letter.event, shown)
    assert "Common cause: Box, application Rclone." in said


@pytest.mark.parametrize(
    ("cause", "upload", "said"),
    [
        ("box/Rclone", {}, "Common cause: uploads to Box with the application Rclone."),
        ("box/app-7", {"app": "Sync", "app_id": "app-7"}, "uploads to Box with the application Sync (id app-7)."),
        ("box", {"app": None}, "Common cause: uploads to Box."),
    ],
)
def test_the_cause_is_told_in_words(tmp_path, cause, upload, said):
    """Prevents an analyst from being told an application's number, which no one knows it by."""
    assert said in words(page(lake(tmp_path, cause, **upload)).facts[0])


@pytest.mark.parametrize("app", ["Rclone", 'Sync "pro"\\\x7f\x1b\n[[allow]]'])
def test_the_offered_entry_allows_the_application_to_the_organisation(tmp_path, app):
    """Prevents an entry that the reader refuses, or one that allows another application than the cause."""
    [entry] = entries(page(lake(tmp_path, f"box/{app}", app=app)), tmp_path)
    assert (entry.user, entry.provider, entry.app, entry.app_id) == ("*@example.com", "box", app.strip(), None)
    assert entry.expires == NOW.date() + timedelta(days=14)


@pytest.mark.parametrize(("app", "name"), [("Sync", "Sync"), (f"Sync{MARK}", None)])
def test_an_id_of_the_application_narrows_the_entry(tmp_path, app, name):
    """Prevents an entry by a name that any application may give itself, where the log has an id."""
    [entry] = entries(page(lake(tmp_path, "box/app-7", app=app, app_id="app-7")), tmp_path)
    assert (entry.user, entry.app, entry.app_id) == ("*@example.com", name, "app-7")
    assert entry.weakness == ""


@pytest.mark.parametrize(
    ("cause", "upload"), [(f"box/Rclone{MARK}", {"app": f"Rclone{MARK}"}), ("box", {"app": None}), ("box/gone", {})]
)
def test_nothing_that_users_choose_stands_for_a_domain(tmp_path, cause, upload):
    """Prevents a thief from being allowed by the user agent, or without any application, since others migrate."""
    found = entries(page(lake(tmp_path, cause, **upload)), tmp_path)
    assert [entry.user for entry in found] == ["u2@example.com", *(f"u{n}@example.com" for n in (0, 1, 3, 4, 5))]


def test_users_of_other_domains_have_entries_of_their_own(tmp_path):
    """Prevents an entry for everybody of a mail provider, of whom some are guests."""
    found = entries(page(lake(tmp_path, domain="mail.example.org")), tmp_path)
    assert len(found) == 6
    assert {entry.user for entry in found} == {f"u{n}@mail.example.org" for n in range(6)}
    [entry] = entries(page(lake(tmp_path / "alone", domain="mail.example.org"), domains=[]), tmp_path)
    assert entry.user == "*@mail.example.org"


def test_a_rollout_is_named_as_what_it_may_be(tmp_path):
    """Prevents a group's page without the two causes that most groups have."""
    causes = " ".join(page(lake(tmp_path)).causes)
    assert "A migration" in causes
    assert "a new client" in causes
