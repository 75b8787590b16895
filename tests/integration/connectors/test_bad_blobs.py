"""Office 365 by the blob: a bad one is a gap of its own and asked for again last; the others land."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors import AccessError, Connector, Gap, Page, Recovering, RefusedError, SignInError, UnavailableError, build
from connectors.core.rate_limits import Limiter
from tests.support.sandbox_server import Client, serving
from tests.support.scripted_server import Answer, Asked, environment, scripted

pytestmark = pytest.mark.sampled

DAY = datetime(2026, 1, 5, tzinfo=UTC)
NEXT = DAY + timedelta(days=1)
TYPES = ("Audit.SharePoint", "Audit.AzureActiveDirectory", "Audit.General")
FORMS = (
    *("internal_error", "empty", "no_records", "error_object", "shape", "no_json", "nested"),
    *("bad_request", "not_found", "denied"),
)
Fault = dict[str, Any]


def rows() -> list[dict[str, Any]]:
    """An upload every ten minutes of a day, so that each of four blobs an hour has some, and a sign-in an hour."""
    found = []
    for number in range(144):
        stamp = f"{DAY + timedelta(minutes=10 * number):%Y-%m-%dT%H:%M:%S}"
        row = {"provider": "office365", "time": stamp, "user": "ann.lee@example.com"}
        found.append(
            {**row, "kind": "upload", "file_name": f"file-{number:03}.bin", "folder": "/Reports", "bytes": 1000}
        )
        if number % 6 == 0:
            found.append({**row, "kind": "sign_in", "ip": "192.0.2.1"})
    return found


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with serving(tmp_path_factory.mktemp("blobs"), rows(), NEXT.isoformat()) as client:
        yield client


@pytest.fixture
def sandbox(served: Client) -> Iterator[Client]:
    """The sandbox, without faults before and after, at the end of the day."""
    play(served)
    yield served
    play(served)
    served.set_clock(NEXT.isoformat())


def play(client: Client, *faults: Fault) -> None:
    plan = [{"api": "office365", **fault} for fault in faults]
    client.plain.put(f"{client.url}/_sandbox/faults", json=plan).raise_for_status()


def played(client: Client) -> int:
    return sum(fault["played"] for fault in client.plain.get(f"{client.url}/_sandbox/faults").json())


def connector(client: Client, now: datetime = NEXT) -> Connector:
    return build("office365", client.environment, now=lambda: now)


def pull(client: Client, *gaps: Gap, now: datetime = NEXT) -> tuple[Counter[bytes], list[Gap]]:
    """The events and gaps of the day, or of what gaps left out."""
    source = connector(client, now)
    assert isinstance(source, Recovering)
    answers = [answer for gap in gaps for answer in source.again(gap)] if gaps else list(source.pages(DAY, NEXT))
    events = Counter(event for answer in answers if isinstance(answer, Page) for event in answer.events)
    return events, [answer for answer in answers if isinstance(answer, Gap)]


@pytest.mark.parametrize("form", FORMS)
def test_a_bad_blob_is_a_gap_and_the_others_land(sandbox: Client, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents one poisoned blob of a day from costing all others, tick after tick, and from being lost for good."""
    calm, _ = pull(sandbox)
    play(sandbox, {"kind": "bad_blob", "blobs": [0, 40, 100], "form": form})
    rests: list[float] = []
    rest = Limiter.rest
    monkeypatch.setattr(Limiter, "rest", lambda limiter, seconds: rests.append(seconds) or rest(limiter, seconds))
    events, gaps = pull(sandbox)
    assert sum(rests) < 20
    assert not events - calm
    assert 0 < sum((calm - events).values()) < 20
    assert len(gaps) == 3
    for gap in gaps:
        kind, _, content = gap.unit.partition("/")
        assert kind in TYPES
        assert content.count("$") == 4
        assert (gap.final, gap.end - gap.start) == (False, timedelta(seconds=1))
        assert DAY <= gap.start < NEXT
        assert content in gap.cause
    # Asked for again with the provider well, the gaps give just what was left out.
    play(sandbox)
    late, left = pull(sandbox, *gaps)
    assert left == []
    assert events + late == calm


def test_a_blob_that_is_bad_in_passing_is_read_at_the_end_of_the_pull(sandbox: Client) -> None:
    """Prevents a gap where the second asking, after all other blobs, would have had the records."""
    calm, _ = pull(sandbox)
    play(sandbox, {"kind": "bad_blob", "blobs": [3], "form": "internal_error", "times": 2})
    assert pull(sandbox) == (calm, [])
    assert played(sandbox) == 2


def test_a_blob_that_stays_bad_is_open_until_it_is_too_old(sandbox: Client) -> None:
    """Prevents a blob from being asked for without end, and one from being given up while it is still kept."""
    play(sandbox, {"kind": "bad_blob", "blobs": [0]})
    _, [gap] = pull(sandbox)
    play(sandbox, {"kind": "bad_blob", "blobs": [0]})
    assert pull(sandbox, gap)[1][0].final is False
    later = NEXT + timedelta(days=7)
    sandbox.set_clock(later.isoformat())
    [lost] = pull(sandbox, gap, now=later)[1]
    assert (lost.final, lost.unit) == (True, gap.unit)


