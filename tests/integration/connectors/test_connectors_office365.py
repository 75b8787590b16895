"""Microsoft's documented behaviour for the audit feed, request by request, over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from connectors import FileQuestion, Gap, Page, RefusedError, SignInError, build
from tests.support.scripted_server import Answer, Asked, environment, scripted

START = datetime(2026, 1, 5, tzinfo=UTC)
END = START + timedelta(hours=1)
NOW = START + timedelta(hours=2)
TENANT = "11111111-2222-3333-4444-555555555555"
SHAREPOINT, DIRECTORY, GENERAL = KINDS = ("Audit.SharePoint", "Audit.AzureActiveDirectory", "Audit.General")


def quiet(asked: Asked) -> Answer:
    """One blob of one record for each type of content, all subscribed."""
    if asked.path.endswith("/list"):
        return Answer([{"contentType": kind, "status": "enabled", "webhook": None} for kind in KINDS])
    if asked.path.endswith("/content"):
        kind = asked.query["contentType"]
        return Answer([{"contentType": kind, "contentId": f"{kind}$1", "contentCreated": "2026-01-05T00:10:00.000Z"}])
    if asked.path.endswith("/start"):
        return Answer({"contentType": asked.query["contentType"], "status": "enabled", "webhook": None})
    return Answer([{"blob": asked.path.rpartition("/")[2]}])


def refused(code: str, status: int = 400) -> Answer:
    return Answer({"error": {"code": code, "message": "as Microsoft words it"}}, status)


def pull(answer: Callable[[Asked], Answer], folder: Path, **more: str) -> tuple[list[str], list[Gap], list[Asked]]:
    """The blobs given, the gaps, and the requests but those for a token."""
    with scripted(answer) as server:
        found = list(build("office365", {**environment(server.url, folder), **more}, now=lambda: NOW).pages(START, END))
    blobs = [json.loads(event)["blob"] for page in found if isinstance(page, Page) for event in page.events]
    return blobs, [gap for gap in found if isinstance(gap, Gap)], [a for a in server.asked if not a.signs_in]


@pytest.mark.parametrize(
    ("api", "scope"),
    [
        ("https://manage.office.com", "https://manage.office.com/.default"),
        ("https://manage-gcc.office.com", "https://manage-gcc.office.com/.default"),
        ("https://manage.office365.us", "https://manage.office365.us/.default"),
        ("https://manage.protection.apps.mil", "https://manage.protection.apps.mil/.default"),
        ("", "https://manage.office.com/.default"),
    ],
)
def test_signs_in_with_the_scope_of_its_cloud(api: str, scope: str, tmp_path: Path) -> None:
    """Prevents a token made out to another cloud's host, which the feed of a government's cloud refuses."""
    body = {"error": "invalid_client", "error_description": "AADSTS7000215: ...", "error_codes": [7000215]}
    with scripted(quiet, sign_in=lambda _: Answer(body, 401)) as server:
        variables = environment(server.url, tmp_path) | ({"OFFICE365_API_URL": api} if api else {})
        with pytest.raises(SignInError, match="AADSTS7000215"):
            list(build("office365", variables, now=lambda: NOW).pages(START, END))
    [asked] = server.asked
    assert asked.path == f"/{TENANT}/oauth2/v2.0/token"
    assert {name: values[0] for name, values in parse_qs(asked.body.decode()).items()} == {
        "grant_type": "client_credentials",
        "client_id": "id",
        "client_secret": "hidden-office-secret",
        "scope": scope,
    }


@pytest.mark.parametrize(
    ("graph", "scope"),
    [
        ("https://graph.microsoft.com", "https://graph.microsoft.com/.default"),
        ("https://graph.microsoft.us", "https://graph.microsoft.us/.default"),
        ("https://dod-graph.microsoft.us", "https://dod-graph.microsoft.us/.default"),
    ],
)
def test_sizes_are_asked_with_a_token_of_their_own(graph: str, scope: str, tmp_path: Path) -> None:
    """Prevents the feed's token from being shown to Graph, which takes only its own, in its own cloud."""
    with scripted(quiet, sign_in=lambda _: Answer({"error": "invalid_client"}, 401)) as server:
        connector = build(
            "office365", environment(server.url, tmp_path) | {"OFFICE365_GRAPH_URL": graph}, now=lambda: NOW
        )
        with pytest.raises(SignInError):
            list(connector.file_sizes([FileQuestion("", "file", START, "site", "list")]))
    assert {parse_qs(asked.body.decode())["scope"][0] for asked in server.asked} == {scope}


@pytest.mark.parametrize("publisher", ["", "99999999-8888-7777-6666-555555555555"])
def test_asks_as_documented(publisher: str, tmp_path: Path) -> None:
    """Prevents a call without the publisher, which shares a quota with strangers, and times in another form."""
    blobs, gaps, asked = pull(quiet, tmp_path, **({"OFFICE365_PUBLISHER_ID": publisher} if publisher else {}))
    assert blobs == [f"{kind}$1" for kind in KINDS]
    assert gaps == []
    assert {request.query["PublisherIdentifier"] for request in asked} == {publisher or TENANT}
    lists = [request.query for request in asked if request.path.endswith("/content")]
    assert [query["contentType"] for query in lists] == [*KINDS]
    assert {(query["startTime"], query["endTime"]) for query in lists} == {
        ("2026-01-05T00:00:00", "2026-01-05T01:00:00")
    }


