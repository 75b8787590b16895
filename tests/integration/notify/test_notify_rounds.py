"""Rounds over a real lake and a real receiver: what is told, once, signed, and without a secret anywhere."""

from __future__ import annotations

import json
import logging
import re
import shutil
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner

from cli.app import app
from lake.ledger import publish
from lake.reviews import ReadAlert, add_reviews
from notify.channels import open_channel
from notify.delivery import Delivered, deliver, enter_alerts, outbox_of
from notify.messages import EVENTS, feed_message, run_failed, source_message, trial_message
from notify.outbox import ATTEMPTS
from notify.settings import read_channels
from notify.text import text_of
from tests.support.memory import connect
from tests.support.notified import HOUR, NOON, NOW, PATH, SECRET, Made, Receiver, receiver, write_alerts
from tests.support.sandbox_server import ROOT
from tests.support.scripted_server import Answer, scripted

DAY, WEEK = timedelta(days=1), timedelta(days=7)
ANN, BEN = Made("a", "ann@example.com", NOON), Made("b", "ben@example.com", NOON)
DOCS = (ROOT / "docs" / "notifications.md").read_text(encoding="utf-8")


def play(home: Path, to: dict[str, str], *alerts: Made, now: datetime = NOW) -> Delivered:
    """Replace the alerts with these and do a round."""
    lake = write_alerts(home, *alerts)
    channels = [open_channel(settings) for settings in read_channels(to)]
    outbox = outbox_of(home)
    enter_alerts(outbox, lake, channels, now, WEEK)
    return deliver(outbox, channels, lambda: now)


@pytest.fixture
def soc():
    with receiver() as found:
        yield found


def test_an_alert_is_told_when_it_comes_up_changes_goes_and_comes_back(tmp_path: Path, soc: Receiver):
    """Prevents a channel from being told twice of what it knows, or not at all of what changed."""
    for alerts in ([ANN, BEN], [ANN, BEN], [Made("a", ANN.user, NOON, hours=5), BEN], [BEN], [ANN, BEN]):
        play(tmp_path, soc.variables, *alerts)
    assert soc.received() == [
        ("a-1", "case.opened"),
        ("b-1", "case.opened"),
        ("a-2", "case.updated"),
        ("a-3", "alert.withdrawn"),
        ("a-4", "case.updated"),
    ]
    assert len(soc.server.asked) == 5
    assert soc.bodies()["a-3"]["alert"] == {
        "alert_id": "a",
        "name": "Massive upload to SaaS service",
        "severity": "Informational",
        "user": "ann@example.com",
        "first_window_start": "2026-03-01T12:00:00Z",
        "last_window_end": "2026-03-01T17:00:00Z",
        "revision": 3,
        "state": "withdrawn",
        "reason": "later data left it without a detection",
    }


def test_what_comes_within_a_case_is_told_as_the_case_going_on(tmp_path: Path, soc: Receiver):
    """Prevents one person's week from arriving as so many new alerts, and a theft among them as one more."""
    first = Made("a", ANN.user, NOON - 3 * DAY, score=8)
    second, worse = Made("b", ANN.user, NOON - 2 * DAY, score=9), Made("c", ANN.user, NOON - DAY, score=14)
    known: list[Made] = []
    for alert in (first, second, worse):
        known.append(alert)
        play(tmp_path, soc.variables, *known)
    play(
        tmp_path,
        soc.variables,
        first,
        second,
        Made("c", ANN.user, NOON - DAY, hours=5, score=14),
        Made("ben", BEN.user, NOON),
    )
    assert soc.received() == [
        ("a-1", "case.opened"),
        ("b-1", "case.updated"),
        ("c-1", "case.escalated"),
        ("c-2", "case.updated"),
        ("ben-1", "case.opened"),
    ]
    bodies = soc.bodies()
    cases = [bodies[key]["case"]["case_id"] for key in ("a-1", "b-1", "c-1", "c-2")]
    assert len({*cases, bodies["ben-1"]["case"]["case_id"]}) == 2
    assert bodies["c-1"]["case"]["alert_ids"] == ["a", "b", "c"]
    assert (bodies["c-1"]["alert"]["alert_id"], bodies["c-1"]["case"]["escalations"]) == ("c", 1)


