"""Restores of the lake and of the outbox, which are backups of different age: every change reaches a receiver."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lake.ledger import publish
from lake.store import Lake
from notify.channels import open_channel
from notify.delivery import deliver, enter_alerts, outbox_of
from notify.messages import feed_message, run_failed
from notify.outbox import Outbox, OutboxError
from notify.settings import read_channels
from tests.support.memory import connect
from tests.support.notified import NOON, NOW, Made, Receiver, receiver, write_alerts

pytestmark = pytest.mark.sampled

WEEK = timedelta(days=7)
DAYS = timedelta(days=1)


class Home:
    """A home whose alerts a test names, with a receiver that drops what it has under a key."""

    def __init__(self, path: Path, soc: Receiver) -> None:
        self.path = path
        self.soc = soc
        self.backups = path.with_name(f"{path.name}-backups")

    def alerts(self, **hours: int) -> None:
        """Replace the alerts with these: each by its key and its length in hours."""
        write_alerts(self.path, *(Made(key, f"{key}@example.com", NOON, hours=n) for key, n in hours.items()))

    def round(self, now: datetime = NOW, max_age: timedelta = WEEK) -> list[tuple[str, int]]:
        """Do a round and return the event and length of everything new to the receiver."""
        before = set(self.soc.bodies())
        channels = [open_channel(each) for each in read_channels(self.soc.variables)]
        outbox = outbox_of(self.path)
        enter_alerts(outbox, Lake(root=str(self.path / "lake")), channels, now, max_age)
        deliver(outbox, channels, lambda: now)
        return [said(body) for key, body in self.soc.bodies().items() if key not in before]

    def back_up(self) -> None:
        shutil.rmtree(self.backups, ignore_errors=True)
        shutil.copytree(self.path, self.backups)

    def restore_lake(self) -> None:
        """As documented: the old one moved away, the backup put in its place."""
        shutil.rmtree(self.path / "lake")
        shutil.copytree(self.backups / "lake", self.path / "lake")

    def restore_outbox(self, *, in_place: bool = True) -> None:
        if not in_place:
            (self.path / "outbox.db").unlink()
        shutil.copy2(self.backups / "outbox.db", self.path / "outbox.db")

    def restore_all(self, *, in_place: bool = True) -> None:
        if not in_place:
            shutil.rmtree(self.path)
        shutil.copytree(self.backups, self.path, dirs_exist_ok=True)

    def view(self) -> dict[str, tuple[str, int]]:
        """Return each alert's present state as the receiver sees it."""
        return {body["alert"]["alert_id"]: said(body) for body in self.soc.bodies().values()}


def said(body: dict[str, Any]) -> tuple[str, int]:
    alert = body["alert"]
    length = datetime.fromisoformat(alert["last_window_end"]) - datetime.fromisoformat(alert["first_window_start"])
    return body["event"].partition(".")[2], length // timedelta(hours=1)


@pytest.fixture
def home(tmp_path: Path):
    with receiver() as soc:
        yield Home(tmp_path / "home", soc)


def test_what_changes_after_a_restore_of_the_lake_is_told(home: Home):
    """Prevents the numbers that a restored ledger gives out again from being taken for what was told under them."""
    home.alerts(a=3)
    home.round()
    home.back_up()
    for hours in (4, 5, 6):
        home.alerts(a=hours)
        home.round()
    home.restore_lake()
    told = []
    for hours in (7, 8):
        home.alerts(a=hours)
        told += home.round()
    home.alerts()
    told += home.round()
    assert told == [("updated", 7), ("updated", 8), ("withdrawn", 8)]
    numbers = [body["alert"]["revision"] for body in home.soc.bodies().values()]
    assert numbers == sorted(set(numbers))


def test_a_restored_lake_that_says_something_else_is_told(home: Home):
    """Prevents a channel from keeping a form of an alert that the restored lake does not have."""
    home.alerts(a=3)
    home.round()
    home.back_up()
    home.alerts(a=4)
    home.round()
    home.restore_lake()
    assert home.round() == [("updated", 3)]
    assert home.round() == []
    home.alerts(a=4)
    assert home.round() == [("updated", 4)]


