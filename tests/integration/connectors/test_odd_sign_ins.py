"""Odd tokens, lives, times to wait and sizes, one by one, over real HTTP."""

from __future__ import annotations

import json
import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from connectors import AnswerError, ConnectorError, FileQuestion, build
from connectors.core.retries import retry_after, seconds_in
from tests.support.scripted_server import Answer, Asked, environment, scripted

NOW = datetime(2026, 1, 5, 2, tzinfo=UTC)
START = NOW - timedelta(hours=2)
PROVIDERS = ("box", "dropbox", "google_workspace", "office365")
TOKENS: list[Any] = [
    "planted\r\nX-Token: 1",
    "planted\n",
    "plänted",
    "planted\u20ac",
    " planted",
    "",
    None,
    7,
    ["planted"],
    {},
]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("token", TOKENS, ids=repr)
def test_an_odd_token_is_an_error_that_does_not_hold_it(
    provider: str, token: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Prevents the library's refusal of such a header, which holds the token, from ending the run of all providers."""
    told = Answer({"access_token": token, "expires_in": 3600})
    with scripted(lambda _: Answer({}), sign_in=lambda _: told) as server, pytest.raises(AnswerError) as refused:
        list(build(provider, environment(server.url, tmp_path), now=lambda: NOW).pages(START, NOW))
    said = "".join(traceback.format_exception(refused.value)) + caplog.text
    assert "planted" not in said
    assert "token" in refused.value.cause


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("life", ["soon", "NaN", "inf", -1, True, [], "1e999", 10**400], ids=str)
def test_an_odd_life_is_an_error(provider: str, life: Any, tmp_path: Path) -> None:
    """Prevents a ValueError, and a token that is renewed for every request or never."""
    told = Answer({"access_token": "t", "expires_in": life})
    with scripted(lambda _: Answer({}), sign_in=lambda _: told) as server, pytest.raises(ConnectorError) as refused:
        list(build(provider, environment(server.url, tmp_path), now=lambda: NOW).pages(START, NOW))
    assert refused.value.provider == provider


@pytest.mark.parametrize(
    "text", ["soon", "-1", "nan", "inf", "1e999", "9" * 40, "Fri, 31 Dec 9999 23:59:59 -1400", "\xb2"]
)
def test_an_odd_time_to_wait_is_none(text: str) -> None:
    """Prevents an overflow, and a wait without end."""
    response = requests.Response()
    response.headers.update({"Retry-After": text, "Date": "Mon, 05 Jan 2026 02:00:00 -0000"})
    assert retry_after(response) is None
    assert seconds_in(text) is None


def test_a_time_to_wait_is_read_in_both_forms() -> None:
    """Prevents a date from being ignored, be its zone told as none."""
    response = requests.Response()
    response.headers["Retry-After"] = "12"
    assert retry_after(response) == 12
    for zone in ("GMT", "-0000", "+0000"):
        response.headers.update(
            {"Retry-After": f"Mon, 05 Jan 2026 02:00:30 {zone}", "Date": f"Mon, 05 Jan 2026 02:00:00 {zone}"}
        )
        assert retry_after(response) == 30
    tries: list[object] = [True, -1, 10**400, float("nan"), [], 2.5]
    assert [seconds_in(told) for told in tries] == [None] * 5 + [2.5]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    ("size", "read"),
    [
        (-1, None),
        (2**63, None),
        (2**53, None),
        (1.5, None),
        ("soon", None),
        (True, None),
        ([], None),
        ("7", 7),
        (7.0, 7),
    ],
    ids=str,
)
def test_an_odd_size_is_unknown_for_that_file(provider: str, size: Any, read: int | None, tmp_path: Path) -> None:
    """Prevents one odd size from costing all other files theirs, or from overflowing a sum."""

    def answer(asked: Asked) -> Answer:
        odd = "odd" in asked.path or b"odd" in asked.body
        told = size if odd else 5
        graph = {"size": told, "cTag": "c", "lastModifiedDateTime": "0001-01-01T00:00:00+14:00"}
        if asked.path.endswith("$batch"):
            steps = json.loads(asked.body)["requests"]
            bodies = [{**graph, "size": size if "odd" in step["url"] else 5} for step in steps]
            return Answer(
                {"responses": [{"id": s["id"], "status": 200, "body": b} for s, b in zip(steps, bodies, strict=True)]}
            )
        return Answer(
            {"id": "f", ".tag": "file", "type": "file", **graph, "modifiedTime": 7, "server_modified": "never"}
        )

    user = {"box": "7", "dropbox": "dbmid:1", "google_workspace": "ann@example.com"}.get(provider, "")
    questions = [FileQuestion(user, name, START, "site", "list") for name in ("odd", "even")]
    with scripted(answer) as server:
        found = list(build(provider, environment(server.url, tmp_path), now=lambda: NOW).file_sizes(questions))
    assert {each.file_id: (each.state, each.bytes) for each in found} == {"odd": ("found", read), "even": ("found", 5)}