def test_a_channel_for_the_severe_learns_of_a_case_with_its_first_severe_alert(tmp_path: Path):
    """Prevents a channel from being told that a case is updated, of which it never heard."""
    with receiver() as soc:
        to = soc.variables | {"UPLOADWATCH_NOTIFY_SOC_SEVERITY": "Low"}
        first = Made("a", ANN.user, NOON - 2 * DAY)
        play(tmp_path, to, first)
        play(tmp_path, to, first, Made("b", ANN.user, NOON - DAY, severity="Low", score=20))
        play(tmp_path, to, first, Made("b", ANN.user, NOON - DAY, severity="Low", score=20, hours=4))
        assert soc.received() == [("b-1", "case.opened"), ("b-2", "case.updated")]


def test_an_alert_that_grew_after_its_review_is_told_as_not_reviewed(tmp_path: Path, soc: Receiver):
    """Prevents 100 GB within the day of a decoy from arriving as an alert that somebody found benign."""
    play(tmp_path, soc.variables, ANN)
    with connect() as con:
        lake = write_alerts(tmp_path, ANN)
        publish(con, lake, NOON)
        add_reviews(con, lake, [ReadAlert("a")], verdict="benign", by="bea", note="a move", now=NOON + 4 * HOUR)
    play(tmp_path, soc.variables, Made("a", ANN.user, NOON, hours=9, files=4000))
    assert soc.received() == [("a-1", "case.opened"), ("a-2", "case.updated")]
    body = soc.bodies()["a-2"]
    assert (body["alert"]["review"], body["case"]["state"]) == (None, "reopened")
    assert body["alert"]["outgrown_review"] == {"verdict": "benign", "by": "bea", "note": "a move", "revision": 1}
    about = body["alert"] | {"case": body["case"]}
    assert "Not reviewed: reviewed as benign at revision 1; has grown since." in text_of("case.updated", about)
    assert f"Case {body['case']['case_id'][:12]}, reopened: alert 1 of 1" in text_of("case.updated", about)


def test_what_a_command_published_is_told_all_the_same(tmp_path: Path, soc: Receiver):
    """Prevents an alert that somebody saw in a terminal from never reaching those who watch the channel."""
    lake = write_alerts(tmp_path, ANN)
    with connect() as con:
        publish(con, lake, NOW)
    play(tmp_path, soc.variables, Made("a", ANN.user, NOON, hours=5))
    assert soc.received() == [("a-2", "case.opened")]


def test_an_alert_under_another_key_is_told_under_its_published_id(tmp_path: Path, soc: Receiver):
    """Prevents late data that moves an opening from being told as a second alert."""
    play(tmp_path, soc.variables, ANN)
    play(tmp_path, soc.variables, Made("moved", ANN.user, NOON - HOUR, hours=4))
    assert soc.received() == [("a-1", "case.opened"), ("a-2", "case.updated")]


def test_a_flood_withdraws_the_alerts_that_it_takes(tmp_path: Path, soc: Receiver):
    """Prevents alerts that a flood stands for from being told singly, or from staying open where they were told."""
    play(tmp_path, soc.variables, ANN)
    many = "(many users on 2026-03-01)"
    folded = [Made(each.key, each.user, NOON, folded_into="f") for each in (ANN, BEN)]
    play(tmp_path, soc.variables, *folded, Made("f", many, NOON))
    assert sorted(soc.received()) == [("a-1", "case.opened"), ("a-2", "alert.withdrawn"), ("f-1", "case.opened")]
    assert soc.bodies()["a-2"]["alert"]["reason"] == "part of alert f"


def test_a_backfill_does_not_tell_what_is_old(tmp_path: Path, soc: Receiver):
    """Prevents a year of history from arriving in a channel at once, and old alerts from being told again."""
    history = [Made(f"h{n}", "ann@example.com", NOON - timedelta(days=n)) for n in (5, 9, 20, 58)]
    play(tmp_path, soc.variables, *history)
    assert soc.received() == [("h5-1", "case.opened")]
    again = [Made(each.key, each.user, each.opens, hours=4) for each in history]
    play(tmp_path, soc.variables, *again, now=NOW + timedelta(days=3))
    assert len(soc.server.asked) == 1


def test_users_are_told_in_the_order_of_their_alerts(tmp_path: Path, soc: Receiver):
    """Prevents a user's second alert from standing before the first."""
    days = [Made(f"d{n}", "ann@example.com", NOON - timedelta(days=n)) for n in (0, 2, 4)]
    play(tmp_path, soc.variables, *days)
    assert [key for key, _ in soc.received()] == ["d4-1", "d2-1", "d0-1"]


