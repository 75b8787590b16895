"""The connectors against the sandbox: every event of a workload arrives, and sizes are found."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors import Connector, Gap, Page, SignInError, build, configured
from tests.support.sandbox_server import Client, serving, uploads

DAY = datetime(2026, 1, 5, tzinfo=UTC)
NEXT = DAY + timedelta(days=1)
PROVIDERS = ("box", "dropbox", "google_workspace", "office365")
Event = dict[str, Any]


def at(time: datetime) -> Callable[[], datetime]:
    return lambda: time


def read(connector: Connector, start: datetime = DAY, end: datetime = NEXT) -> tuple[list[Event], list[Gap]]:
    """The events and gaps of a window."""
    events: list[Event] = []
    gaps: list[Gap] = []
    for found in connector.pages(start, end):
        if isinstance(found, Page):
            assert not any(b"\n" in event for event in found.events)
            events += [json.loads(event) for event in found.events]
        else:
            gaps.append(found)
    return events, gaps


def file_names(provider: str, event: Event) -> list[str]:
    """The names of the uploaded files that an event tells of."""
    match provider:
        case "box":
            return [event["source"]["item_name"]]
        case "dropbox":
            return [asset["display_name"] for asset in event["assets"]]
        case "google_workspace":
            parameters = event["events"][0]["parameters"]
            return [value["value"] for value in parameters if value["name"] == "doc_title"]
        case _:
            return [event["SourceFileName"]] if event["Operation"] == "FileUploaded" else []


def names(provider: str, events: Sequence[Event]) -> list[str]:
    return sorted(name for event in events for name in file_names(provider, event))


def workload(provider: str, count: int, **more: Any) -> list[Event]:
    return [row | {"file_name": f"file-{n:05}.bin"} for n, row in enumerate(uploads(provider, count, **more))]


def connector_of(client: Client, provider: str, now: datetime = NEXT) -> Connector:
    return build(provider, client.environment, now=at(now))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_event_of_a_day_arrives_once(tmp_path: Path, provider: str) -> None:
    """Prevents stopping at a short or an empty page, which loses the rest of the day without a word."""
    rows = workload(provider, 5000)
    with serving(tmp_path, rows, "2026-01-06T00:00:00Z") as client:
        events, gaps = read(connector_of(client, provider))
    assert names(provider, events) == [row["file_name"] for row in rows]
    assert gaps == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_adjacent_windows_leave_nothing_between_them(tmp_path: Path, provider: str) -> None:
    """Prevents events on a boundary being lost where a provider's bounds turn out to be exclusive."""
    rows = workload(provider, 1081)
    bounds = [DAY + timedelta(hours=hour) for hour in (0, 1, 2, 3)] + [NEXT]
    with serving(tmp_path, rows, "2026-01-06T00:00:00Z") as client:
        connector = connector_of(client, provider)
        parts = [read(connector, start, end)[0] for start, end in itertools.pairwise(bounds)]
    assert set(names(provider, [event for part in parts for event in part])) == {row["file_name"] for row in rows}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_window_in_progress_is_no_error(tmp_path: Path, provider: str) -> None:
    """Prevents asking for the future, which Box and Google answer with an error."""
    rows = workload(provider, 100)
    now = datetime(2026, 1, 5, 0, 10, 0, 500_000, tzinfo=UTC)
    with serving(tmp_path, rows, "2026-01-05T00:10:00.500Z") as client:
        connector = connector_of(client, provider, now)
        events, gaps = read(connector)
        assert read(connector, NEXT, NEXT + timedelta(hours=1)) == ([], [])
    assert gaps == []
    if provider != "office365":  # its blob of the quarter of an hour is not published yet
        assert set(names(provider, events)) >= {row["file_name"] for row in rows[:60]}


