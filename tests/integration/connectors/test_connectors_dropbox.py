"""Dropbox's documented behaviour for the team log, request by request, over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from connectors import AccessError, Gap, Page, RefusedError, SignInError, build
from tests.support.scripted_server import Answer, Asked, Scripted, environment, scripted

START = datetime(2026, 1, 5, tzinfo=UTC)
END = START + timedelta(hours=1)
NOW = START + timedelta(hours=2)
FEATURE = "has_team_file_events"


def quiet(asked: Asked) -> Answer:
    """A full page, an empty one, a short one; each with a cursor of its own."""
    if asked.path.endswith("/get_values"):
        return Answer({"values": [{".tag": FEATURE, FEATURE: {".tag": "enabled", "enabled": True}}]})
    page = int(json.loads(asked.body).get("cursor", 0))
    events = [[{"n": 1}, {"n": 2}], [], [{"n": 3}]][page]
    return Answer({"events": events, "cursor": str(page + 1), "has_more": page < 2})


def pull(
    answer: Callable[[Asked], Answer], folder: Path, *, start: datetime = START, now: datetime = NOW, **more: Any
) -> tuple[list[Any], list[Gap], Scripted]:
    """The events, the gaps, and the server with what it was asked."""
    with scripted(answer, **more) as server:
        found = list(build("dropbox", environment(server.url, folder), now=lambda: now).pages(start, END))
        events = [json.loads(event) for page in found if isinstance(page, Page) for event in page.events]
    return events, [gap for gap in found if isinstance(gap, Gap)], server


def test_signs_in_with_the_refresh_token(tmp_path: Path) -> None:
    """Prevents a sign-in that Dropbox does not know: there are no client credentials, and no rotation."""
    told = {"access_token": "t", "token_type": "bearer", "expires_in": 14400, "scope": "events.read"}
    _, _, server = pull(quiet, tmp_path, sign_in=lambda _: Answer(told))
    [asked] = [request for request in server.asked if request.signs_in]
    assert asked.path == "/oauth2/token"
    assert {name: values[0] for name, values in parse_qs(asked.body.decode()).items()} == {
        "grant_type": "refresh_token",
        "client_id": "key",
        "client_secret": "hidden-dropbox-secret",
        "refresh_token": "hidden-dropbox-refresh",
    }


def test_a_revoked_consent_is_told(tmp_path: Path) -> None:
    """Prevents a bare 400: a refresh token that was revoked needs an administrator of the team."""
    body = {"error": "invalid_grant", "error_description": "refresh token is malformed or revoked"}
    with pytest.raises(SignInError, match="malformed or revoked") as refused:
        pull(quiet, tmp_path, sign_in=lambda _: Answer(body, 400))
    assert "a team administrator must consent again" in refused.value.remedy


def test_asks_as_documented(tmp_path: Path) -> None:
    """Prevents an end at an empty page, a cursor used twice, filters beside a cursor, and a user's name in the call."""
    events, gaps, server = pull(quiet, tmp_path)
    assert events == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert gaps == []
    asked = [(a.method, a.path, json.loads(a.body)) for a in server.asked if not a.signs_in]
    window = {"start_time": "2026-01-05T00:00:00Z", "end_time": "2026-01-05T01:00:00Z"}
    assert asked == [
        ("POST", "/2/team/features/get_values", {"features": [{".tag": FEATURE}]}),
        ("POST", "/2/team_log/get_events", {"limit": 1000, "time": window}),
        ("POST", "/2/team_log/get_events/continue", {"cursor": "1"}),
        ("POST", "/2/team_log/get_events/continue", {"cursor": "2"}),
    ]
    assert not any(name.startswith("dropbox-api") for request in server.asked for name in request.headers)


def test_the_second_in_progress_is_left_to_the_next_window(tmp_path: Path) -> None:
    """Prevents half a second's events from landing as the whole: times have whole seconds, and the end is exclusive."""
    now = START + timedelta(minutes=10, seconds=5, milliseconds=500)
    _, _, server = pull(quiet, tmp_path, now=now)
    [asked] = [json.loads(a.body) for a in server.asked if a.path.endswith("/get_events")]
    assert asked["time"]["end_time"] == "2026-01-05T00:10:05Z"


