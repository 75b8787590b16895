"""Accounts joined to persons, on identities made here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.normalise import normalise
from detection.operator_files import OperatorFileError
from detection.persons import MappedAccount, read_persons, resolve, view_by_person
from detection.tables import empty
from tests.support.memory import connect

pytestmark = pytest.mark.sampled

FIRST = datetime(2026, 3, 2)
DOMAINS = ("example.com", "old.example", "new.example")


class Seen(NamedTuple):
    """An account under an address, on days counted from 0."""

    account: str
    address: str | None
    first: float
    last: float
    actor_class: str = "person"
    second: str | None = None


def known(
    rows: Sequence[Seen], *, domains: Sequence[str] = DOMAINS, mapped: Sequence[MappedAccount] = ()
) -> duckdb.DuckDBPyConnection:
    """A connection with what the identities come to; each row is of every day from its first to its last."""
    con = connect(threads=1)
    con.execute(f"CREATE TABLE identities AS {empty('identities')}")
    stored = []
    for row in rows:
        for day in range(int(row.first), int(row.last) + 1):
            first, last = max(row.first, day), min(row.last, day + 0.9)
            stored.append(
                (
                    row.account.partition(":")[0],
                    row.account,
                    row.address,
                    None,
                    row.second,
                    row.actor_class,
                    FIRST + timedelta(days=first),
                    FIRST + timedelta(days=max(first, last)),
                )
            )
    if stored:
        con.executemany("INSERT INTO identities VALUES (?, ?, ?, ?, ?, ?, ?, ?)", stored)
    resolve(con, organisation_domains=domains, mapped=mapped)
    return con


def persons(con: duckdb.DuckDBPyConnection) -> list[set[str]]:
    """The persons, each as the set of their accounts."""
    found: dict[str, set[str]] = {}
    for person, account in con.execute("SELECT DISTINCT person, account FROM person_names ORDER BY 1, 2").fetchall():
        found.setdefault(person, set()).add(account)
    return [found[person] for person in sorted(found)]


def labels(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The label of each person by key."""
    return dict(con.execute("SELECT person, label FROM person_labels").fetchall())


def test_a_renamed_account_is_one_person_and_shown_by_the_present_address():
    """Prevents a rename from making a new user without history."""
    con = known([Seen("box:77", "ann@old.example", 0, 14), Seen("box:77", "ann@new.example", 15, 20)])
    assert persons(con) == [{"box:77"}]
    assert labels(con) == {"box:77": "ann@new.example"}


def test_a_person_at_two_providers_stays_one_while_one_of_them_renames_first():
    """Prevents a person from falling apart between the two renames, and the second from making a third user."""
    rows = [
        Seen("box:77", "ann@old.example", 0, 9),
        Seen("google_workspace:9", "ann@old.example", 1, 20),
        Seen("box:77", "ann@new.example", 10, 30),
        Seen("google_workspace:9", "ann@new.example", 21, 30),
    ]
    con = known(rows)
    assert persons(con) == [{"box:77", "google_workspace:9"}]
    assert labels(con) == {"box:77": "ann@new.example"}
    assert labels(known(rows[:3])) == {"box:77": "ann@new.example"}


def test_an_address_that_somebody_else_gets_makes_nobody_the_same_person():
    """Prevents a successor with a reused address from inheriting the history of whoever had it before."""
    con = known(
        [
            Seen("box:77", "ann@example.com", 0, 10),
            Seen("google_workspace:9", "ann@example.com", 0, 11),
            Seen("box:88", "ann@example.com", 20, 40),
            Seen("google_workspace:19", "ann@example.com", 25, 40),
        ]
    )
    assert persons(con) == [{"box:77", "google_workspace:9"}, {"box:88", "google_workspace:19"}]


def test_two_people_who_swap_addresses_at_one_provider_stay_two():
    """Prevents a swap from joining both with each other's accounts elsewhere."""
    con = known(
        [
            Seen("box:77", "ann@example.com", 0, 9),
            Seen("box:78", "bob@example.com", 0, 9),
            Seen("google_workspace:9", "ann@example.com", 0, 20),
            Seen("google_workspace:10", "bob@example.com", 0, 20),
            Seen("box:77", "bob@example.com", 10, 20),
            Seen("box:78", "ann@example.com", 10, 20),
        ]
    )
    assert persons(con) == [{"box:77", "google_workspace:9"}, {"box:78", "google_workspace:10"}]


