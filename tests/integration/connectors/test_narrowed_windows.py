"""Box, Dropbox and Google: a stretch of a log that can't be read is a gap; the rest of its window lands, and once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors import AnswerError, Connector, Gap, Page, Recovering, RefusedError, SignInError, UnavailableError, build
from tests.support.sandbox_server import Client, serving
from tests.support.scripted_server import Answer, Asked, environment, scripted

pytestmark = pytest.mark.sampled

DAY = datetime(2026, 1, 5, tzinfo=UTC)
NEXT = DAY + timedelta(days=1)
PROVIDERS = ("box", "dropbox", "google_workspace")
LONGEST = {"box": 120, "dropbox": 30, "google_workspace": 120}
"""Seconds that a gap may have for one bad second: the smallest stretch, and its neighbour where it is on the edge."""
FORMS = ("shape", "no_json", "nested", "bad_request", "internal_error", "empty", "error_object")
BAD = {"start": "2026-01-05T13:20:00Z", "end": "2026-01-05T13:20:01Z"}
Fault = dict[str, Any]


def rows() -> list[dict[str, Any]]:
    """An upload every forty seconds of a day, some of them twins, and a sign-in an hour."""
    found = []
    for provider in PROVIDERS:
        for number in range(2160):
            stamp = f"{DAY + timedelta(seconds=40 * number):%Y-%m-%dT%H:%M:%S}"
            row = {"provider": provider, "time": stamp, "user": "ann.lee@example.com"}
            name = f"file-{number:04}.bin"
            found.append({**row, "kind": "upload", "file_name": name, "folder": "/Reports", "bytes": 1000})
            if number % 90 == 0:
                found.append({**row, "kind": "sign_in", "ip": "192.0.2.1"})
    return found


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with serving(tmp_path_factory.mktemp("narrowed"), rows(), NEXT.isoformat()) as client:
        yield client


@pytest.fixture(autouse=True)
def sandbox(served: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """The sandbox, without faults before and after."""
    monkeypatch.setattr("connectors.core.retries.backoff", lambda _: 0.0)
    play(served)
    yield served
    play(served)


def play(client: Client, *faults: Fault) -> None:
    client.plain.put(f"{client.url}/_sandbox/faults", json=list(faults)).raise_for_status()


def played(client: Client) -> int:
    return sum(fault["played"] for fault in client.plain.get(f"{client.url}/_sandbox/faults").json())


def connector(client: Client, provider: str) -> Connector:
    return build(provider, client.environment, now=lambda: NEXT)


def pull(client: Client, provider: str, *gaps: Gap) -> tuple[Counter[bytes], list[Gap]]:
    """The events and gaps of the day, or of what gaps left out."""
    source = connector(client, provider)
    assert isinstance(source, Recovering)
    answers = [answer for gap in gaps for answer in source.again(gap)] if gaps else list(source.pages(DAY, NEXT))
    events = Counter(event for answer in answers if isinstance(answer, Page) for event in answer.events)
    return events, [answer for answer in answers if isinstance(answer, Gap)]


def assert_whole(provider: str, calm: Counter[bytes], events: Counter[bytes], late: Counter[bytes]) -> None:
    """Nothing is lost, and nothing is there twice where no id could tell."""
    if provider == "dropbox":
        assert events + late == calm
    else:
        assert set(events + late) == set(calm)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("form", FORMS)
def test_a_bad_second_of_a_day_costs_its_minute(sandbox: Client, provider: str, form: str) -> None:
    """Prevents one record on which the provider fails from costing the day, tick after tick."""
    calm, _ = pull(sandbox, provider)
    play(sandbox, {"api": provider, "kind": "bad_stretch", "form": form, **BAD})
    events, [gap] = pull(sandbox, provider)
    assert not set(events) - set(calm)
    assert 0 < len(set(calm) - set(events)) <= 5
    assert gap.final is False
    assert gap.unit == ("drive" if provider == "google_workspace" else "")
    assert gap.start <= datetime.fromisoformat(BAD["start"]) < gap.end
    assert gap.end - gap.start <= timedelta(seconds=LONGEST[provider])
    # Sixty requests for a day at most, and as many again where each is repeated once.
    assert played(sandbox) < 60
    assert pull(sandbox, provider, gap)[1][0].final is False
    play(sandbox)
    late, left = pull(sandbox, provider, gap)
    assert left == []
    assert_whole(provider, calm, events, late)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_bad_hour_does_not_cost_a_thousand_requests(sandbox: Client, provider: str) -> None:
    """Prevents a storm of ever smaller windows where a long stretch is bad throughout."""
    calm, _ = pull(sandbox, provider)
    bad = {"start": "2026-01-05T13:10:00Z", "end": "2026-01-05T14:10:00Z", "form": "shape"}
    play(sandbox, {"api": provider, "kind": "bad_stretch", **bad})
    events, gaps = pull(sandbox, provider)
    assert played(sandbox) < 60
    assert not any(gap.final for gap in gaps)
    assert timedelta(hours=1) <= sum((gap.end - gap.start for gap in gaps), timedelta()) < timedelta(hours=3)
    play(sandbox)
    late, left = pull(sandbox, provider, *gaps)
    assert left == []
    assert_whole(provider, calm, events, late)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_provider_that_is_down_is_not_asked_in_ever_smaller_windows(sandbox: Client, provider: str) -> None:
    """Prevents an outage from being asked about forty times, and from passing for gaps."""
    play(sandbox, {"api": provider, "kind": "failing", "retry_after": 0, "times": "always"})
    with pytest.raises(UnavailableError):
        pull(sandbox, provider)
    assert played(sandbox) == 7


@pytest.mark.parametrize("provider", PROVIDERS)
def test_nothing_that_can_be_read_is_an_error_soon(sandbox: Client, provider: str) -> None:
    """Prevents a changed API from passing for a day of gaps."""
    path = {"box": "/events", "dropbox": "/team_log", "google_workspace": "/applications/"}[provider]
    answer = {"status": 200, "body": {"entries": 7, "events": 7, "items": 7}, "path": path, "times": "always"}
    play(sandbox, {"api": provider, "kind": "answer", **answer})
    with pytest.raises(AnswerError, match="the documented shape"):
        pull(sandbox, provider)
    assert played(sandbox) <= 14


@pytest.mark.parametrize("status", [401, 403, 404])
def test_sign_ins_that_google_refuses_leave_the_uploads(sandbox: Client, status: int) -> None:
    """Prevents uploads from going unread because the administrator may not see the log of sign-ins."""
    calm, _ = pull(sandbox, "google_workspace")
    body = {"error": {"code": status, "message": "no", "errors": [{"reason": "forbidden"}]}}
    fault = {"api": "google_workspace", "kind": "answer", "status": status, "body": body, "times": "always"}
    play(sandbox, {**fault, "path": "applications/login"})
    events, [gap] = pull(sandbox, "google_workspace")
    assert len(events) == 2160
    assert (gap.start, gap.end, gap.final, gap.unit) == (DAY, NEXT, False, "login")
    assert "is refused" in gap.cause
    play(sandbox)
    late, left = pull(sandbox, "google_workspace", gap)
    assert left == []
    assert events + late == calm
    play(sandbox, {**fault, "path": "applications/drive"})
    with pytest.raises(RefusedError, match=str(status)):
        pull(sandbox, "google_workspace")


def test_sign_ins_on_which_google_fails_leave_the_uploads(sandbox: Client) -> None:
    """Prevents uploads from going unread because Google fails on the log of sign-ins, all of it."""
    fault = {"api": "google_workspace", "kind": "failing", "status": 500, "times": "always"}
    play(sandbox, {**fault, "path": "applications/login"})
    events, [gap] = pull(sandbox, "google_workspace")
    assert len(events) == 2160
    assert (gap.start, gap.end, gap.final, gap.unit) == (DAY, NEXT, False, "login")
    assert played(sandbox) < 30


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_is_not_about_the_data_ends_the_pull(sandbox: Client, provider: str) -> None:
    """Prevents a throttled provider, or one that lets nobody in, from being asked in ever smaller windows."""
    path = "/team_log" if provider == "dropbox" else ""
    play(sandbox, {"api": provider, "kind": "throttled", "retry_after": 3600, "path": path, "times": "always"})
    with pytest.raises(UnavailableError):
        pull(sandbox, provider)
    assert played(sandbox) == 1
    token = f"{provider.removesuffix('_workspace')}_token"
    play(sandbox, {"api": token, "kind": "sign_in_refused", "times": "always"})
    with pytest.raises(SignInError):
        pull(sandbox, provider)


def test_a_dropbox_page_that_fails_after_others_gives_no_event_twice(tmp_path: Path) -> None:
    """Prevents events before a bad page from coming again with the halves of their hour, or with its gap."""

    def answer(asked: Asked) -> Answer:
        if asked.path.endswith("get_values"):
            return Answer({"values": []})
        if asked.path.endswith("/continue"):
            return Answer({"events": "none", "cursor": "d", "has_more": False})
        [first, last] = (datetime.fromisoformat(time) for time in json_times(asked))
        minutes = [m for m in range(60) if first <= DAY + timedelta(minutes=m) < last]
        # The page after the first fails wherever minute 7 is asked for.
        more = 7 in minutes
        return Answer({"events": [{"m": m} for m in minutes for _ in range(2)], "cursor": "c", "has_more": more})

    with scripted(answer) as server:
        source = build("dropbox", environment(server.url, tmp_path), now=lambda: NEXT)
        found = list(source.pages(DAY, DAY + timedelta(hours=1)))
    events = Counter(event for page in found if isinstance(page, Page) for event in page.events)
    [gap] = [gap for gap in found if isinstance(gap, Gap)]
    assert set(events.values()) == {2}
    assert len(events) == 59
    assert gap.start == DAY + timedelta(minutes=7) or gap.start < DAY + timedelta(minutes=7) < gap.end


def json_times(asked: Asked) -> list[str]:
    time = json.loads(asked.body)["time"]
    return [time["start_time"], time["end_time"]]