@pytest.fixture(scope="module")
def every_kind(tmp_path_factory) -> Receiver:
    """A receiver that was sent every event there is."""
    home = tmp_path_factory.mktemp("every")
    with receiver() as soc:
        channels = [open_channel(settings) for settings in read_channels(soc.variables)]
        worse = Made("c", ANN.user, NOON + 20 * HOUR, score=20)
        for alerts in ([ANN], [Made("a", ANN.user, NOON, hours=5)], [ANN, worse], []):
            play(home, soc.variables, *alerts)
        others = [
            run_failed("0-1", "watch_uploads", ["2026-03-01", "2026-03-02"], {"box__uploads": "ValueError: no"}),
            run_failed("0-2", "__ASSET_JOB", [], {"alerts": "no"}),
            feed_message("box", stale=True, said="the newest event of box is of 2026-02-01"),
            feed_message("box", stale=False, said="the newest event is of 2026-03-01"),
            source_message(
                "box", failing=True, about={"since": "2026-03-02T12:00:00Z", "reason": "403", "steps": ["pull"]}
            ),
            source_message(
                "box", failing=False, about={"since": "2026-03-02T13:00:00Z", "reason": "well", "steps": []}
            ),
            trial_message(NOW),
        ]
        outbox_of(home).add(others, channels, NOW)
        deliver(outbox_of(home), channels, lambda: NOW)
    return soc


def _block(language: str) -> str:
    [found] = re.findall(rf"```{language}\n(.*?)```", DOCS, re.DOTALL)
    return found


def test_every_message_is_as_documented(every_kind: Receiver):
    """Prevents a receiver that was written from the documentation from refusing what is sent."""
    schema = json.loads(_block("json"))
    assert {body["event"] for body in every_kind.bodies().values()} == set(EVENTS)
    assert schema["properties"]["event"]["enum"] == list(EVENTS)
    validator = jsonschema.Draft202012Validator(schema)
    for key, body in every_kind.bodies().items():
        assert body["id"] == key
        validator.validate(body)
    for event in EVENTS:
        assert event == "test" or not validator.is_valid({"id": "x", "event": event, "sent_at": ""})


def test_the_documented_verification_takes_what_is_sent_and_nothing_else(every_kind: Receiver):
    """Prevents an example that takes forged or old messages, or refuses ours."""
    names: dict[str, Any] = {}
    exec(_block("python"), names)  # noqa: S102 -- our own documentation
    verify = names["verify"]
    for request in every_kind.server.asked:
        assert verify(SECRET, request.headers, request.body, now=NOW.timestamp()) == request.headers["webhook-id"]
    request = every_kind.server.asked[0]
    other = {**request.headers, "webhook-id": "another-1"}
    later = {**request.headers, "webhook-timestamp": str(int(NOW.timestamp()) + 1)}
    forged = [
        (SECRET, request.headers, request.body + b" ", 0),
        (SECRET, other, request.body, 0),
        (SECRET, later, request.body, 0),
        (SECRET.replace("M", "N"), request.headers, request.body, 0),
        (SECRET, request.headers, request.body, 301),
    ]
    for secret, headers, body, seconds in forged:
        with pytest.raises(ValueError, match=r"old|not signed"):
            verify(secret, headers, body, now=NOW.timestamp() + seconds)


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [(500, {}, "status 500"), (302, {"Location": "http://127.0.0.1:9/"}, "status 302"), (404, {}, "status 404")],
)
def test_only_a_2xx_takes_a_message(tmp_path: Path, status: int, headers: dict[str, str], said: str):
    """Prevents a message from being taken for delivered by a receiver that refused it or sent it elsewhere."""
    with scripted(lambda _: Answer(status=status, headers=headers)) as server:
        done = play(tmp_path, Receiver(server).variables, ANN)
    assert done.sent == 0
    assert said in done.failed[0]
    assert outbox_of(tmp_path).counts() == {"pending": 1, "parked": 0, "sent": 0}


def test_an_app_of_a_hostile_name_pages_nobody(tmp_path: Path):
    """Prevents a name from outside from being a mention or a link in a chat, whatever the service makes of text."""
    with scripted(lambda _: Answer()) as chat:
        host = chat.url.removeprefix("http://")
        to = {"UPLOADWATCH_NOTIFY_CHAT_URL": f"mmost://{host}/3ccdd113474722377935511fc85d3dd4"}
        play(tmp_path, to, Made("a", ANN.user, NOON, reason="<!channel> @everyone [x](https://evil.example)"))
    [asked] = chat.asked
    text = json.loads(asked.body)["text"]
    assert "ann@example.com" in text
    assert not re.search(r"<|@everyone|\[|://|evil\.example", text)