def test_a_final_gap_is_given_back_unasked(sandbox: Client) -> None:
    """Prevents requests for what the provider will never give."""
    gap = Gap(DAY, DAY + timedelta(hours=1), "kept for 7 days")
    assert pull(sandbox, gap) == (Counter(), [gap])


@pytest.mark.parametrize("kind", TYPES[1:])
@pytest.mark.parametrize(("status", "code"), [(401, "AF10001"), (403, "unknown"), (400, "AF20023"), (404, "AF20050")])
def test_a_type_that_is_refused_is_an_open_gap_and_uploads_land(
    sandbox: Client, kind: str, status: int, code: str
) -> None:
    """Prevents uploads from going unread in tenants that do not grant, or have, the content of sign-ins or alerts."""
    calm, _ = pull(sandbox)
    play(sandbox, {"kind": "type_refused", "content_type": kind, "status": status, "code": code})
    events, [gap] = pull(sandbox)
    assert not events - calm
    assert sum(events.values()) >= 144
    assert (gap.start, gap.end, gap.final, gap.unit) == (DAY, NEXT, False, kind)
    assert f"{kind} is refused" in gap.cause
    assert pull(sandbox, gap)[1][0].final is False
    play(sandbox)
    late, left = pull(sandbox, gap)
    assert left == []
    assert events + late == calm


def test_uploads_that_are_refused_are_an_error(sandbox: Client) -> None:
    """Prevents a day without uploads from passing for read."""
    play(sandbox, {"kind": "type_refused", "content_type": TYPES[0]})
    with pytest.raises(AccessError, match="AF10001"):
        pull(sandbox)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("body", [{"error": "odd"}, [[[]], 7, {"contentId": {"a": 1}}]])
def test_a_list_that_can_not_be_read_costs_only_its_type(sandbox: Client, kind: str, body: Any) -> None:
    """Prevents one broken list from costing the other types of content, and one odd entry from passing unseen."""
    fault = {"kind": "answer", "status": 200, "body": body, "path": f"content?contentType={kind}", "times": "always"}
    calm, _ = pull(sandbox)
    play(sandbox, fault)
    events, [gap] = pull(sandbox)
    assert (gap.start, gap.end, gap.final, gap.unit) == (DAY, NEXT, False, kind)
    play(sandbox)
    late, left = pull(sandbox, gap)
    assert left == []
    assert events + late == calm