def test_what_was_before_the_log_began_is_a_gap(tmp_path: Path) -> None:
    """Prevents years without a log from passing for years without uploads."""
    now = datetime(2017, 1, 1, 1, tzinfo=UTC)
    _, [gap], server = pull(quiet, tmp_path, start=datetime(2016, 12, 31, tzinfo=UTC), now=now)
    assert (gap.start, gap.end) == (datetime(2016, 12, 31, tzinfo=UTC), datetime(2017, 1, 1, tzinfo=UTC))
    [asked] = [json.loads(a.body) for a in server.asked if a.path.endswith("/get_events")]
    assert asked["time"]["start_time"] == "2017-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (401, {"error": {".tag": "missing_scope", "required_scope": "team_info.read"}}, "lacks the scope team_info"),
        (401, {"error": {".tag": "user_suspended"}, "error_summary": "user_suspended/.."}, "user_suspended"),
        (401, {"error": {".tag": "invalid_access_token"}}, "let a team administrator consent again"),
        (403, {"error": {".tag": "invalid_account_type"}, "error_summary": "x/..."}, "Give the application the scopes"),
        (403, b"The team lacks the feature", "The team lacks the feature"),
    ],
)
def test_refusals_of_access_say_what_is_missing(status: int, body: Any, told: str, tmp_path: Path) -> None:
    """Prevents a guess between a scope, a suspended administrator and a plan."""
    with pytest.raises(AccessError) as refused:
        pull(lambda _: Answer(body, status), tmp_path)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (409, {"error_summary": "invalid_time_range/.", "error": {".tag": "invalid_time_range"}}, "invalid_time_range"),
        (409, {"error_summary": "invalid_filters/...", "error": {".tag": "invalid_filters"}}, "invalid_filters"),
        (400, b'Error in call to API function "team_log/get_events": request body: ...', ""),
    ],
)
def test_what_can_not_be_repeated_is_asked_once(status: int, body: Any, code: str, tmp_path: Path) -> None:
    """Prevents attempts in vain, and a code read from a summary that ends in any number of dots."""

    def answer(asked: Asked) -> Answer:
        return Answer(body, status) if "team_log" in asked.path else quiet(asked)

    with scripted(answer) as server, pytest.raises(RefusedError) as refused:
        list(build("dropbox", environment(server.url, tmp_path), now=lambda: NOW).pages(START, END))
    assert refused.value.code == code
    assert len(server.of("/team_log/")) == 1


def test_one_odd_event_costs_no_page(tmp_path: Path) -> None:
    """Prevents what the official library does: one field out of its pattern loses a whole page."""
    odd: list[Any] = [
        {"timestamp": "5 January", "event_type": {".tag": "brand_new"}, "actor": {".tag": "other"}},
        {
            "actor": {".tag": "user", "user": {".tag": "team_member", "account_id": "short"}},
            "details": {".tag": "other"},
        },
        {"n": 3, "details": {".tag": "missing_details", "source_event_fields": []}, "unknown": [{"deep": 2**70}]},
    ]

    def answer(asked: Asked) -> Answer:
        if "team_log" in asked.path:
            return Answer({"events": odd, "cursor": "c", "has_more": False, "new_field": 1})
        return quiet(asked)

    assert pull(answer, tmp_path)[0] == odd


@pytest.mark.parametrize("told", [{".tag": "other"}, {".tag": FEATURE, FEATURE: {".tag": "other"}}])
def test_a_feature_that_dropbox_does_not_tell_of_is_no_refusal(told: Any, tmp_path: Path) -> None:
    """Prevents a pull from being refused where Dropbox answers the question of the plan in a new way."""

    def answer(asked: Asked) -> Answer:
        return Answer({"values": [told]}) if asked.path.endswith("/get_values") else quiet(asked)

    assert len(pull(answer, tmp_path)[0]) == 3
