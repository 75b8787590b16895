"""A source that fails has a voice: one notification when it turns, and the first line of `status` and `alerts`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from common.clock import Clock
from connectors import Page
from lake.health import Health, Kind, read_health, record
from lake.landing import land
from lake.manifest import Manifest
from lake.store import Lake
from notify.channels import open_channel
from notify.delivery import deliver, outbox_of
from notify.outbox import Letter
from notify.pseudonymized import pseudonymized
from notify.settings import read_channels
from notify.source_news import enter_sources
from notify.text import headline, text_of
from orchestration.definitions import build_defs
from privacy.pseudonyms import Pseudonyms
from tests.support.command import Said, say
from tests.support.notified import NOON, NOW, Made, Receiver, receiver, write_alerts
from tests.support.small_lake import SmallLake

MINUTE = timedelta(minutes=1)
REFUSED = "box: GET /2.0/events: 403, insufficient_scope. Grant the scope *Manage enterprise properties*."
DOWN = "dropbox: POST /2/team_log/get_events: 503. It mends itself."
BOX = {"BOX_CLIENT_ID": "a", "BOX_CLIENT_SECRET": "b", "BOX_ENTERPRISE_ID": "1"}


class Watched:
    """A home whose runs a test records, with a receiver of what is told."""

    def __init__(self, home: Path, soc: Receiver) -> None:
        self.home = home
        self.soc = soc
        self.lake = Lake(root=str(home / "lake"))
        (home / "lake").mkdir(parents=True)

    def run(self, minutes: int = 0, kind: Kind = "refused", **problems: str) -> None:
        """Record a run: the problem of each `provider_step`, empty where it went well."""
        for name, problem in problems.items():
            provider, _, step = name.rpartition("_")
            record(self.lake, provider, step, problem, now=NOW + minutes * MINUTE, kind=kind)

    def round(self, minutes: int = 0, *, busy_since: datetime | None = None) -> list[tuple[str, str]]:
        """Do a round and return the event and provider of each new notification."""
        before = set(self.soc.bodies())
        channels = [open_channel(each) for each in read_channels(self.soc.variables)]
        now = NOW + minutes * MINUTE
        enter_sources(outbox_of(self.home), self.lake, channels, now, busy_since=busy_since)
        deliver(outbox_of(self.home), channels, lambda: now)
        new = [body for key, body in self.soc.bodies().items() if key not in before]
        return [(body["event"], body["source"]["provider"]) for body in new]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    with receiver() as soc:
        yield Watched(tmp_path, soc)


def test_a_source_that_is_refused_is_told_once_and_once_when_it_is_well(watched: Watched):
    """Prevents a provider that refuses from being found by chance, and from being told of by every run and step."""
    watched.run(box_pull="", box_sizes="", dropbox_pull="")
    assert watched.round() == []
    watched.run(15, box_pull=REFUSED, dropbox_pull="")
    assert watched.round(15) == [("source.failing", "box")]
    watched.run(30, box_pull=REFUSED, box_sizes="denied", dropbox_pull="")
    assert watched.round(30) == []
    watched.run(45, box_pull="", box_sizes="denied", dropbox_pull="")
    assert watched.round(45) == []
    watched.run(60, box_pull="", box_sizes="", dropbox_pull="")
    assert watched.round(60) == [("source.recovered", "box")]
    assert watched.round(61) == []
    watched.run(75, box_read="line 7 cannot be read", dropbox_pull="")
    assert watched.round(75) == [("source.failing", "box")]
    assert [key for key, _ in watched.soc.received()] == ["source-box-1", "source-box-2", "source-box-3"]
    assert watched.soc.bodies()["source-box-1"]["source"] == {
        "provider": "box",
        "since": "2026-03-02T12:15:00Z",
        "reason": REFUSED,
        "steps": ["pull"],
    }


def test_what_fails_and_is_well_before_anybody_looks_is_not_told(watched: Watched):
    """Prevents two messages about nothing, and a source from being called well that nobody heard was bad."""
    watched.run(box_pull="", dropbox_pull="")
    watched.run(1, box_pull=REFUSED)
    watched.run(2, box_pull="")
    assert watched.round(2) == []


def test_a_run_that_goes_on_is_waited_for(watched: Watched):
    """Prevents a source whose steps fail and go well in turn within a run from being told of with each."""
    watched.run(box_pull=REFUSED, dropbox_pull="")
    assert watched.round(0) == [("source.failing", "box")]
    begun = NOW + 14 * MINUTE
    watched.run(15, box_pull="")
    assert watched.round(15, busy_since=begun) == []
    watched.run(16, box_read="line 7 cannot be read")
    assert watched.round(16, busy_since=begun) == []
    assert watched.round(17) == []
    assert watched.round(17, busy_since=NOW + 17 * MINUTE) == []


def test_a_provider_that_is_unavailable_for_one_run_is_not_told(watched: Watched):
    """Prevents the usual hiccup of a provider from waking people, and an outage from being kept from them."""
    watched.run(0, box_pull="", dropbox_pull="")
    watched.run(15, "unavailable", dropbox_pull=DOWN)
    assert watched.round(15) == []
    watched.run(30, dropbox_pull="")
    assert watched.round(30) == []
    watched.run(45, "unavailable", dropbox_pull=DOWN)
    assert watched.round(45) == []
    watched.run(60, "unavailable", dropbox_pull=DOWN)
    assert watched.round(60) == [("source.failing", "dropbox")]
    watched.run(75, dropbox_pull="")
    assert watched.round(75) == [("source.recovered", "dropbox")]
    watched.run(90, "unavailable", dropbox_pull=DOWN)
    assert watched.round(119) == []
    assert watched.round(120) == [("source.failing", "dropbox")]


def test_where_nothing_at_all_is_pulled_it_is_told_at_once(watched: Watched):
    """Prevents a network that is down from being taken for the hiccup of each provider."""
    watched.run(0, box_pull="", dropbox_pull="")
    watched.run(15, "unavailable", dropbox_pull=DOWN)
    assert watched.round(15) == []
    watched.run(16, "unavailable", box_pull=DOWN)
    assert watched.round(16) == [("source.failing", "box"), ("source.failing", "dropbox")]


def test_one_source_alone_is_given_a_second_run(watched: Watched):
    """Prevents a deployment of one provider from being woken by each of its hiccups, as if all were down."""
    watched.run(0, "unavailable", dropbox_pull=DOWN)
    assert watched.round(0) == []


def unconfigured(lake: Lake, provider: str, since: datetime) -> None:
    """As a run writes it that finds a source's data and no configuration of it."""
    path = Path(lake.root) / provider / "health.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    health = {"checked_at": (since - MINUTE).isoformat(), "troubles": {}, "unconfigured_since": since.isoformat()}
    path.write_text(json.dumps(health))