def test_a_stranger_with_an_old_address_at_another_provider_is_not_joined_after_a_month():
    """Prevents joining over time: what was long ago says nothing of who has the address now."""
    rows = [Seen("box:77", "ann@example.com", 0, 3), Seen("google_workspace:9", "ann@example.com", 60, 62)]
    assert persons(known(rows)) == [{"box:77"}, {"google_workspace:9"}]


@pytest.mark.parametrize(
    ("address", "domains", "actor_class", "joined"),
    [
        ("ann@example.com", DOMAINS, "person", True),
        ("ann@elsewhere.example", DOMAINS, "person", False),
        ("ann@elsewhere.example", (), "person", True),
        ("ann@elsewhere.example", (), "guest", False),
    ],
)
def test_only_addresses_of_the_organisation_join_providers(address, domains, actor_class, joined):
    """Prevents an address that a stranger made up at one provider from making him an employee at another."""
    rows = [Seen("box:77", address, 0, 3), Seen("dropbox:dbmid:9", address, 0, 3, actor_class)]
    assert len(persons(known(rows, domains=domains))) == (1 if joined else 2)


def test_ids_of_several_kinds_at_one_provider_are_one_account():
    """Prevents a person from being two because one workload writes an id in another way, or logs another id."""
    puid = [
        Seen("office365:i:0h.f|membership|1003bffd8ec47ca6@live.com", "ann@example.com", 0, 3),
        Seen("office365:1003BFFD8EC47CA6@tenant.example", None, 1, 3),
        Seen("office365:1153977025279851686@tenant.example", None, 1, 3),
        Seen("office365:9f1c0000-0000-4000-8000-000000000001", "ann@example.com", 2, 4),
    ]
    assert len(persons(known(puid, domains=["other.example"]))) == 1
    member = [
        Seen("dropbox:dbmid:1", None, 0, 3, second="dropbox:dbid:1"),
        Seen("dropbox:dbid:1", "ann@example.com", 5, 6),
    ]
    assert persons(known(member)) == [{"dropbox:dbmid:1", "dropbox:dbid:1"}]


def test_an_event_without_an_id_belongs_to_whoever_had_the_address_then():
    """Prevents events that name the address alone from making a second user, or from going to a later holder."""
    con = known(
        [
            Seen("box:77", "ann@example.com", 3, 10),
            Seen("box:ann@example.com", "ann@example.com", 0, 30),
            Seen("box:88", "ann@example.com", 20, 30),
        ]
    )
    assert persons(con) == [{"box:77"}, {"box:88"}]
    acts = [(1.0, None), (5.0, None), (15.0, None), (25.0, None), (25.0, "77")]
    con.execute(f"CREATE TABLE uploads AS {empty('uploads')}")
    for day, id_ in acts:
        con.execute(
            "INSERT INTO uploads BY NAME SELECT 'box' AS provider, ? AS time, ? AS user_id, "
            "'ann@example.com' AS \"user\", 'person' AS actor_class",
            [FIRST + timedelta(days=day), id_],
        )
    view_by_person(con, "seen", "uploads")
    found = con.execute('SELECT "user" FROM seen ORDER BY time, user_id NULLS FIRST').fetchall()
    assert [user for (user,) in found] == ["box:77", "box:77", "box:77", "box:88", "box:77"]


@pytest.mark.parametrize("id_", ["Not Available", "ann@example.com", "00000000-0000-0000-0000-000000000000"])
def test_what_many_have_in_place_of_an_id_is_no_id(id_):
    """Prevents everybody whose id the log does not tell from becoming one person."""
    con = known([])
    con.execute(f"CREATE TABLE uploads AS {empty('uploads')}")
    con.execute(
        "INSERT INTO uploads BY NAME SELECT 'office365' AS provider, ? AS time, ? AS user_id, "
        "'ann@example.com' AS \"user\", 'person' AS actor_class",
        [FIRST, id_],
    )
    view_by_person(con, "seen", "uploads")
    assert con.execute('SELECT "user", has_address FROM seen').fetchall() == [("ann@example.com", True)]