PLANTED = {
    "UPLOADWATCH_NOTIFY_DOWN_URL": f"http://127.0.0.1:9{PATH}",
    "UPLOADWATCH_NOTIFY_DOWN_SECRET": SECRET,
    "UPLOADWATCH_NOTIFY_CHAT_URL": "json://user-planted:password-planted@127.0.0.99:9/token-planted?+X-Key=header-planted",
    "UPLOADWATCH_NOTIFY_MAIL_URL": "mailto://user-planted:password-planted@planted.example:9?smtp=127.0.0.1&to=a@example.com",
}


def test_no_secret_is_in_log_output_or_outbox(tmp_path: Path, soc: Receiver, caplog, capfd, monkeypatch):
    """Prevents credentials of channels from being read by whoever sees a log, a terminal or the outbox."""
    caplog.set_level(logging.DEBUG)
    for name in ("apprise", "urllib3", "urllib3.connectionpool"):
        caplog.set_level(logging.DEBUG, name)
    for name, value in {**soc.variables, **PLANTED, "UPLOADWATCH_NOW": NOW.isoformat()}.items():
        monkeypatch.setenv(name, value)
    write_alerts(tmp_path, ANN, BEN)
    printed = [
        CliRunner().invoke(app, [*command, "--home", str(tmp_path)], catch_exceptions=False).output
        for command in (["notify"], ["notify", "--test"], ["outbox"], ["outbox", "--format", "json"])
    ]
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as database:
        kept = "\n".join(database.iterdump())
    everything = f"{printed}{kept}{caplog.text}{capfd.readouterr()}{(tmp_path / 'outbox.db').read_bytes()!r}"
    # The host is no secret, but apprise names it: what it says is shown without any part of the URL.
    assert "notification to ***" in everything
    assert "127.0.0.99" not in everything
    assert not re.search(f"planted|{re.escape(SECRET)}|{re.escape(SECRET.removeprefix('whsec_'))}", everything)
    assert "soc: ok" in printed[1]
    for channel in ("chat", "mail", "down"):
        assert f"{channel}: failed" in printed[1]
    assert json.loads(printed[3])["pending"] == 6
    assert json.loads(printed[3])["sent"] == 2
    assert {each["reason"] != "" for each in json.loads(printed[3])["waiting"] if each["line"] == ANN.user} == {True}


def test_a_deleted_outbox_repeats_under_the_same_keys(tmp_path: Path, soc: Receiver):
    """Prevents a lost outbox from making second alerts at a receiver that knows the keys."""
    play(tmp_path, soc.variables, ANN)
    shutil.move(tmp_path / "outbox.db", tmp_path / "gone")
    play(tmp_path, soc.variables, ANN)
    assert [request.headers["webhook-id"] for request in soc.server.asked] == ["a-1", "a-1"]


def test_what_was_given_up_is_listed_with_its_reason_and_put_back(tmp_path: Path, monkeypatch):
    """Prevents parked messages from being known to nobody, or from being lost once the channel is mended."""
    down = {"UPLOADWATCH_NOTIFY_SOC_URL": "http://127.0.0.1:9/", "UPLOADWATCH_NOTIFY_SOC_SECRET": SECRET}
    for name, value in {**down, "UPLOADWATCH_NOW": NOW.isoformat(), "COLUMNS": "200"}.items():
        monkeypatch.setenv(name, value)

    def run(*command: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, [*command, "--home", str(tmp_path)], catch_exceptions=False)
        return result.exit_code, result.output

    write_alerts(tmp_path, ANN)
    assert run("notify")[0] == 1
    outbox = outbox_of(tmp_path)
    for _ in range(ATTEMPTS - 1):
        letter = outbox.next("soc", NOW + timedelta(days=9))
        assert letter
        outbox.failed(letter, "status 410", NOW)
    assert re.search(r"ann@example.com .* parked .* 30 .* status 410", run("outbox")[1])
    assert "1 messages will be sent again" in run("outbox", "--retry")[1]
    with receiver() as soc:
        for name, value in soc.variables.items():
            monkeypatch.setenv(name, value)
        assert run("notify") == (0, "0 alerts new or changed; 1 messages sent, 0 not taken\n")
    assert soc.received() == [("a-1", "case.opened")]
