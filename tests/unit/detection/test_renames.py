"""Renames, lost addresses and swaps: what must leave the alerts as they were, from events to what is raised."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detection.backtest import Raised, play, raised
from detection.parameters import Parameters
from detection.persons import resolve, view_by_person
from detection.saves import count_saves
from detection.sql import into, load
from detection.tables import empty
from tests.support.memory import connect

pytestmark = pytest.mark.sampled

FIRST = datetime(2026, 1, 5)
DAYS = 10
SOON = Parameters(budget=20, activation_days=4, warm_up_days=2)
DOMAINS = ["example.com", "new.example"]
BURSTS = {
    # By one account; by both of a person's, which only together are many; by an app in a person's name; a guest's.
    "p03": [("box", 7, 700)],
    "p04": [("box", 8, 40), ("google_workspace", 8, 40)],
    "p05": [("google_workspace", 8, 600)],
    "p06": [("box", 8, 500)],
}


class Event(NamedTuple):
    """An upload as the log of a provider tells it."""

    provider: str
    user_id: str
    user: str
    actor_class: str
    time: datetime


class Account(NamedTuple):
    """Changes to an account.

    Attributes:
        renames: Day and new address, in the order of the days.
        lost: Share of its events, after the first, that come without an address.
    """

    renames: tuple[tuple[int, str], ...] = ()
    lost: float = 0


@cache
def ordinary() -> tuple[tuple[str, str, datetime], ...]:
    """Provider, person and time of every upload, in order."""
    draw = np.random.default_rng(3)
    rows = []
    for day in range(DAYS):
        for person in range(24):
            for provider in ("box", "google_workspace"):
                if (draw.random() < 0.5 and (provider == "box" or person < 12)) or day == 0:
                    at = FIRST + timedelta(days=day, hours=8 + int(draw.integers(8)))
                    count = int(1 + 10 ** draw.normal(0.4, 0.3))
                    rows += [(provider, f"p{person:02}", at + timedelta(seconds=n)) for n in range(count)]
    for name, bursts in BURSTS.items():
        for provider, day, count in bursts:
            at = FIRST + timedelta(days=day, hours=14)
            rows += [(provider, name, at + timedelta(seconds=n)) for n in range(count)]
    return tuple(sorted(rows, key=lambda row: row[2]))


def address_of(person: str) -> str:
    """The address of a person at first."""
    return f"{person}@partner.example" if person == "p06" else f"{person}@example.com"


def events(accounts: dict[tuple[str, str], Account], seed: int) -> list[Event]:
    """The uploads, as the logs tell them where these things happen to the accounts."""
    draw = np.random.default_rng(seed)
    begun: set[tuple[str, str]] = set()
    found = []
    for provider, person, time in ordinary():
        account = accounts.get((provider, person), Account())
        address: str | None = address_of(person)
        for day, renamed in account.renames:
            if time >= FIRST + timedelta(days=day):
                address = renamed
        if (provider, person) in begun and draw.random() < account.lost:
            address = None
        begun.add((provider, person))
        kind = "app" if person == "p05" else "person"
        if kind == "person" and address and address.partition("@")[2] not in DOMAINS:
            kind = "guest"
        found.append(Event(provider, f"id-{person}", address or f"{provider}:id-{person}", kind, time))
    return found


def alerts(uploads: Sequence[Event]) -> tuple[list[Raised], dict[str, str]]:
    """Return the alerts that the chain raises, by person, and each person's shown name."""
    with connect(threads=1) as con:
        columns = dict(zip(Event._fields, map(list, zip(*uploads, strict=True)), strict=True))
        con.register("given_events", pa.table(columns))
        con.execute(
            f"CREATE TABLE logged AS {empty('uploads')} UNION ALL BY NAME "
            "SELECT *, '' AS extension, concat('e', row_number() OVER ()) AS event_key, 0 AS asset FROM given_events"
        )
        con.execute("CREATE TABLE identities AS " + empty("identities"))
        for day in range(DAYS):
            # Each day tells what it saw, as in the lake.
            start = FIRST + timedelta(days=day)
            acts = (
                "SELECT *, CAST(NULL AS VARCHAR) AS display_name, CAST(NULL AS VARCHAR) AS second_id FROM logged "
                f"WHERE CAST(time AS DATE) = DATE '{start:%Y-%m-%d}'"
            )
            into(con, "seen", "normalise/accounts", given={"acts": acts, "keyed": load("persons/keyed")})
            con.execute("INSERT INTO identities BY NAME FROM seen")
        resolve(con, organisation_domains=DOMAINS)
        view_by_person(con, "uploads", "logged")
        count_saves(con, "hours")
        con.execute(
            "CREATE TABLE sources AS SELECT unnest(['box', 'google_workspace']) AS provider, "
            "CAST(? AS TIMESTAMP) AS first_day",
            [FIRST],
        )
        con.execute(f"CREATE TABLE reviews AS {empty('reviews')}")
        first = date(2026, 1, 5)
        play(con, first, first + timedelta(days=DAYS - 1), SOON)
        labels = dict(con.execute("SELECT person, label FROM person_labels").fetchall())
        return raised(con, first + timedelta(days=4)), labels


@cache
def undisturbed() -> tuple[list[Raised], dict[str, str]]:
    """Return the alerts raised when nobody is renamed."""
    return alerts(events({}, 0))


def test_the_alerts_are_there():
    """Prevents the property below from holding because nothing is raised."""
    found, labels = undisturbed()
    shown = {labels[alert.user] for alert in found}
    assert {address_of(person) for person in BURSTS} <= shown


_NAMES = st.sampled_from([*(f"p{n:02}@example.com" for n in range(24)), "fresh@new.example", "other@new.example"])
_ACCOUNT = st.builds(
    Account,
    st.lists(st.tuples(st.integers(1, DAYS - 1), _NAMES), max_size=3).map(lambda found: tuple(sorted(found))),
    st.sampled_from([0, 0.3, 1]),
)
_WHOSE = st.tuples(st.sampled_from(["box", "google_workspace"]), st.sampled_from([*BURSTS, "p00", "p01"]))


@settings(max_examples=5, deadline=None)
@given(st.dictionaries(_WHOSE, _ACCOUNT, min_size=1, max_size=6), st.integers(0, 9))
def test_what_a_person_is_called_changes_no_alert(accounts, seed):
    """Prevents a rename, an address of somebody else's, or one that is missing, from making or hiding an alert."""
    # Who is a guest follows from the address, and shows in nothing that is compared here.
    assert alerts(events(accounts, seed))[0] == undisturbed()[0]


def test_the_present_address_is_shown():
    """Prevents an alert that names a person by an address that is no longer theirs."""
    found, labels = alerts(events({("box", "p03"): Account(((6, "renamed@new.example"),))}, 0))
    assert found == undisturbed()[0]
    assert "renamed@new.example" in labels.values()