def test_nobodys_events_are_nobodys_person():
    """Prevents anonymous uploads and the provider's own from being joined with an account."""
    con = known([])
    con.execute(f"CREATE TABLE uploads AS {empty('uploads')}")
    con.execute(
        "INSERT INTO uploads BY NAME SELECT 'box' AS provider, ? AS time, '2' AS user_id, "
        "'box:anonymous' AS \"user\", 'anonymous' AS actor_class",
        [FIRST],
    )
    view_by_person(con, "seen", "uploads")
    assert con.execute('SELECT "user", actor_class FROM seen').fetchall() == [("box:anonymous", "anonymous")]


def test_an_account_is_of_the_class_that_its_address_says():
    """Prevents an event without the address from counting as an employee's where the others are a guest's."""
    con = known([Seen("box:77", "ann@partner.example", 0, 5, "guest"), Seen("box:77", None, 0, 9, "person")])
    found = con.execute("SELECT actor_class, has_address FROM account_persons WHERE account = 'box:77'").fetchall()
    assert found == [("guest", True)]


def test_the_operators_file_joins_what_no_address_does_and_keeps_apart_what_one_would():
    """Prevents a second account of one person, with no address in common, from being a second user for good."""
    rows = [
        Seen("box:77", "ann@example.com", 0, 9),
        Seen("box:88", "ann@example.com", 20, 30),
        Seen("google_workspace:9", "a.smith@example.com", 0, 30),
        Seen("office365:1003bffd8ec47ca6", "a.smith@example.com", 0, 30),
    ]
    assert len(persons(known(rows))) == 3
    ann = [
        MappedAccount(person="Ann", source="box", account="77"),
        MappedAccount(person="Ann", source="box", account="88"),
        MappedAccount(person="Ann", address="A.Smith@example.com"),
    ]
    assert persons(known(rows, mapped=ann)) == [{account for account, *_ in rows}]
    apart = [
        MappedAccount(person="Ann", source="google_workspace", account="9"),
        MappedAccount(person="Abe", source="office365", account="1003bffd8ec47ca6"),
    ]
    assert len(persons(known(rows, mapped=apart))) == 4


def test_an_account_that_two_rows_mean_is_given_once_and_joins_nobody():
    """Prevents two people of the file from becoming one because one's address is that of the other's account.

    What names the account decides, and whoever takes somebody's address can neither stop the judgement nor join them.
    """
    rows = [
        Seen("box:77", "ann@example.com", 0, 30),
        Seen("box:88", "ben@example.com", 0, 30),
        Seen("office365:1003bffd8ec47ca6", "b.brown@example.com", 0, 30),
    ]
    mapped = [
        MappedAccount(person="Ann", address="b.brown@example.com"),
        MappedAccount(person="Ann", source="box", account="77"),
        MappedAccount(person="Ben", source="box", account="88"),
        MappedAccount(person="Ben", source="office365", account="1003bffd8ec47ca6"),
    ]
    found = [{"box:77"}, {"box:88", "office365:1003bffd8ec47ca6"}]
    assert persons(known(rows, mapped=mapped)) == persons(known(rows, mapped=mapped[::-1])) == found