@pytest.mark.parametrize("in_place", [True, False])
def test_a_restored_outbox_tells_all_that_it_cannot_know(home: Home, in_place):
    """Prevents changes between the backup and the restore, a withdrawal among them, from being lost."""
    home.alerts(a=3)
    home.round()
    home.back_up()
    home.alerts(a=3, b=3)
    home.round()
    home.alerts(a=4)
    home.restore_outbox(in_place=in_place)
    assert sorted(home.round()) == [("updated", 4), ("withdrawn", 3)]
    assert home.round() == []


@pytest.mark.parametrize("in_place", [True, False])
def test_a_restored_home_gives_no_key_to_something_else(home: Home, in_place):
    """Prevents a receiver from dropping what the restored ledger and outbox number as they did other forms."""
    home.alerts(a=3)
    home.round()
    home.back_up()
    for hours in (4, 5):
        home.alerts(a=hours)
        home.round()
    home.restore_all(in_place=in_place)
    told = []
    for hours in (6, 4):
        home.alerts(a=hours)
        told += home.round()
    home.alerts()
    told += home.round()
    assert told == [("updated", 6), ("updated", 4), ("withdrawn", 4)]


@pytest.mark.parametrize("in_place", [True, False])
def test_an_alert_that_a_fault_withdrew_is_told_again_after_the_restore(home: Home, in_place):
    """Prevents an alert from staying withdrawn where people look, after the home was restored to before the fault."""
    home.alerts(a=3)
    home.round()
    home.back_up()
    home.alerts()
    assert home.round() == [("withdrawn", 3)]
    home.restore_all(in_place=in_place)
    assert home.round() == [("updated", 3)]


@pytest.mark.parametrize("restored", [False, True])
def test_a_deleted_outbox_loses_nothing(home: Home, restored):
    """Prevents a withdrawal of what a deleted outbox had told from being kept from those who were told."""
    home.alerts(a=3, b=3)
    home.round()
    if restored:
        home.back_up()
        home.alerts(a=4, b=4)
        home.round()
        home.restore_lake()
        home.alerts(a=5, b=5)
        home.round()
    (home.path / "outbox.db").unlink()
    home.alerts(a=6)
    assert sorted(home.round()) == [("opened", 6), ("withdrawn", 5 if restored else 3)]
    home.alerts(a=7)
    assert home.round() == [("updated", 7)]


def test_a_deleted_outbox_loses_nothing_where_its_first_round_has_a_wrong_clock(home: Home):
    """Prevents a withdrawal from being kept from those who were told by the outbox that is gone."""
    home.alerts(a=3)
    home.round()
    (home.path / "outbox.db").unlink()
    assert home.round(NOW + 30 * DAYS) == []
    home.alerts()
    assert home.round() == [("withdrawn", 3)]


def test_what_seemed_too_old_while_the_clock_was_ahead_is_told_once_it_is_right(home: Home):
    """Prevents alerts that came up in a round with a wrong clock, or a short age, from never being told."""
    home.alerts(a=3)
    assert home.round(NOW + 30 * DAYS) == []
    assert home.round(NOW) == [("opened", 3)]
    home.alerts(a=4)
    assert home.round(NOW, max_age=timedelta(hours=1)) == []
    assert home.round(NOW) == [("updated", 4)]
    assert home.round(NOW) == []


@pytest.mark.parametrize("answers", [204, 503])
def test_a_clock_that_was_ahead_delays_nothing(tmp_path: Path, answers: int):
    """Prevents a message that was entered or tried by a clock that ran ahead from waiting until that time comes."""
    later = NOW + 3 * DAYS
    with receiver(status=answers) as soc:
        channels = [open_channel(each) for each in read_channels(soc.variables)]
        lake = write_alerts(tmp_path, Made("a", "ann", NOON))
        outbox = outbox_of(tmp_path)
        enter_alerts(outbox, lake, channels, later, WEEK)
        if answers == 503:
            deliver(outbox, channels, lambda: later)
        assert len(soc.server.asked) == (answers == 503)
        deliver(outbox, channels, lambda: NOW)
        assert len(soc.server.asked) == 1 + (answers == 503)


