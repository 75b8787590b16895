"""The connectors against providers that throttle, fail, lose their place or send odd answers, over real HTTP."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from scripted_server import Answer, Asked, environment, scripted

from connectors import (
    AccessError,
    AnswerError,
    Gap,
    Page,
    RefusedError,
    UnavailableError,
    build,
)

START = datetime(2026, 1, 5, tzinfo=UTC)
END = START + timedelta(hours=1)
NOW = START + timedelta(hours=2)
PROVIDERS = ("box", "dropbox", "google_workspace", "office365")
FEED = "/api/v1.0/11111111-2222-3333-4444-555555555555/activity/feed"
KINDS = ("Audit.SharePoint", "Audit.AzureActiveDirectory", "Audit.General")
Event = dict[str, Any]


def read(answers: Iterable[Page | Gap]) -> list[Event]:
    return [json.loads(event) for answer in answers if isinstance(answer, Page) for event in answer.events]


def plain(asked: Asked) -> Answer:
    """What each provider answers on a quiet day with one event."""
    first = "stream_position" not in asked.query
    answers: dict[str, Any] = {
        "/2.0/events": {"entries": [{"n": 1}] if first else [], "next_stream_position": "5" if first else "0"},
        "/2/team/features/get_values": features(True).body,
        "/2/team_log/get_events": {"events": [{"n": 1}], "cursor": "c", "has_more": False},
        "/subscriptions/list": [{"contentType": kind, "status": "enabled"} for kind in KINDS],
        "/subscriptions/content": [content("a$1")] if asked.query.get("contentType") == KINDS[0] else [],
        "/audit/a$1": [{"n": 1}],
        "/audit/b$1": [{"n": 1}],
        "/audit/b$2": [{"n": 1}],
        "/audit/c$3": [{"n": 1}],
        "/applications/drive": {"items": [{"n": 1}]},
        "/applications/login": {"kind": "no items"},
    }
    return Answer(next(body for end, body in answers.items() if asked.path.endswith(end)))


def features(enabled: bool) -> Answer:
    told = {".tag": "has_team_file_events", "has_team_file_events": {".tag": "enabled", "enabled": enabled}}
    return Answer({"values": [told]})


def content(name: str, expires: str = "2026-01-12T00:10:00.000Z") -> dict[str, str]:
    return {
        "contentType": KINDS[0],
        "contentId": name,
        "contentUri": f"https://attacker.example.net{FEED}/audit/{name}",
        "contentCreated": "2026-01-05T00:10:00.000Z",
        "contentExpiration": expires,
    }


def once(fault: Answer, *, on: Callable[[Asked], bool] = lambda asked: True) -> Callable[[Asked], Answer]:
    """Answers as on a quiet day, but the first request that fits gets the fault."""
    given: list[Asked] = []

    def answer(asked: Asked) -> Answer:
        if not given and on(asked):
            given.append(asked)
            return fault
        return plain(asked)

    return answer


THROTTLED = {
    "box": Answer({"type": "error", "code": "rate_limit_exceeded"}, 429, {"Retry-After": "1"}),
    "dropbox": Answer(b"too_many_requests", 429, {"Retry-After": "1", "Content-Type": "text/plain"}),
    "google_workspace": Answer({"error": {"code": 403, "errors": [{"reason": "userRateLimitExceeded"}]}}, 403),
    "office365": Answer(b"{'error':{'code':'AF429','message':'Too many requests. Method=GetBlob'}}", 403),
}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_throttling_is_waited_out_in_each_providers_own_dress(
    provider: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Prevents plain text, pseudo JSON or a 403 from passing for a refusal, and Retry-After from being ignored."""
    with scripted(once(THROTTLED[provider])) as server:
        begun = time.monotonic()
        events = read(build(provider, environment(server.url, tmp_path), now=lambda: NOW).pages(START, END))
        waited = time.monotonic() - begun
    assert events == [{"n": 1}]
    assert waited >= (1.0 if THROTTLED[provider].headers else 0.5)
    assert "attempt 1 of 7 failed" in caplog.text