def test_sign_ins_arrive_beside_uploads(tmp_path: Path) -> None:
    """Prevents reading only the files' log, so that a suspicious user is never seen."""
    row = {"kind": "sign_in", "time": "2026-01-05T01:00:00", "user": "ann.lee@example.com", "ip": "192.0.2.1"}
    with serving(tmp_path, [{"provider": name, **row} for name in PROVIDERS], "2026-01-06T00:00:00Z") as client:
        assert configured(client.environment) == list(PROVIDERS)
        for provider in PROVIDERS:
            assert len(read(connector_of(client, provider))[0]) == 1


@pytest.mark.parametrize(("provider", "days"), [("box", 365), ("google_workspace", 180), ("office365", 7)], ids=str)
def test_what_is_older_than_the_retention_is_a_gap(tmp_path: Path, provider: str, days: int) -> None:
    """Prevents a backfill from failing, or from passing for whole, where the provider has forgotten the days."""
    now = DAY + timedelta(days=days, hours=6)
    rows = workload(provider, 5000)
    with serving(tmp_path, rows, now.isoformat()) as client:
        connector = connector_of(client, provider, now)
        events, gaps = read(connector)
        nothing, whole = read(connector, DAY - timedelta(days=1), DAY)
    assert [(gap.start, gap.cause) for gap in gaps] == [(DAY, gaps[0].cause)]
    assert timedelta() <= gaps[0].end - (now - timedelta(days=days)) <= timedelta(minutes=10)
    late = {
        row["file_name"]
        for row in rows
        if datetime.fromisoformat(row["time"] + "Z") > gaps[0].end + timedelta(minutes=20)
    }
    assert late <= set(names(provider, events))
    assert nothing == []
    assert [(gap.start, gap.end) for gap in whole] == [(DAY - timedelta(days=1), DAY)]
    assert str(days) in gaps[0].cause


def test_office365_late_events_come_with_the_day_of_their_publication(tmp_path: Path) -> None:
    """Prevents taking the day of the event for that of the publication: late events would never be read."""
    rows = workload("office365", 40, published_at="2026-01-06T07:00:00")
    with serving(tmp_path, rows, "2026-01-07T00:00:00Z") as client:
        connector = connector_of(client, "office365", NEXT + timedelta(days=1))
        assert read(connector)[0] == []
        assert len(names("office365", read(connector, NEXT, NEXT + timedelta(days=1))[0])) == 40


SECRETS = {
    "box": ("BOX_CLIENT_SECRET",),
    "dropbox": ("DROPBOX_APP_SECRET", "DROPBOX_REFRESH_TOKEN"),
    "office365": ("OFFICE365_CLIENT_SECRET",),
}


@pytest.mark.parametrize("provider", SECRETS)
def test_refused_credentials_say_what_to_do_and_not_what_they_are(
    tmp_path: Path, provider: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Prevents secrets in errors and logs, which end up in tickets."""
    planted = "planted+secret/value=="
    with (
        serving(tmp_path, workload(provider, 1), "2026-01-06T00:00:00Z") as client,
        caplog.at_level(logging.DEBUG),
        pytest.raises(SignInError) as refused,
    ):
        environment = {**client.environment, **dict.fromkeys(SECRETS[provider], planted)}
        read(build(provider, environment, now=at(NEXT)))
    error = refused.value
    assert SECRETS[provider][0] in error.remedy
    assert error.provider == provider
    assert "POST" in error.request
    assert planted not in str(error) + repr(error) + caplog.text


def test_google_names_the_delegation_when_it_is_missing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Prevents a bare 'unauthorized_client', and the key in what is logged."""
    with (
        serving(tmp_path, workload("google_workspace", 1), "2026-01-06T00:00:00Z") as client,
        caplog.at_level(logging.DEBUG),
        pytest.raises(SignInError) as refused,
    ):
        environment = {**client.environment, "GOOGLE_ADMIN_EMAIL": "admin@elsewhere.example.org"}
        read(build("google_workspace", environment, now=at(NEXT)))
    key = json.loads(Path(client.environment["GOOGLE_SERVICE_ACCOUNT_FILE"]).read_text())["private_key"]
    assert "unauthorized_client" in refused.value.cause
    assert "domain-wide delegation" in refused.value.remedy
    assert key.splitlines()[1] not in str(refused.value) + caplog.text