def test_a_feed_that_stops_again_after_a_restore_has_another_key(tmp_path: Path):
    """Prevents the second stop of a feed from being dropped as the first by a receiver that has its key."""
    with receiver() as soc:
        channels = [open_channel(each) for each in read_channels(soc.variables)]

        def turn(*, stale: bool) -> None:
            outbox_of(tmp_path).add([feed_message("box", stale=stale, said="")], channels, NOW)
            deliver(outbox_of(tmp_path), channels, lambda: NOW)

        turn(stale=True)
        turn(stale=False)
        shutil.copy2(tmp_path / "outbox.db", tmp_path / "backup.db")
        turn(stale=True)
        turn(stale=False)
        shutil.copy2(tmp_path / "backup.db", tmp_path / "outbox.db")
        turn(stale=True)
        (tmp_path / "outbox.db").unlink()
        turn(stale=True)
        turn(stale=False)
        events = [event for _, event in soc.received()]
    assert events == ["feed.stale", "feed.fresh"] * 2 + ["feed.stale"] * 2 + ["feed.fresh"]


FIRST_LAYOUT = """
CREATE TABLE told (
  subject TEXT NOT NULL, revision INTEGER NOT NULL, told_at TEXT NOT NULL, PRIMARY KEY (subject, revision)
) WITHOUT ROWID;
CREATE TABLE letters (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  channel TEXT NOT NULL, subject TEXT NOT NULL, revision INTEGER NOT NULL, line TEXT NOT NULL, event TEXT NOT NULL,
  about TEXT, state TEXT NOT NULL, attempts INTEGER NOT NULL, due TEXT NOT NULL, reason TEXT,
  UNIQUE (channel, subject, revision)
);
CREATE INDEX unsent_letters ON letters (channel, line, number) WHERE state <> 'sent';
CREATE VIEW unsent AS
  SELECT *, EXISTS (
    SELECT 1 FROM letters e
    WHERE e.channel = l.channel AND e.line = l.line AND e.number < l.number AND e.state <> 'sent'
  ) AS behind
  FROM letters l WHERE state <> 'sent';
CREATE TABLE marks (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
INSERT INTO told VALUES ('a', 1, 't'), ('a', 2, 't'), ('b', 1, 't'), ('run-7', 1, 't'), ('feed-box', 1, 't');
INSERT INTO letters VALUES
  (1, 'soc', 'a', 1, '', 'alert.new', NULL, 'sent', 1, '2026-03-01T00:00:00+00:00', NULL),
  (2, 'soc', 'a', 2, '', 'alert.changed', NULL, 'sent', 1, '2026-03-01T00:00:00+00:00', NULL),
  (3, 'soc', 'b', 1, '', 'alert.new', NULL, 'sent', 1, '2026-03-01T00:00:00+00:00', NULL),
  (4, 'soc', 'feed-box', 1, 'feed-box', 'feed.stale', '{"provider": "box", "reason": "x"}', 'pending', 1,
   '2026-03-01T00:00:00+00:00', 'status 503');
INSERT INTO marks VALUES ('alerts', 'digest'), ('feed box', 'stale 1');
"""
"""Outbox in the first layout, with SQLite's own syntax only."""


def test_an_outbox_of_the_first_layout_is_taken_over(home: Home):
    """Prevents an upgrade from notifying everything again, or from losing what waits or was never told."""
    home.alerts(a=3, b=3)
    with connect() as con:
        publish(con, Lake(root=str(home.path / "lake")), NOW)
    home.alerts(a=4, b=3, c=3)
    with closing(sqlite3.connect(home.path / "outbox.db")) as database:
        database.executescript(FIRST_LAYOUT)
    channels = [open_channel(each) for each in read_channels(home.soc.variables)]
    lake = Lake(root=str(home.path / "lake"))
    enter_alerts(outbox_of(home.path), lake, channels, NOW, WEEK)
    outbox_of(home.path).add(
        [feed_message("box", stale=True, said="x"), run_failed("7", "poll", [], {"box": "no"})], channels, NOW
    )
    deliver(outbox_of(home.path), channels, lambda: NOW)
    assert home.soc.received() == [("feed-box-1", "feed.stale"), ("c-1", "case.opened")] or home.soc.received() == [
        ("c-1", "case.opened"),
        ("feed-box-1", "feed.stale"),
    ]
    home.alerts(a=5, c=3)
    assert sorted(home.round()) == [("updated", 5), ("withdrawn", 3)]
    outbox_of(home.path).add([feed_message("box", stale=False, said="x")], channels, NOW)
    deliver(outbox_of(home.path), channels, lambda: NOW)
    assert home.soc.received()[-1] == ("feed-box-2", "feed.fresh")
    assert "b-2" in home.soc.bodies()


