"""Google's documented behaviour for the Reports API, request by request, over real HTTP."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from connectors import AccessError, Page, RefusedError, SignInError, build
from tests.support.scripted_server import Answer, Asked, Scripted, environment, scripted

START = datetime(2026, 1, 5, tzinfo=UTC)
END = START + timedelta(hours=1)
NOW = START + timedelta(hours=2)
SCOPE = "https://www.googleapis.com/auth/admin.reports.audit.readonly"


def quiet(asked: Asked) -> Answer:
    """Drive: three pages, the second without items; sign-ins: one page without either."""
    if asked.path.endswith("/login"):
        return Answer({"kind": "admin#reports#activities", "etag": "x"})
    page = int(asked.query.get("pageToken", 0))
    following = {"nextPageToken": str(page + 1)} if page < 2 else {"nextPageToken": ""}
    return Answer({**following, **({} if page == 1 else {"items": [{"n": page}]})})


def pull(
    answer: Callable[[Asked], Answer], folder: Path, *, now: datetime = NOW, **more: Any
) -> tuple[list[int], Scripted]:
    """The events' numbers, and the server with what it was asked."""
    with scripted(answer, **more) as server:
        found = build("google_workspace", environment(server.url, folder), now=lambda: now).pages(START, END)
        events = [json.loads(event)["n"] for page in found if isinstance(page, Page) for event in page.events]
    return events, server


def failure(status: int, reason: str, message: str = "as Google words it") -> Answer:
    return Answer({"error": {"code": status, "message": message, "errors": [{"reason": reason}]}}, status)


def test_signs_in_as_the_administrator(tmp_path: Path) -> None:
    """Prevents a sign-in as the service account itself, whom Google shows no reports."""
    _, server = pull(quiet, tmp_path)
    [asked] = [request for request in server.asked if request.signs_in]
    form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    part = form["assertion"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    assert (claims["iss"], claims["sub"]) == ("watch@project.iam.gserviceaccount.com", "admin@example.com")
    assert (claims["scope"], claims["exp"] - claims["iat"]) == (SCOPE, 3600)
    # Whatever address the key names, the library makes the assertion out to Google's own.
    assert claims["aud"] == "https://oauth2.googleapis.com/token"


@pytest.mark.parametrize(("status", "code"), [(401, "unauthorized_client"), (400, "invalid_grant")])
def test_refused_sign_ins_name_delegation_and_administrator(status: int, code: str, tmp_path: Path) -> None:
    """Prevents a guess between a missing delegation and a wrong administrator."""
    body = {"error": code, "error_description": "as Google words it"}
    with pytest.raises(SignInError, match=code) as refused:
        pull(quiet, tmp_path, sign_in=lambda _: Answer(body, status))
    assert "GOOGLE_ADMIN_EMAIL" in refused.value.remedy
    assert SCOPE in refused.value.remedy


def test_asks_as_documented(tmp_path: Path) -> None:
    """Prevents a filter, which has a tenth of the quota, and a page that is asked for with another query."""
    events, server = pull(quiet, tmp_path)
    assert events == [0, 2]
    window = {"startTime": "2026-01-04T23:59:59Z", "endTime": "2026-01-05T01:00:01Z"}
    first = {**window, "maxResults": "1000", "customerId": "my_customer"}
    path = "/admin/reports/v1/activity/users/all/applications"
    assert [(a.method, a.path, a.query) for a in server.of("/activity/")] == [
        ("GET", f"{path}/drive", first),
        ("GET", f"{path}/drive", {**first, "pageToken": "1"}),
        ("GET", f"{path}/drive", {**first, "pageToken": "2"}),
        ("GET", f"{path}/login", first),
    ]


@pytest.mark.parametrize("seconds", [-1800, 0, 0.5])
def test_no_bound_lies_in_the_future(seconds: float, tmp_path: Path) -> None:
    """Prevents the error by which Google answers an end that is not past yet: without one, it means now."""
    _, server = pull(quiet, tmp_path, now=END + timedelta(seconds=seconds))
    assert all("endTime" not in request.query for request in server.of("/activity/"))


@pytest.mark.parametrize("fault", [failure(400, "invalid"), failure(410, "gone"), failure(500, "backendError")])
def test_a_page_token_that_fails_starts_the_window_anew(
    fault: Answer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prevents a run lost to one token: Google refuses some, and fails on others however often they are repeated."""
    monkeypatch.setattr("connectors.core.retries.backoff", lambda _: 0.0)
    started = 0

    def answer(asked: Asked) -> Answer:
        nonlocal started
        if asked.path.endswith("/drive"):
            started += "pageToken" not in asked.query
            if started == 1 and "pageToken" in asked.query:
                return fault
        return quiet(asked)

    events, server = pull(answer, tmp_path)
    assert events == [0, 0, 2]
    assert len([a for a in server.of("/drive") if a.query.get("pageToken") == "1"]) == (8 if fault.status == 500 else 2)


def test_a_page_token_that_never_works_ends_the_pull(tmp_path: Path) -> None:
    """Prevents a window from being read anew for ever."""
    with pytest.raises(RefusedError, match="as Google words it"):
        pull(lambda asked: failure(400, "invalid") if "pageToken" in asked.query else quiet(asked), tmp_path)


@pytest.mark.parametrize(
    "fault",
    [
        failure(403, "rateLimitExceeded"),
        failure(403, "userRateLimitExceeded"),
        failure(403, "quotaExceeded"),
        failure(429, "rateLimitExceeded"),
        failure(503, "backendError", "Backend Error"),
        Answer({"error": {"code": 503, "status": "UNAVAILABLE"}}, 503, {"Retry-After": "0"}),
    ],
)
def test_quotas_that_are_used_up_are_waited_out(fault: Answer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents one of the ways in which Google says 'later' from passing for a refusal."""
    monkeypatch.setattr("connectors.core.retries.backoff", lambda _: 0.0)
    faults = [fault]
    assert pull(lambda asked: faults.pop() if faults else quiet(asked), tmp_path)[0] == [0, 2]


@pytest.mark.parametrize("reason", ["forbidden", "insufficientPermissions", "accessNotConfigured"])
def test_a_refusal_is_no_quota(reason: str, tmp_path: Path) -> None:
    """Prevents seven attempts at what only an administrator can grant."""
    with scripted(lambda _: failure(403, reason)) as server:
        with pytest.raises(AccessError, match=reason) as refused:
            list(build("google_workspace", environment(server.url, tmp_path), now=lambda: NOW).pages(START, END))
        assert len(server.of("/activity/")) == 1
    assert "privilege" in refused.value.remedy


def test_a_window_that_google_refuses_is_asked_once(tmp_path: Path) -> None:
    """Prevents attempts in vain where the bounds themselves are refused."""
    with scripted(lambda _: failure(400, "invalid", "Start time can't be later than end time")) as server:
        with pytest.raises(RefusedError, match="Start time"):
            list(build("google_workspace", environment(server.url, tmp_path), now=lambda: NOW).pages(START, END))
        assert len(server.of("/activity/")) == 1