def test_the_next_page_is_asked_for_with_the_whole_query(tmp_path: Path) -> None:
    """Prevents a next page without a window or a publisher: the link leaves both out now and then."""
    mark = "2026+01/05==%24x"

    def answer(asked: Asked) -> Answer:
        if (
            asked.path.endswith("/content")
            and asked.query["contentType"] == SHAREPOINT
            and "nextPage" not in asked.query
        ):
            link = "https://manage.office.com/api/v1/x/activity/feed/subscriptions/content?nextPage="
            return Answer([], headers={"nextpageuri": f"{link}2026%2B01%2F05%3D%3D%2524x"})
        return quiet(asked)

    blobs, _, asked = pull(answer, tmp_path)
    first, second = [a.query for a in asked if a.path.endswith("/content") and a.query["contentType"] == SHAREPOINT]
    assert second == {**first, "nextPage": mark}
    assert blobs == [f"{kind}$1" for kind in KINDS]


@pytest.mark.parametrize(
    ("listed", "given"),
    [
        ({"contentCreated": "2026-01-05T00:10:00", "contentExpiration": "2026-01-12T00:10:00"}, True),
        ({"contentCreated": "2026-01-05T00:10:00.1234567Z", "contentExpiration": None}, True),
        ({"contentCreated": "2026-01-06T00:00:00Z"}, True),
        ({"contentCreated": "2026-01-05T00:10:00", "contentExpiration": "2026-01-05T02:00:00"}, False),
    ],
    ids=["no zone", "ticks", "of tomorrow", "expired now"],
)
def test_times_of_blobs_are_read_in_any_form(listed: dict[str, Any], given: bool, tmp_path: Path) -> None:
    """Prevents a time without a zone, or one in the future, from costing a blob or ending the run."""

    def answer(asked: Asked) -> Answer:
        if asked.path.endswith("/content") and asked.query["contentType"] == SHAREPOINT:
            return Answer([{"contentId": f"{SHAREPOINT}$1", **listed}])
        return quiet(asked)

    blobs, gaps, _ = pull(answer, tmp_path)
    assert (f"{SHAREPOINT}$1" in blobs) is given
    assert len(gaps) == (not given)


def test_a_blob_is_read_whatever_its_type_is_called(tmp_path: Path) -> None:
    """Prevents records from being refused because Microsoft calls them something else than JSON."""

    def answer(asked: Asked) -> Answer:
        told = quiet(asked)
        return Answer(told.body, headers={"Content-Type": "application/octet-stream"})

    assert len(pull(answer, tmp_path)[0]) == 3


def test_a_subscription_that_ended_meanwhile_is_started_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Prevents a run that fails for good because someone stopped a subscription after it had been looked at."""
    started: list[str] = []

    def answer(asked: Asked) -> Answer:
        if asked.path.endswith("/start"):
            started.append(asked.query["contentType"])
        if asked.path.endswith("/content") and asked.query["contentType"] == SHAREPOINT and not started:
            return refused("AF20022")
        return quiet(asked)

    assert pull(answer, tmp_path)[0] == [f"{kind}$1" for kind in KINDS]
    assert started == [SHAREPOINT]
    assert "its first content may take up to 12 hours" in caplog.text
    never = lambda asked: refused("AF20022") if asked.path.endswith("/content") else quiet(asked)  # noqa: E731
    with pytest.raises(RefusedError, match="AF20022"):
        pull(never, tmp_path)


@pytest.mark.parametrize("code", ["AF20022", "AF20023"])
@pytest.mark.parametrize("kind", [DIRECTORY, GENERAL])
def test_a_closed_type_of_content_keeps_no_other_from_landing(code: str, kind: str, tmp_path: Path) -> None:
    """Prevents uploads from going unread because an administrator closed the content of sign-ins or of alerts."""

    def answer(asked: Asked) -> Answer:
        closed = asked.query.get("contentType") == kind and asked.path.endswith(("/content", "/start"))
        if closed:
            return refused(code)
        if asked.path.endswith("/list"):
            return Answer([{"contentType": other, "status": "enabled"} for other in KINDS if other != kind])
        return quiet(asked)

    blobs, [gap], _ = pull(answer, tmp_path)
    assert blobs == [f"{other}$1" for other in KINDS if other != kind]
    assert (gap.start, gap.end) == (START, END)
    assert kind in gap.cause
    assert code in gap.cause


def test_without_files_nothing_lands(tmp_path: Path) -> None:
    """Prevents a day without uploads from passing for whole because the content that holds them is closed."""

    def answer(asked: Asked) -> Answer:
        closed = asked.query.get("contentType") == SHAREPOINT and asked.path.endswith("/content")
        return refused("AF20023") if closed else quiet(asked)

    with pytest.raises(RefusedError, match="AF20023") as failed:
        pull(answer, tmp_path)
    assert "Purview" in failed.value.remedy


@pytest.mark.parametrize(
    ("code", "status"), [("AF20001", 400), ("AF20002", 400), ("AF20020", 400), ("AF10001", 401), ("AF20012", 400)]
)
def test_what_only_the_operator_can_mend_is_asked_once(code: str, status: int, tmp_path: Path) -> None:
    """Prevents seven attempts and a minute's wait for a mistake in the set-up."""

    def answer(asked: Asked) -> Answer:
        return refused(code, status) if asked.path.endswith("/content") else quiet(asked)

    with scripted(answer) as server, pytest.raises(RefusedError) as failed:
        list(build("office365", environment(server.url, tmp_path), now=lambda: NOW).pages(START, END))
    assert failed.value.code == code
    assert len(server.of("/content")) == (2 if status == 401 else 1)