def test_a_source_that_lost_its_configuration_is_told(watched: Watched):
    """Prevents a lost environment file from silencing a source without a word."""
    unconfigured(watched.lake, "box", NOW)
    assert watched.round(0) == [("source.failing", "box")]
    assert "not configured" in watched.soc.bodies()["source-box-1"]["source"]["reason"]
    watched.run(15, box_pull="")
    assert read_health(watched.lake, ["box"])["box"].unconfigured_since is None
    assert watched.round(15) == [("source.recovered", "box")]


def test_a_health_file_without_kind_is_read(watched: Watched):
    """Prevents an upgrade from forgetting what fails."""
    path = watched.home / "lake" / "box" / "health.json"
    path.parent.mkdir()
    trouble = {"since": NOW.isoformat(), "failures": 2, "problem": "x"}
    path.write_text(json.dumps({"checked_at": NOW.isoformat(), "troubles": {"pull": trouble}}))
    health = read_health(watched.lake, ["box"])["box"]
    assert health.troubles["pull"].kind == "fault"
    assert health != Health()


def test_what_a_source_says_names_nobody_where_pseudonyms_are_on():
    """Prevents a name that an error quotes from leaving the home, and leaves where to look."""
    pseudonyms = Pseudonyms("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
    about = {"provider": "box", "since": "2026-03-02T12:00:00Z", "reason": "of ann@example.com", "steps": ["sizes"]}
    told = pseudonymized(Letter(1, "source-box", 1, "source.failing", about, 0), pseudonyms)
    text = text_of(told.event, told.about)
    assert "ann" not in json.dumps(told.about) + text
    assert "sizes" in text
    assert headline(told.event, told.about) == "uploadwatch: Box fails"
    assert "of ann@example.com" in text_of("source.failing", about)


def ask(watched: Watched, *arguments: str, minutes: int = 0, **values: str) -> Said:
    now = (NOW + minutes * MINUTE).isoformat()
    return say(
        *arguments, "--home", str(watched.home), values={"UPLOADWATCH_NOW": now, "COLUMNS": "200", **BOX, **values}
    )


def test_the_command_notifies_of_sources(watched: Watched):
    """Prevents a deployment that notifies by cron from being silent about sources."""
    watched.run(box_pull=REFUSED, dropbox_pull="")
    variables: dict[str, Any] = watched.soc.variables
    said = ask(watched, "notify", **variables)
    assert "1 sources started to fail or recovered" in said.out
    assert watched.soc.received() == [("source-box-1", "source.failing")]


def test_alerts_that_cannot_be_read_keep_no_source_from_being_told(watched: Watched):
    """Prevents the damage that people are to hear of from keeping the message about it in the outbox."""
    write_alerts(watched.home, Made("a", "ann", NOON))
    (watched.home / "lake" / "published.parquet").write_bytes(b"PAR1 garbage")
    watched.run(box_read="damaged", dropbox_pull="")
    variables: dict[str, Any] = watched.soc.variables
    said = ask(watched, "notify", **variables)
    assert said.status == 1
    assert "published.parquet" in said.err.replace("\n", "")
    assert watched.soc.received() == [("source-box-1", "source.failing")]


@pytest.fixture
def tick(watched: Watched, monkeypatch):
    """Return a function that evaluates the notification sensor over an instance at a time."""
    values = {**BOX, **watched.soc.variables, "UPLOADWATCH_HOME": str(watched.home)}
    for name, value in values.items():
        monkeypatch.setenv(name, value)

    def evaluate(instance: dg.DagsterInstance, now: datetime) -> None:
        defs = build_defs(values, resource_overrides={"clock": Clock(fixed=now.isoformat())})
        resources = {name: (defs.resources or {})[name] for name in ("lake", "clock", "notifier")}
        with dg.build_sensor_context(instance=instance, resources=resources) as context:
            defs.resolve_sensor_def("notifications").evaluate_tick(context)

    return evaluate


def test_the_sensor_tells_of_sources_and_waits_for_a_run_that_goes_on(watched: Watched, tick):
    """Prevents the sensor from telling what a run has not decided yet, or from waiting for a run that died."""

    @dg.op
    def nothing() -> None: ...

    @dg.job
    def poll() -> None:
        nothing()

    now = datetime.now(UTC)
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(poll)
        started = dg.DagsterEvent(dg.DagsterEventType.PIPELINE_START.value, "poll")
        instance.report_dagster_event(started, run_id=run.run_id)
        record(watched.lake, "box", "pull", REFUSED, now=now + MINUTE, kind="refused")
        tick(instance, now + 2 * MINUTE)
        assert watched.soc.received() == []
        tick(instance, now + 40 * MINUTE)
        assert watched.soc.received() == [("source-box-1", "source.failing")]


@pytest.mark.parametrize("command", ["status", "alerts"])
def test_the_first_line_says_which_source_fails(watched: Watched, command: str):
    """Prevents a list of alerts that looks quiet while a provider refuses."""
    watched.run(box_pull=f"{REFUSED}\n\x1b[31mred", dropbox_pull="")
    unconfigured(watched.lake, "office365", NOW)
    first, second = ask(watched, command).out.splitlines()[:2]
    assert first.startswith(f"Box fails since 2026-03-02 12:00 UTC: {REFUSED}")
    assert "\x1b" not in first
    assert second.startswith("Office 365 is not configured since 2026-03-02 12:00 UTC.")


def test_json_says_which_source_fails_where_a_program_looks(watched: Watched):
    """Prevents warnings from breaking the array of alerts, or from missing for programs."""
    watched.run(box_pull=REFUSED, dropbox_pull="")
    write_alerts(watched.home, Made("a", "ann", NOON))
    said = ask(watched, "alerts", "--format", "json")
    assert [alert["alert_id"] for alert in json.loads(said.out)] == ["a"]
    assert said.err.startswith("Box fails since 2026-03-02 12:00 UTC: ")
    said = ask(watched, "status", "--format", "json")
    assert [(each["provider"], each["state"]) for each in json.loads(said.out)["sources"]] == [
        ("box", "failing"),
        ("dropbox", "well"),
    ]
    assert json.loads(said.out)["sources"][0]["steps"]["pull"]["kind"] == "refused"


def test_sources_that_no_run_looks_at_are_told(watched: Watched):
    """Prevents a daemon that is down from looking like a quiet week; a replay is over and needs none."""
    watched.run(box_pull="", dropbox_pull="")
    assert "No run" not in ask(watched, "alerts", minutes=119).out
    late = "No run since 2026-03-02 12:00 UTC has checked Box, Dropbox. Check that the schedule `poll` is on"
    for command in ("alerts", "status"):
        assert ask(watched, command, minutes=121).out.startswith(late)
    (watched.home / "replay.json").write_text("{}")
    assert "No run" not in ask(watched, "alerts", minutes=121).out


def landed(lake: Lake, provider: str, day: date, events: int = 1) -> None:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    manifest = Manifest(lake.directory(f"{provider}/audit_events", day))
    land(manifest, start, start + timedelta(days=1), [Page(b"{}\n" * events)], now=start + timedelta(days=2))


def test_no_alerts_says_why(watched: Watched):
    """Prevents "0 alerts" of a fortnight without detection from reading as a clean bill of health."""
    shown = ask(watched, "alerts").out
    assert "0 alerts" in shown
    assert "Box: no run yet." in shown
    assert "Nothing is evaluated yet" in ask(watched, "status").out
    watched.run(box_pull="")
    assert "Box: no events yet; activation begins with the first." in ask(watched, "alerts").out
    landed(watched.lake, "box", date(2026, 2, 25))
    landed(watched.lake, "dropbox", date(2026, 1, 25))
    for command in ("alerts", "status"):
        shown = ask(watched, command).out
        assert "Box is in activation until 2026-03-11." in shown
        assert "Dropbox is" not in shown


def test_a_source_that_was_silent_for_a_month_is_said_to_be_in_activation(tmp_path: Path):
    """Prevents a quiet week after a long silence from looking watched; what an older run said of youth is over."""
    small = SmallLake(tmp_path)
    window = {"window_start": datetime(2026, 3, 2), "state": "in activation"}
    reason = "uploads since 2026-03-01 only; scored from 2026-03-08 on"
    small.add("evaluations", date(2026, 3, 2), {"scope": "box", "reason": reason, **window})
    small.add("evaluations", date(2026, 3, 2), {"scope": "dropbox", "reason": "history since 2026-02-20", **window})
    landed(small.write(), "box", date(2026, 1, 1))
    landed(small.lake, "dropbox", date(2026, 2, 20))
    values = {"UPLOADWATCH_NOW": "2026-03-06T12:00:00+00:00", "COLUMNS": "200", **BOX}
    shown = say("alerts", "--home", str(tmp_path), values=values).out
    assert f"Box is in activation: {reason}." in shown
    assert "Dropbox is" not in shown


def test_status_says_little_of_what_was_not_evaluated_and_nothing_of_what_is_to_come(tmp_path: Path):
    """Prevents a line for each hour, and hours still to come from looking missed."""
    small = SmallLake(tmp_path)
    day = datetime(2026, 3, 2)
    threshold = {
        "population": "people",
        "metric": "files",
        "budget": 2.0,
        "watched_users": 0,
        "allowed": 0.0,
        "opened": 0,
    }
    for population in ("people", "watch_list"):
        row = threshold | {"population": population, "balance": 0.0}
        small.add("thresholds", day.date(), row)
        small.add("thresholds", day.date() + timedelta(days=1), row)
    for hour in range(24):
        start = day + timedelta(hours=hour)
        row = {"scope": "box", "window_start": start, "state": "evaluated", "reason": None}
        if hour in (2, 3):
            row |= {"state": "not evaluated", "reason": f"gap: content {hour} has expired"}
        if hour >= 5:
            row |= {"state": "not evaluated", "reason": f"audit events not pulled from {hour:02}:00 UTC"}
        small.add("evaluations", day.date(), row)
    record(small.write(), "box", "pull", "", now=datetime(2026, 3, 2, 11, 40, tzinfo=UTC))
    landed(small.lake, "box", date(2026, 2, 25))
    values = {"UPLOADWATCH_NOW": "2026-03-02T11:55:00+00:00", "COLUMNS": "200", **BOX}
    said = say("status", "--home", str(tmp_path), values=values)
    assert said.status == 0, said.err
    shown = said.out
    lines = [line for line in shown.splitlines() if "not evaluated" in line]
    assert lines == [
        "Box: 2 windows not evaluated: gap: content 2 has expired; other causes: 1 (2026-03-02 02:00 to "
        "2026-03-02 03:00 UTC)",
        "Box: 4 windows not evaluated: audit events not pulled (2026-03-02 05:00 to 2026-03-02 08:00 UTC)",
    ]
    people, watch_list = (line for line in shown.splitlines() if "per 1000" in line)
    assert people.endswith("No monitored users yet: activation ends on 2026-03-11.")
    assert watch_list.endswith("No monitored users: UPLOADWATCH_RISK_LIST names no file.")
