"""Box's documented behaviour for events, request by request, over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from connectors import AccessError, Page, RefusedError, SignInError, build
from tests.support.scripted_server import Answer, Asked, environment, scripted

START = datetime(2026, 1, 5, tzinfo=UTC)
END = START + timedelta(hours=1)
NOW = START + timedelta(hours=2)


def quiet(asked: Asked) -> Answer:
    """Three pages of one event, then an empty one with the position that starts all anew."""
    page = int(asked.query.get("stream_position", 0))
    entries = [{"n": page}] if page < 3 else []
    position = page + 1 if entries else "0"
    return Answer({"chunk_size": len(entries), "next_stream_position": position, "entries": entries})


def pull(answer: Callable[[Asked], Answer], folder: Path, *, now: datetime = NOW, **more: Any) -> tuple[list[Any], Any]:
    """The events' numbers, and the server with what it was asked."""
    with scripted(answer, **more) as server:
        found = build("box", environment(server.url, folder), now=lambda: now).pages(START, END)
        events = [json.loads(event) for page in found if isinstance(page, Page) for event in page.events]
    return [event.get("n") for event in events], server


def test_signs_in_as_the_enterprise(tmp_path: Path) -> None:
    """Prevents a token of one user, who sees no events of the others."""
    _, server = pull(quiet, tmp_path)
    [asked] = [request for request in server.asked if request.signs_in]
    assert asked.path == "/oauth2/token"
    assert {name: values[0] for name, values in parse_qs(asked.body.decode()).items()} == {
        "grant_type": "client_credentials",
        "client_id": "id",
        "client_secret": "hidden-box-secret",
        "box_subject_type": "enterprise",
        "box_subject_id": "123",
    }


@pytest.mark.parametrize(
    ("told", "sign_ins"),
    [
        ({"access_token": "t", "expires_in": 4123, "restricted_to": [], "token_type": "bearer"}, 1),
        ({"access_token": "t", "expires_in": "3600"}, 1),
        ({"access_token": "t"}, 1),
        ({"access_token": "t", "expires_in": 0}, 4),
    ],
)
def test_a_token_is_used_as_long_as_its_answer_says(told: dict[str, Any], sign_ins: int, tmp_path: Path) -> None:
    """Prevents a fixed hour: Box's own examples tell of two lives, and leave out fields now and then."""
    _, server = pull(quiet, tmp_path, sign_in=lambda _: Answer(told))
    assert len([request for request in server.asked if request.signs_in]) == sign_ins


def test_refused_credentials_say_what_to_check(tmp_path: Path) -> None:
    """Prevents a bare 400: Box answers wrong credentials as a bad request."""
    body = {"error": "invalid_grant", "error_description": "Grant credentials are invalid"}
    with pytest.raises(SignInError, match="invalid_grant Grant credentials are invalid") as refused:
        pull(quiet, tmp_path, sign_in=lambda _: Answer(body, 400))
    assert "authorised in the Admin Console" in refused.value.remedy


@pytest.mark.parametrize("code", ["insufficient_scope", "forbidden", "access_denied_insufficient_permissions"])
def test_a_missing_scope_is_named(code: str, tmp_path: Path) -> None:
    """Prevents a guess: the application has to be authorised again after every change of its scopes."""
    with pytest.raises(AccessError, match=code) as refused:
        pull(lambda _: Answer({"type": "error", "status": 403, "code": code}, 403), tmp_path)
    assert "Manage enterprise properties" in refused.value.remedy
    assert "authorise it again" in refused.value.remedy


def test_asks_as_documented(tmp_path: Path) -> None:
    """Prevents bounds in a form that Box refuses, filters that leave out events, and an end at a short page."""
    events, server = pull(quiet, tmp_path)
    assert events == [0, 1, 2]
    asked = [(request.method, request.query) for request in server.of("/2.0/events")]
    window = {"created_after": "2026-01-04T23:59:59Z", "created_before": "2026-01-05T01:00:01Z"}
    first = {"stream_type": "admin_logs", "limit": "500", **window}
    assert asked == [("GET", first), *(("GET", {**first, "stream_position": str(n)}) for n in (1, 2, 3))]


@pytest.mark.parametrize("seconds", [-1800, 0, 0.5])
def test_no_bound_lies_in_the_future(seconds: float, tmp_path: Path) -> None:
    """Prevents the error by which Box answers a bound that is not past yet, be it by a second."""
    _, server = pull(quiet, tmp_path, now=END + timedelta(seconds=seconds))
    assert all("created_before" not in request.query for request in server.of("/2.0/events"))


def test_the_oldest_bound_is_within_a_year(tmp_path: Path) -> None:
    """Prevents the error by which Box answers a bound that grew older than a year on its way."""
    now = START + timedelta(days=365)
    _, server = pull(quiet, tmp_path, now=now)
    assert server.of("/2.0/events")[0].query["created_after"] == "2026-01-05T00:04:59Z"


@pytest.mark.parametrize(
    "message",
    [
        "Invalid created_after parameter",
        "'created_after' is beyond one year in the past",
        "'created_before' is invalid since it is in the future",
    ],
)
def test_a_refused_bound_is_not_asked_again(message: str, tmp_path: Path) -> None:
    """Prevents attempts in vain, and a message without Box's own words."""
    with scripted(lambda _: Answer({"type": "error", "code": "bad_request", "message": message}, 400)) as server:
        with pytest.raises(RefusedError, match=message):
            list(build("box", environment(server.url, tmp_path), now=lambda: NOW).pages(START, END))
        assert len(server.of("/2.0/events")) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"type": "error", "status": 429, "code": "rate_limit_exceeded", "message": "m", "request_id": "r"},
        {"type": "error", "status": 429, "code": "too_many_requests"},
        {"type": "error"},
        b"",
    ],
)
def test_throttling_is_told_by_the_status(body: Any, tmp_path: Path) -> None:
    """Prevents a code from deciding: Box spells it in two ways, and bodies lack fields."""
    throttled = [Answer(body, 429, {"Retry-After": "0"})]
    events, _ = pull(lambda asked: throttled.pop() if throttled else quiet(asked), tmp_path)
    assert events == [0, 1, 2]


def test_events_of_any_time_on_a_page_are_kept(tmp_path: Path) -> None:
    """Prevents events from being dropped where they are out of order, or have no time that can be read."""
    entries: list[Any] = [
        {"n": 1, "created_at": "2026-01-05T03:00:00Z"},
        {"n": 2, "created_at": "2026-01-04T16:30:00-08:00"},
        {"n": 3, "created_at": "soon"},
        {"n": 4},
    ]

    def answer(asked: Asked) -> Answer:
        first = "stream_position" not in asked.query
        return Answer({"entries": entries if first else [], "next_stream_position": "9"})

    assert pull(answer, tmp_path)[0] == [1, 2, 3, 4]