def test_the_wait_that_dropbox_names_in_its_json_is_kept(tmp_path: Path) -> None:
    """Prevents hammering a team that Dropbox asked to wait in the body only."""
    body = {"error_summary": "too_many_requests/.", "error": {"reason": {".tag": "x"}, "retry_after": 1}}
    with scripted(once(Answer(body, 429))) as server:
        begun = time.monotonic()
        read(build("dropbox", environment(server.url, tmp_path), now=lambda: NOW).pages(START, END))
        assert time.monotonic() - begun >= 1.0


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    "fault",
    [
        Answer({"error": "down"}, 503, {"Retry-After": "0"}),
        Answer(b"<html>bad gateway", 502, {"Retry-After": "0"}),
        Answer(b"<html>down for maintenance</html>", 200),
        Answer(b'{"n": 1}', 200, {"Content-Length": "999", "Connection": "close"}),
    ],
    ids=["503", "502 html", "200 html", "broken off"],
)
def test_failures_on_the_way_are_repeated(provider: str, fault: Answer, tmp_path: Path) -> None:
    """Prevents half an answer or a proxy's page from passing for a whole one, and a failure from ending a run."""
    with scripted(once(fault)) as server:
        assert read(build(provider, environment(server.url, tmp_path), now=lambda: NOW).pages(START, END)) == [{"n": 1}]


def test_attempts_end_and_a_long_wait_is_not_slept_through(tmp_path: Path) -> None:
    """Prevents a run that never ends: after seven attempts, or where an hour is asked for, it says so."""
    for wait, requests in (("0", 7), ("3600", 1)):
        with scripted(lambda _: Answer(b"", 503, {"Retry-After": wait})) as server:  # noqa: B023 -- used at once
            with pytest.raises(UnavailableError) as failed:
                read(build("box", environment(server.url, tmp_path), now=lambda: NOW).pages(START, END))
            assert len(server.of("/2.0/events")) == requests
        assert failed.value.request == "GET /2.0/events"
        assert "503" in failed.value.cause


