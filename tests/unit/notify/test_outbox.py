"""The outbox: what is told once, in which order, how often it is tried, and that nothing is lost however it goes."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notify.channels import DeliveryError
from notify.delivery import deliver
from notify.messages import Message, key_of
from notify.outbox import ATTEMPTS, Letter, Outbox, backoff

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Died(BaseException):
    """The process ended; no code of the product catches it."""


@dataclass
class Moved:
    """A clock that a test moves."""

    time: datetime = NOW

    def now(self) -> datetime:
        return self.time


@dataclass
class Scripted:
    """A channel that does with each message what it is told: take, refuse, or take and die before that is noted."""

    outcomes: list[str] = field(default_factory=list)
    name: str = "soc"
    severity: str = "Informational"
    fault: str = ""
    taken: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    wait: float | None = None

    def send(self, letter: Letter, now: datetime) -> None:
        outcome = self.outcomes.pop(0) if self.outcomes else "take"
        if outcome == "refuse":
            raise DeliveryError("status 503", self.wait)
        self.taken.append(key_of(letter.subject, letter.revision))
        self.events.append(letter.event)
        if outcome == "die":
            raise Died


def alert(subject: str, revision: int = 1, *, user: str = "ann", severity: str = "Low", event: str = "case.updated"):
    return Message(event, subject, revision, user, {"alert_id": subject}, severity)


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "outbox.db")


def test_a_revision_is_told_once(outbox):
    """Prevents an alert that says what it said from being sent again by every round."""
    channel = Scripted()
    for _ in range(3):
        outbox.add([alert("a"), alert("b")], [channel], NOW)
        deliver(outbox, [channel], lambda: NOW)
    assert channel.taken == ["a-1", "b-1"]
    assert outbox.counts() == {"pending": 0, "parked": 0, "sent": 2}


def test_a_failure_is_tried_again_later_and_later_then_parked_until_somebody_puts_it_back(outbox):
    """Prevents a channel that is down from being asked without end, or from losing what it did not take."""
    channel, clock = Scripted(["refuse"] * ATTEMPTS), Moved()
    outbox.add([alert("a"), alert("a", 2)], [channel], NOW)
    tried = []
    for _ in range(2 * 24 * 60):
        if outbox.counts()["parked"]:
            break
        if deliver(outbox, [channel], clock.now).failed:
            tried.append(clock.time)
        clock.time += MINUTE
    waits = [later - earlier for earlier, later in pairwise(tried)]
    assert waits == [backoff(n) for n in range(1, ATTEMPTS)]
    assert waits[0] == MINUTE
    assert waits == sorted(waits)
    assert timedelta(hours=20) < sum(waits, timedelta()) < timedelta(hours=30)
    parked, behind = outbox.waiting()
    assert (parked.state, parked.attempts, parked.reason) == ("parked", ATTEMPTS, "status 503")
    assert (behind.state, behind.reason) == ("pending", "waits for an earlier message of ann")
    clock.time += timedelta(days=30)
    assert deliver(outbox, [channel], clock.now).sent == 0
    assert outbox.retry(clock.time) == 1
    deliver(outbox, [channel], clock.now)
    assert channel.taken == ["a-1", "a-2"]


@pytest.mark.parametrize(("wait", "wanted"), [(600.0, 10 * MINUTE), (1.0, MINUTE), (float("inf"), 60 * MINUTE)])
def test_a_receiver_that_asks_for_time_is_given_it_within_bounds(outbox, wait, wanted):
    """Prevents a receiver that throttles from being asked too soon, or one that says never from being left for good."""
    channel = Scripted(["refuse"], wait=wait)
    outbox.add([alert("a")], [channel], NOW)
    deliver(outbox, [channel], lambda: NOW)
    [waiting] = outbox.waiting()
    assert datetime.fromisoformat(waiting.due) == NOW + wanted


def test_one_message_that_fails_holds_back_its_own_user_only(outbox):
    """Prevents one message that a channel never takes from keeping all other users' alerts from it."""
    channel = Scripted(["refuse"])
    outbox.add([alert("a"), alert("a", 2), alert("b", user="ben")], [channel], NOW)
    for _ in range(2):
        deliver(outbox, [channel], lambda: NOW)
    assert channel.taken == ["b-1"]


def test_a_channel_that_fails_holds_back_no_other(outbox):
    """Prevents a chat that is down from keeping alerts from the webhook."""
    down, up = Scripted(["refuse"] * 9, name="chat"), Scripted(name="soc")
    outbox.add([alert("a"), alert("b")], [down, up], NOW)
    done = deliver(outbox, [down, up], lambda: NOW)
    assert up.taken == ["a-1", "b-1"]
    assert (done.sent, done.failed) == (2, ["chat: status 503"])


