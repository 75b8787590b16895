"""Every connector against providers that throttle, fail or send odd answers, over real HTTP."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from connectors import AccessError, AnswerError, Page, RefusedError, UnavailableError, build
from tests.support.quiet_day import END, NOW, PROVIDERS, START, plain, read
from tests.support.scripted_server import Answer, Asked, environment, scripted


def once(fault: Answer, *, on: Callable[[Asked], bool] = lambda asked: True) -> Callable[[Asked], Answer]:
    """Answer as on a quiet day, except that the first matching request gets the fault."""
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
    monkeypatch.setattr("connectors.core.retries.backoff", lambda _: 0.0)
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
    with scripted(lambda _: wrong) as server, pytest.raises(AnswerError, match="the documented shape"):
        read(build(provider, environment(server.url, tmp_path), now=lambda: NOW).pages(START, END))