def test_a_list_that_fails_at_the_provider_costs_only_its_type(
    sandbox: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prevents Microsoft's own failure on the list of sign-ins from holding back the uploads."""
    monkeypatch.setattr("connectors.core.retries.backoff", lambda _: 0.0)
    path = f"content?contentType={TYPES[1]}"
    play(sandbox, {"kind": "failing", "status": 500, "path": path, "times": "always"})
    events, [gap] = pull(sandbox)
    assert sum(events.values()) >= 144
    assert (gap.final, gap.unit) == (False, TYPES[1])


def test_nothing_that_can_be_listed_is_an_error(sandbox: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents an outage of the whole feed from passing for three gaps."""
    monkeypatch.setattr("connectors.core.retries.backoff", lambda _: 0.0)
    play(sandbox, {"kind": "failing", "status": 500, "path": "/content?", "times": "always"})
    with pytest.raises(UnavailableError):
        pull(sandbox)
    # The first list with all attempts, the others briefly.
    assert played(sandbox) == 7 + 2 + 2


@pytest.mark.parametrize("form", ["internal_error", "denied"])
def test_blobs_that_are_all_bad_end_the_pull_soon(sandbox: Client, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents seven attempts for each of a hundred blobs, and a day that passes for read without a single record."""
    monkeypatch.setattr("connectors.core.retries.backoff", lambda _: 0.0)
    play(sandbox, {"kind": "bad_blob", "blobs": [*range(500)], "form": form})
    with pytest.raises((UnavailableError, AccessError)):
        pull(sandbox)
    assert played(sandbox) < 50


def test_throttling_ends_the_pull(sandbox: Client) -> None:
    """Prevents a provider that asks to be left alone from being asked for each of its blobs."""
    play(sandbox, {"kind": "throttled", "retry_after": 3600, "path": "/audit/", "pass_first": 3, "times": "always"})
    with pytest.raises(UnavailableError) as refused:
        pull(sandbox)
    assert refused.value.throttled
    assert played(sandbox) == 1


def test_credentials_that_are_revoked_meanwhile_end_the_pull(sandbox: Client) -> None:
    """Prevents a hundred refused sign-ins, and gaps where the credentials are to be renewed."""
    gone = {"api": "office365_token", "kind": "sign_in_refused", "pass_first": 1, "times": "always"}
    play(sandbox, {"kind": "token_expired", "pass_first": 9}, gone)
    with pytest.raises(SignInError):
        pull(sandbox)


def listed(asked: Asked, blobs: int) -> Answer:
    """A feed with so many blobs of uploads, as its list and blobs are answered on a good day."""
    if asked.path.endswith("/list"):
        return Answer([{"contentType": kind, "status": "enabled"} for kind in TYPES])
    if asked.path.endswith("/content"):
        found = [{"contentId": f"b${n}", "contentCreated": "2026-01-05T00:10:00Z"} for n in range(blobs)]
        return Answer(found if asked.query["contentType"] == TYPES[0] else [])
    return Answer([{"blob": asked.path.rpartition("$")[2]}])


def test_bad_blobs_are_asked_for_last(tmp_path: Path) -> None:
    """Prevents a poisoned blob from standing first in the queue whenever the feed is read."""

    def answer(asked: Asked) -> Answer:
        bad = asked.path.endswith(("b$0", "b$1"))
        return Answer([{"a": 1}, {}], 400) if bad and "/audit/" in asked.path else listed(asked, 6)

    with scripted(answer) as server:
        found = list(build("office365", environment(server.url, tmp_path), now=lambda: NEXT).pages(DAY, NEXT))
        order = [asked.path.rpartition("$")[2] for asked in server.of("/audit/")]
    assert order == ["0", "1", "2", "3", "4", "5", "0", "1"]
    assert [gap.unit for gap in found if isinstance(gap, Gap)] == [f"{TYPES[0]}/b${n}" for n in (0, 1)]


def test_a_provider_that_goes_down_leaves_the_rest_as_gaps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents seven attempts and a minute for each of forty-eight blobs while nobody answers."""
    monkeypatch.setattr("connectors.core.retries.backoff", lambda _: 0.0)
    asked_for: list[str] = []

    def answer(asked: Asked) -> Answer:
        if "/audit/" in asked.path:
            asked_for.append(asked.path)
        down = len(asked_for) > 4
        return Answer(b"", 503, {"Retry-After": "0"}) if down else listed(asked, 48)

    with scripted(answer) as server:
        found = list(build("office365", environment(server.url, tmp_path), now=lambda: NEXT).pages(DAY, NEXT))
        requests = len(server.asked)
    assert sum(isinstance(page, Page) for page in found) == 4
    gaps = [gap for gap in found if isinstance(gap, Gap)]
    assert len(gaps) == 44 + 2  # the blobs left, and the two types whose lists came after
    assert not any(gap.final for gap in gaps)
    assert requests < 50


def test_an_entry_of_the_list_without_a_time_is_read(tmp_path: Path) -> None:
    """Prevents a blob from being lost for a time that no clock knows."""

    def answer(asked: Asked) -> Answer:
        told = listed(asked, 2)
        if asked.path.endswith("/content") and told.body:
            return Answer(
                [{**told.body[0], "contentCreated": "0001-01-01T00:00:00+14:00"}, {**told.body[1], "contentId": 7}]
            )
        return told

    with scripted(answer) as server:
        found = list(build("office365", environment(server.url, tmp_path), now=lambda: NEXT).pages(DAY, NEXT))
        assert [asked.path.rpartition("/")[2] for asked in server.of("/audit/")] == ["b$0", "7"]
    assert len(found) == 2
    assert json.loads(found[0].events[0]) if isinstance(found[0], Page) else False


def test_a_refused_start_of_a_subscription_costs_only_its_type(tmp_path: Path) -> None:
    """Prevents uploads from waiting for a subscription that the tenant can't have."""

    def answer(asked: Asked) -> Answer:
        if asked.path.endswith("/list"):
            return Answer([{"contentType": TYPES[0], "status": "enabled"}, {"odd": 1}, 7])
        if asked.query.get("contentType") == TYPES[2]:
            return Answer({"error": {"code": "AF10001", "message": "no such content"}}, 403)
        return listed(asked, 2)

    with scripted(answer) as server:
        found = list(build("office365", environment(server.url, tmp_path), now=lambda: NEXT).pages(DAY, NEXT))
    assert [gap.unit for gap in found if isinstance(gap, Gap)] == [TYPES[2]]
    assert sum(isinstance(page, Page) for page in found) == 2


def test_a_refused_start_of_uploads_is_an_error(tmp_path: Path) -> None:
    """Prevents a tenant without auditing from passing for one without uploads."""

    def answer(asked: Asked) -> Answer:
        if asked.path.endswith("/list"):
            return Answer([])
        refused = Answer({"error": {"code": "AF20010", "message": "another tenant"}}, 400)
        return refused if asked.path.endswith("/start") else listed(asked, 2)

    with scripted(answer) as server, pytest.raises(RefusedError, match="AF20010"):
        list(build("office365", environment(server.url, tmp_path), now=lambda: NEXT).pages(DAY, NEXT))