def test_an_account_may_be_named_as_the_key_of_a_person_names_it():
    """Prevents a row from meaning nobody because the id was copied with its source, as alerts and tables have it."""
    assert MappedAccount(person="Ann", source="box", account="box:77").account == "77"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("person,source,account\nAnn,box,7\nBen,box,7\n", r"line 2 and line 3: '7' is given to 'Ann' and to 'Ben'"),
        (
            "person,source,address\nAnn,,a@b.example\n\nBen,box,A@b.example\n",
            r"line 2 and line 4: 'a@b.example' is given to 'Ann' and to 'Ben'",
        ),
        ("person,source,account\nAnn,box,7\nBen,box,box:7\n", r"line 2 and line 3: '7' is given"),
        ("person,account\nAnn,7\n", "line 2: an account needs its source"),
        ("person,source\nAnn,box\n", "line 2: give either account or address"),
        ("person,source,account\nAnn,bax,7\n", "line 2: source 'bax'"),
        ("person,address\nAnn,ann\n", "line 2: address 'ann': it is not an address"),
        ("name,address\nAnn,ann@example.com\n", "It needs person"),
    ],
)
def test_a_file_of_persons_that_cannot_be_used_says_where_and_why(tmp_path: Path, text, said):
    """Prevents a row with a mistake from joining the wrong people in silence."""
    path = tmp_path / "persons.csv"
    path.write_text(text)
    with pytest.raises(OperatorFileError, match=said):
        read_persons(path)


def _accounts() -> st.SearchStrategy[list[tuple[str, list[int]]]]:
    return st.lists(
        st.tuples(st.sampled_from("abcd"), st.lists(st.integers(1, 25), max_size=3)), min_size=8, max_size=8
    )


@settings(max_examples=40, deadline=None)
@given(_accounts(), st.randoms(use_true_random=False))
def test_no_rename_changes_who_is_who(renames, random):
    """Prevents any order of renames, to any address, from joining two people or splitting one.

    Four people have an account at each of two providers under one address at first. Each account is then renamed at
    some days to an address of anybody's, or to none.
    """
    rows = []
    for n, (_, days) in enumerate(renames):
        provider, person = ("box", "google_workspace")[n % 2], "abcd"[n // 2]
        starts = [0, *sorted(set(days)), 30]
        for place, (start, end) in enumerate(pairwise(starts)):
            other = random.choice([*"abcdxyz", None])
            address = f"{person}@example.com" if place == 0 else other and f"{other}@example.com"
            rows.append(Seen(f"{provider}:{person}", address, start, end - 0.5))
    expected = [{f"box:{person}", f"google_workspace:{person}"} for person in "abcd"]
    assert persons(known(rows)) == expected
    random.shuffle(rows)
    assert persons(known(rows)) == expected


def test_a_day_tells_which_accounts_it_saw_and_under_which_names(tmp_path: Path):
    """Prevents a table of identities that misses a renamed account, one without an address, or a second id."""
    box = [
        {
            "event_id": f"e{n}",
            "event_type": "UPLOAD",
            "created_at": f"2026-03-02T1{n}:00:00Z",
            "created_by": {"id": "77", "login": login, "name": "Anonymous User"},
            "source": {"item_type": "file", "item_id": "1", "item_name": "a.zip"},
        }
        for n, login in enumerate(["Ann@Old.example", "ann@new.example", "", "ann@new.example"])
    ]
    member = {"account_id": "dbid:1", "team_member_id": "dbmid:1"}
    dropbox = [
        {
            "timestamp": "2026-03-02T10:00:00Z",
            "event_type": {".tag": "file_add"},
            "actor": {".tag": "user", "user": {".tag": "team_member", **member}},
            "assets": [{".tag": "file", "file_id": "id:1", "display_name": "a.zip"}],
        }
    ]
    found = []
    with connect() as con:
        for provider, lines in (("box", box), ("dropbox", dropbox)):
            path = tmp_path / f"{provider}.ndjson"
            path.write_text("".join(json.dumps(line) + "\n" for line in lines))
            normalise(con, provider, day=FIRST.date(), raw_files=[str(path)], organisation_domains=[])
            columns = "account, address, display_name, second_account, hour(first_seen), hour(last_seen)"
            found += con.execute(f"SELECT {columns} FROM seen_accounts ORDER BY address NULLS FIRST").fetchall()
    assert found == [
        ("box:77", None, "Anonymous User", None, 12, 12),
        ("box:77", "ann@new.example", "Anonymous User", None, 11, 13),
        ("box:77", "ann@old.example", "Anonymous User", None, 10, 10),
        ("dropbox:dbmid:1", None, None, "dropbox:dbid:1", 10, 10),
    ]