def test_routing_by_severity(outbox):
    """Prevents a channel for the grave from getting all, and from keeping a form of an alert that no longer holds."""
    every, grave = Scripted(name="every"), Scripted(name="grave", severity="Low")
    told = [
        alert("a", 1, severity="Informational"),
        alert("a", 2, severity="Low"),
        alert("a", 3, severity="Informational"),
        alert("a", 4, severity="Informational", event="alert.withdrawn"),
        alert("b", 1, severity="Informational", user="ben"),
        alert("b", 2, severity="Informational", user="ben", event="alert.withdrawn"),
        alert("c", 1, event="alert.withdrawn", user="cy"),
        Message("run.failed", "run-1", 1, "run-1"),
    ]
    outbox.add(told, [every, grave], NOW)
    deliver(outbox, [every, grave], lambda: NOW)
    assert dict(zip(grave.taken, grave.events, strict=True)) == {
        "a-2": "case.opened",
        "a-3": "case.updated",
        "a-4": "alert.withdrawn",
        "run-1-1": "run.failed",
    }
    assert dict(zip(every.taken, every.events, strict=True)) == {
        "a-1": "case.opened",
        "a-2": "case.updated",
        "a-3": "case.updated",
        "a-4": "alert.withdrawn",
        "b-1": "case.opened",
        "b-2": "alert.withdrawn",
        "run-1-1": "run.failed",
    }


def test_a_new_channel_is_not_told_what_was_told_before_it(outbox):
    """Prevents a channel that is added from being flooded with the alerts of the last days."""
    old, new = Scripted(name="old"), Scripted(name="new")
    outbox.add([alert("a")], [old], NOW)
    outbox.add([alert("a"), alert("b")], [old, new], NOW)
    deliver(outbox, [old, new], lambda: NOW)
    assert (old.taken, new.taken) == (["a-1", "b-1"], ["b-1"])


def test_what_was_sent_is_kept_without_its_content(outbox, tmp_path):
    """Prevents the outbox from naming people for good, where nobody looks for them who erases their data."""
    channel, file = Scripted(), tmp_path / "outbox.db"
    outbox.add([alert("a", user="olga@example.com")], [channel], NOW)
    assert b"olga" in file.read_bytes()
    deliver(outbox, [channel], lambda: NOW)
    assert b"olga" not in file.read_bytes()
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT subject, revision, state, about FROM letters").fetchall() == [
            ("a", 1, "sent", None)
        ]


def test_a_mark_is_kept_only_with_its_messages(outbox):
    """Prevents alerts from being taken for entered when entering them failed half way."""

    def failing() -> Iterable[Message]:
        yield alert("a")
        raise Died

    with suppress(Died):
        outbox.add(failing(), [Scripted()], NOW, mark=("alerts", "x"))
    assert (outbox.mark("alerts"), outbox.waiting()) == (None, [])


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("tell"), st.lists(st.sampled_from(["ann", "ben"]), min_size=1, max_size=3)),
        st.tuples(st.just("round"), st.lists(st.sampled_from(["take", "refuse", "die"]), max_size=4)),
        st.tuples(st.just("wait"), st.integers(1, 90)),
        st.tuples(st.just("retry"), st.none()),
    ),
    max_size=14,
)


@given(STEPS)
@settings(max_examples=40)
def test_nothing_is_lost_or_overtaken_whatever_fails(steps):
    """Prevents any order of failures, deaths and retries from losing a message or letting a later one pass it."""
    with tempfile.TemporaryDirectory() as folder:
        outbox, channel, clock = Outbox(Path(folder) / "outbox.db"), Scripted(), Moved()
        told: dict[str, list[str]] = {"ann": [], "ben": []}
        died = 0
        for step, given_ in steps:
            if step == "tell":
                revisions = [(user, len(told[user]) + 1 + given_[:n].count(user)) for n, user in enumerate(given_)]
                outbox.add([alert(user, revision, user=user) for user, revision in revisions], [channel], clock.time)
                for user, revision in revisions:
                    told[user].append(key_of(user, revision))
            elif step == "round":
                channel.outcomes = list(given_)
                try:
                    deliver(outbox, [channel], clock.now)
                except Died:
                    died += 1
            elif step == "wait":
                clock.time += given_ * MINUTE
            else:
                outbox.retry(clock.time)
        channel.outcomes = []
        clock.time += timedelta(hours=1)
        outbox.retry(clock.time)
        deliver(outbox, [channel], clock.now)
        assert outbox.waiting() == []
        for user, keys in told.items():
            assert list(dict.fromkeys(key for key in channel.taken if key.startswith(user))) == keys
        assert len(channel.taken) - len(set(channel.taken)) <= died