def test_a_change_of_owner_or_mode_tells_nothing_again(home: Home):
    """Prevents `chown` over the home, as a restore of other files asks for, from sending the last week's alerts."""
    home.alerts(a=3)
    home.round()
    os.chmod(home.path / "outbox.db", 0o600)  # noqa: PTH101 -- as an operator does
    assert home.round() == []
    home.alerts(a=4)
    assert home.round() == [("updated", 4)]


def test_an_outbox_that_cannot_be_used_says_what_to_do(tmp_path: Path):
    """Prevents a traceback where a person needs a path and a remedy."""
    file = tmp_path / "outbox.db"
    file.write_bytes(b"garbage " * 1000)
    with pytest.raises(OutboxError, match=r"outbox\.db cannot be used: .* Restore it from a backup, or move it away"):
        Outbox(file)
    file.unlink()
    Outbox(file)
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(OutboxError, match="later version"):
        Outbox(file)


CHANGES = st.dictionaries(st.sampled_from("ab"), st.integers(3, 7), max_size=2)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("alerts"), CHANGES),
        st.tuples(st.just("alerts"), CHANGES),
        st.tuples(st.just("round"), st.sampled_from([0, 0, 0, 30])),
        st.tuples(st.just("publish"), st.none()),
        st.tuples(st.just("back up"), st.none()),
        st.tuples(st.sampled_from(["restore outbox", "restore all"]), st.booleans()),
        st.tuples(st.just("restore lake"), st.none()),
        st.tuples(st.just("delete outbox"), st.none()),
    ),
    max_size=16,
)


def play(home: Home, steps: list[tuple[str, Any]]) -> dict[str, int]:
    """Play the steps and return the alerts at the end."""
    wanted: dict[str, int] = {"a": 3}
    home.alerts(**wanted)
    home.round()
    home.back_up()
    acts: dict[str, Callable[[Any], object]] = {
        "round": lambda days: home.round(NOW + days * DAYS),
        "publish": lambda _: published(home),
        "back up": lambda _: home.back_up(),
        "restore lake": lambda _: home.restore_lake(),
        "restore outbox": lambda in_place: home.restore_outbox(in_place=in_place),
        "restore all": lambda in_place: home.restore_all(in_place=in_place),
        "delete outbox": lambda _: delete_outbox(home),
    }
    for step, argument in steps:
        if step == "alerts":
            wanted = argument
            home.alerts(**wanted)
        elif (home.path / "outbox.db").exists() or step not in ("back up", "restore outbox"):
            acts[step](argument)
    home.alerts(**wanted)
    home.round()
    return wanted


def delete_outbox(home: Home) -> None:
    """Delete the outbox after a round: rounds run every half minute, so it has already seen a restored lake."""
    home.round()
    (home.path / "outbox.db").unlink(missing_ok=True)


def published(home: Home) -> set[str]:
    """Publish as a command does, and return the alerts in the ledger."""
    with connect() as con:
        publish(con, Lake(root=str(home.path / "lake")), NOW)
        return {alert_id for (alert_id,) in con.execute("SELECT alert_id FROM ledger").fetchall()}


@example(
    [
        ("alerts", {"a": 7, "b": 7}),
        ("round", 0),
        ("delete outbox", None),
        ("restore lake", None),
        ("publish", None),
        ("alerts", {}),
        ("restore lake", None),
    ]
)
# The restored ledger comes to as many revisions as the one that the deleted outbox knew, with another content.
@example([("alerts", {}), ("delete outbox", None), ("alerts", {"a": 4}), ("restore lake", None)])
@example([("alerts", {}), ("delete outbox", None), ("alerts", {"a": 3, "b": 3}), ("restore lake", None)])
@given(STEPS)
@settings(max_examples=12)
def test_channels_know_how_things_stand_whatever_was_restored(steps):
    """Prevents any order of changes, restores, deletions and wrong clocks from losing the last word on an alert."""
    with tempfile.TemporaryDirectory() as folder, receiver() as soc:
        home = Home(Path(folder) / "home", soc)
        wanted = play(home, steps)
        view = home.view()
        for alert_id in published(home) | set(wanted):
            state, hours = view.get(alert_id, ("withdrawn", 0))
            if alert_id in wanted:
                assert (state in ("opened", "updated"), hours) == (True, wanted[alert_id])
            else:
                assert state == "withdrawn"