def test_a_provider_that_cannot_be_reached_says_so_without_the_query(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prevents addresses with cursors and tokens in messages, which is what the library's own errors hold."""

    def hanging_up(asked: Asked) -> Answer:
        return Answer(plain(asked).body, headers={"Connection": "close"})

    with scripted(hanging_up) as server:
        pages = build("box", environment(server.url, tmp_path), now=lambda: NOW).pages(START, END)
        next(pages)
    # Six pauses would come to half a minute and more; what is said after them is all that counts here.
    monkeypatch.setattr("connectors.retries.backoff", lambda _: 0.0)
    with pytest.raises(UnavailableError) as failed:
        next(pages)
    assert "stream_position" not in str(failed.value)
    assert "refused" in failed.value.cause


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_token_that_expires_between_pages_is_renewed_once(provider: str, tmp_path: Path) -> None:
    """Prevents a long backfill from failing after an hour, and endless sign-ins where a token never works."""

    def expired(asked: Asked) -> Answer:
        return plain(asked) if asked.token == "token-2" else Answer({"error": {".tag": "expired_access_token"}}, 401)

    with scripted(expired) as server:
        assert read(build(provider, environment(server.url, tmp_path), now=lambda: NOW).pages(START, END)) == [{"n": 1}]
        assert len([asked for asked in server.asked if asked.signs_in]) == 2
    with scripted(lambda _: Answer({"error": {"code": "x"}}, 401)) as server:
        with pytest.raises(AccessError):
            read(build(provider, environment(server.url, tmp_path), now=lambda: NOW).pages(START, END))
        assert len([asked for asked in server.asked if asked.signs_in]) == 2


def test_a_token_is_kept_while_it_lives_and_renewed_before_it_ends(tmp_path: Path) -> None:
    """Prevents a sign-in for every request, which providers throttle, and requests with a token about to expire."""
    with scripted(plain, life=3600) as server:
        read(build("office365", environment(server.url, tmp_path), now=lambda: NOW).pages(START, END))
        assert len(server.of("/oauth2/v2.0/token")) == 1
    with scripted(plain, life=0) as server:
        read(build("office365", environment(server.url, tmp_path), now=lambda: NOW).pages(START, END))
        assert len(server.of("/oauth2/v2.0/token")) == len(server.of("/activity/feed"))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_secrets_that_a_provider_echoes_are_not_passed_on(
    provider: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Prevents secrets from reaching logs by way of a provider's own error text."""

    def echo(asked: Asked) -> Answer:
        seen = f"{asked.token} hidden-box-secret hidden-dropbox-refresh hidden-dropbox-secret hidden-office-secret"
        text = f"you sent {seen}"
        return Answer({"error": {"code": 400, "message": text, ".tag": text}, "message": text}, 400)

    own = {"box": "hidden-box", "dropbox": "hidden-dropbox", "office365": "hidden-office"}
    with scripted(echo) as server, caplog.at_level(logging.DEBUG), pytest.raises(RefusedError) as refused:
        read(build(provider, environment(server.url, tmp_path), now=lambda: NOW).pages(START, END))
    told = str(refused.value) + repr(refused.value) + refused.value.code + caplog.text
    assert "token-1" not in told
    assert own.get(provider, "token-1") not in told


@pytest.mark.parametrize("provider", PROVIDERS)
def test_redirects_are_not_followed(provider: str, tmp_path: Path) -> None:
    """Prevents a token from being carried to wherever an answer points."""
    with (
        scripted(plain) as elsewhere,
        scripted(lambda _: Answer(b"", 307, {"Location": f"{elsewhere.url}/2.0/events"})) as server,
    ):
        with pytest.raises(RefusedError, match="redirect"):
            read(build(provider, environment(server.url, tmp_path), now=lambda: NOW).pages(START, END))
        assert elsewhere.asked == []


def test_the_next_page_is_asked_for_only_when_it_is_wanted(tmp_path: Path) -> None:
    """Prevents a day of events from piling up in memory."""

    def endless(asked: Asked) -> Answer:
        position = int(asked.query.get("stream_position", 0)) + 1
        return Answer({"entries": [{"n": position}], "next_stream_position": position})

    with scripted(endless) as server:
        pages = build("box", environment(server.url, tmp_path), now=lambda: NOW).pages(START, END)
        assert server.asked == []
        for wanted in range(1, 4):
            next(pages)
            assert len(server.of("/2.0/events")) == wanted


def test_events_keep_their_bytes_and_fit_one_line(tmp_path: Path) -> None:
    """Prevents numbers and key order from changing on the way, and one odd name from costing the whole page."""
    body = (
        b'\xef\xbb\xbf{"entries": [\n {"size": 1152922976252290886001, "b":1.50,\r\n "a": "\\u00e4\\\\ud800"},\n'
        b'{"name": "half \\ud83d", "pair": "\\ud83d\\ude00"}, {"name": "\xff"}, "text", null, 7\n],'
        b' "next_stream_position": 1152922976252290886}'
    )

    def answer(asked: Asked) -> Answer:
        return Answer(body) if "stream_position" not in asked.query else plain(asked)

    with scripted(answer) as server:
        pages = list(build("box", environment(server.url, tmp_path), now=lambda: NOW).pages(START, END))
        assert server.asked[-1].query["stream_position"] == "1152922976252290886"
    assert [event for page in pages if isinstance(page, Page) for event in page.events] == [
        b'{"size": 1152922976252290886001, "b":1.50,   "a": "\\u00e4\\\\ud800"}',
        b'{"name": "half \\ufffd", "pair": "\\ud83d\\ude00"}',
        b'{"name": "\xef\xbf\xbd"}',
        b'{"uploadwatch_not_an_object": "text"}',
        b'{"uploadwatch_not_an_object": null}',
        b'{"uploadwatch_not_an_object": 7}',
    ]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_answer_of_another_shape_is_an_error(provider: str, tmp_path: Path) -> None:
    """Prevents a changed API from passing for a day without events."""
    wrong = Answer({"items": 3, "entries": None}) if provider != "dropbox" else Answer({"values": None})
    with scripted(lambda _: wrong) as server, pytest.raises(AnswerError, match="another shape"):
        read(build(provider, environment(server.url, tmp_path), now=lambda: NOW).pages(START, END))


@pytest.mark.parametrize("position", ["0", "9", None])
def test_box_position_that_leads_back_is_an_error(position: str | None, tmp_path: Path) -> None:
    """Prevents reading a year anew from position 0, or the same page for ever."""
    page = Answer({"entries": [{"n": 1}], "next_stream_position": position})
    with scripted(lambda _: page) as server, pytest.raises(AnswerError, match="leads back"):
        read(build("box", environment(server.url, tmp_path), now=lambda: NOW).pages(START, END))


def test_box_reading_ends_past_the_window_where_the_bounds_are_ignored(tmp_path: Path) -> None:
    """Prevents reading on to the present where Box ignores the bounds once a position is given."""

    def ignoring(asked: Asked) -> Answer:
        hour = int(asked.query.get("stream_position", 0))
        entries = [{"created_at": f"2026-01-05T{hour:02}:30:00Z"}, {"created_at": f"2026-01-05T{hour:02}:59:00Z"}]
        return Answer({"entries": entries, "next_stream_position": hour + 1})

    with scripted(ignoring) as server:
        events = read(build("box", environment(server.url, tmp_path), now=lambda: NOW).pages(START, END))
        assert len(server.of("/2.0/events")) == 2
    assert len(events) == 2


def test_dropbox_team_without_file_events_is_told(tmp_path: Path) -> None:
    """Prevents a plan that hides uploads from looking like a team that uploads nothing."""
    with scripted(lambda _: features(False)) as server, pytest.raises(AccessError) as refused:
        read(build("dropbox", environment(server.url, tmp_path), now=lambda: NOW).pages(START, END))
    assert "plan" in refused.value.remedy


@pytest.mark.parametrize("code", ["reset", "bad_cursor"])
def test_dropbox_lost_cursor_repeats_no_event_and_loses_none(code: str, tmp_path: Path) -> None:
    """Prevents events being counted twice after a lost cursor: they have no id, so nothing later could tell."""
    twins = [{"n": 1}, {"n": 1}, {"n": 2}]
    lost: list[Asked] = []

    def answer(asked: Asked) -> Answer:
        if asked.path == "/2/team_log/get_events":
            return Answer({"events": twins, "cursor": "c", "has_more": True})
        if asked.path.endswith("/continue"):
            if not lost:
                lost.append(asked)
                error = {".tag": code, code: "2026-01-05T00:30:00Z"}
                return Answer({"error_summary": f"{code}/..", "error": error}, 409)
            return Answer({"events": [{"n": 1}, {"n": 3}], "cursor": "d", "has_more": False})
        return plain(asked)

    with scripted(answer) as server:
        events = read(build("dropbox", environment(server.url, tmp_path), now=lambda: NOW).pages(START, END))
    assert [event["n"] for event in events] == [1, 1, 2, 1, 3]


def test_dropbox_cursor_that_stands_still_is_an_error(tmp_path: Path) -> None:
    """Prevents the same page from being read for ever."""

    def still(asked: Asked) -> Answer:
        return Answer({"events": [], "cursor": "c", "has_more": True}) if "team_log" in asked.path else plain(asked)

    with scripted(still) as server, pytest.raises(AnswerError, match="came again"):
        read(build("dropbox", environment(server.url, tmp_path), now=lambda: NOW).pages(START, END))


def test_google_pages_without_end_are_an_error_and_a_lost_token_is_not(tmp_path: Path) -> None:
    """Prevents the token that comes again for ever, and a run lost to one token that Google no longer takes."""
    with scripted(lambda _: Answer({"nextPageToken": "again"})) as server, pytest.raises(AnswerError, match="again"):
        read(build("google_workspace", environment(server.url, tmp_path), now=lambda: NOW).pages(START, END))
    lost: list[Asked] = []

    def answer(asked: Asked) -> Answer:
        if asked.path.endswith("login"):
            return plain(asked)
        if "pageToken" not in asked.query:
            return Answer({"items": [{"n": 2}], "nextPageToken": "t"})
        if not lost:
            lost.append(asked)
            return Answer({"error": {"code": 400, "message": "Invalid page token"}}, 400)
        return Answer({"items": [{"n": 1}], "nextPageToken": ""})

    with scripted(answer) as server:
        events = read(build("google_workspace", environment(server.url, tmp_path), now=lambda: NOW).pages(START, END))
    assert [event["n"] for event in events] == [2, 2, 1]


def test_office365_addresses_that_the_server_sends_never_get_the_token(tmp_path: Path) -> None:
    """Prevents an answer from leading the client, and its token, to another host."""
    with scripted(plain) as stranger:

        def answer(asked: Asked) -> Answer:
            if asked.path.endswith("/content") and asked.query["contentType"] == KINDS[0]:
                if asked.query.get("nextPage") == "p2":
                    return Answer([content("c$3")])
                link = f"{stranger.url}/api/v1/x/activity/feed/subscriptions/content?contentType=y&nextpage=p2"
                item = {**content("b$2"), "contentUri": f"{stranger.url}/steal"}
                return Answer([item], headers={"NextPageUri": link})
            return plain(asked)

        with scripted(answer) as server:
            events = read(build("office365", environment(server.url, tmp_path), now=lambda: NOW).pages(START, END))
            assert [asked.path for asked in server.of("/audit/")] == [f"{FEED}/audit/b$2", f"{FEED}/audit/c$3"]
            assert all("PublisherIdentifier" in asked.query for asked in server.of("/activity/feed"))
        assert stranger.asked == []
    assert len(events) == 2


def test_office365_starts_what_is_missing_and_takes_enabled_already_for_success(tmp_path: Path) -> None:
    """Prevents a start for every pull, which is throttled, and a failure where another client was faster."""

    def answer(asked: Asked) -> Answer:
        if asked.path.endswith("/list"):
            return Answer([{"contentType": KINDS[0]}, {"contentType": KINDS[1], "status": "disabled"}])
        if asked.path.endswith("/start"):
            return Answer({"error": {"code": "AF20024", "message": "The subscription is already enabled."}}, 400)
        return plain(asked)

    with scripted(answer) as server:
        connector = build("office365", environment(server.url, tmp_path), now=lambda: NOW)
        assert read(connector.pages(START, END)) == read(connector.pages(START, END)) == [{"n": 1}]
        assert [asked.query["contentType"] for asked in server.of("/start")] == list(KINDS[1:])


def test_office365_lost_blobs_are_gaps_and_a_lost_page_starts_the_window_anew(tmp_path: Path) -> None:
    """Prevents one expired blob from blocking all others for ever, and a restart from reading blobs twice."""
    lost: list[Asked] = []

    def answer(asked: Asked) -> Answer:
        if asked.path.endswith("/content") and asked.query["contentType"] == KINDS[0]:
            if "nextPage" not in asked.query:
                first = [content("a$1"), content("old$1", expires="2026-01-05T01:59:00.000Z")]
                return Answer(first, headers={"NextPageUri": "https://manage.office.com/x?nextPage=2"})
            if not lost:
                lost.append(asked)
                return Answer({"error": {"code": "AF20031", "message": "Invalid nextPage Input: 2."}}, 400)
            return Answer([content("gone$1"), content("b$1")])
        if asked.path.endswith("gone$1"):
            return Answer({"error": {"code": "AF20051", "message": "already expired"}}, 410)
        return plain(asked)

    with scripted(answer) as server:
        connector = build("office365", environment(server.url, tmp_path), now=lambda: NOW)
        found = list(connector.pages(START, END))
        blobs = [asked.path.rpartition("/")[2] for asked in server.of("/audit/")]
    assert blobs == ["a$1", "gone$1", "b$1"]
    gaps = [gap for gap in found if isinstance(gap, Gap)]
    assert [("expired" in gap.cause, gap.start < gap.end) for gap in gaps] == [(True, True), (True, True)]


def test_office365_windows_are_a_day_at_most_and_a_start_too_old_is_clamped(tmp_path: Path) -> None:
    """Prevents windows that Microsoft answers in part without a word, and a clock that differs from ending a run."""
    now = START + timedelta(days=7)
    refused: list[Asked] = []

    def answer(asked: Asked) -> Answer:
        if asked.path.endswith("/content") and not refused:
            refused.append(asked)
            return Answer({"error": {"code": "AF20055", "message": "more than 7 days in the past"}}, 400)
        return plain(asked)

    with scripted(answer) as server:
        found = list(build("office365", environment(server.url, tmp_path), now=lambda: now).pages(START, now))
        windows = [
            (asked.query["startTime"], asked.query["endTime"])
            for asked in server.of("/content")
            if asked.query["contentType"] == KINDS[0]
        ]
    assert windows[0][0] == "2026-01-05T00:05:00"
    assert windows[1] == ("2026-01-05T00:15:00", "2026-01-06T00:05:00")
    assert windows[2] == ("2026-01-06T00:05:00", "2026-01-07T00:05:00")
    gaps = [gap for gap in found if isinstance(gap, Gap)]
    minutes = [((gap.start - START).total_seconds() / 60, (gap.end - START).total_seconds() / 60) for gap in gaps]
    assert minutes == [(0, 5), (5, 15)]
