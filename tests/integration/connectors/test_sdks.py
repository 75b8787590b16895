"""The providers' own SDKs read the sandbox and see the same events as our connectors, in calm and under faults."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msal
import pytest
import requests
from box_sdk_gen import BaseUrls, BoxCCGAuth, BoxClient, CCGConfig, NetworkSession
from box_sdk_gen.managers.events import GetEventsStreamType
from dropbox import DropboxTeam
from dropbox.exceptions import ApiError
from dropbox.team_common import TimeRange
from google.oauth2 import service_account
from googleapiclient.discovery import build as google_build

from connectors import Page, build
from tests.support.faulty import NOW, PROVIDERS, Fault, rows
from tests.support.sandbox_server import SCOPES, Client, serving

pytestmark = pytest.mark.sampled

DAY = datetime(2026, 1, 5, tzinfo=UTC)
NEXT = DAY + timedelta(days=1)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """All four providers' day."""
    with serving(tmp_path_factory.mktemp("sdks"), [row for p in PROVIDERS for row in rows(p)], NOW) as served:
        yield served


def play(client: Client, *faults: Fault) -> None:
    client.plain.put(f"{client.url}/_sandbox/faults", json=list(faults)).raise_for_status()


def played(client: Client) -> list[int]:
    return [fault["played"] for fault in client.plain.get(f"{client.url}/_sandbox/faults").json()]


def ours(client: Client, provider: str) -> list[dict[str, Any]]:
    """Return the events that our connector reads, without faults."""
    play(client)
    pages = build(provider, client.environment, now=lambda: NEXT).pages(DAY, NEXT)
    return [json.loads(event) for page in pages if isinstance(page, Page) for event in page.events]


def box_events(client: Client) -> list[dict[str, Any]]:
    """The history of a day, page by page until one is empty, as Box's documents say."""
    e = client.environment
    config = CCGConfig(
        client_id=e["BOX_CLIENT_ID"], client_secret=e["BOX_CLIENT_SECRET"], enterprise_id=e["BOX_ENTERPRISE_ID"]
    )
    urls = BaseUrls(base_url=client.url, upload_url=f"{client.url}/api", oauth_2_url=f"{client.url}/oauth2")
    box = BoxClient(auth=BoxCCGAuth(config=config), network_session=NetworkSession(base_urls=urls))
    found: list[dict[str, Any]] = []
    position = None
    while True:
        answer = box.events.get_events(
            stream_type=GetEventsStreamType.ADMIN_LOGS,
            stream_position=position,
            limit=50,
            created_after=DAY - timedelta(seconds=1),
            created_before=NEXT,
        )
        if not answer.entries:
            return found
        found += answer.raw_data["entries"]
        position = str(answer.next_stream_position)


class _Local(requests.adapters.HTTPAdapter):
    """Adapter that sends Dropbox requests to the sandbox: the SDK speaks https only."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        _, _, path = str(request.url).removeprefix("https://").partition("/")
        request.url = f"{self._url}/{path}"
        return super().send(request, **options)


def dropbox_team(client: Client) -> DropboxTeam:
    e = client.environment
    session = requests.Session()
    session.mount("https://", _Local(client.url))
    return DropboxTeam(
        oauth2_refresh_token=e["DROPBOX_REFRESH_TOKEN"],
        app_key=e["DROPBOX_APP_KEY"],
        app_secret=e["DROPBOX_APP_SECRET"],
        session=session,
    )


def dropbox_files(client: Client) -> Counter[tuple[datetime, str]]:
    """Time and file of each upload."""
    team = dropbox_team(client)
    span = TimeRange(DAY.replace(tzinfo=None), NEXT.replace(tzinfo=None))
    answer = team.team_log_get_events(time=span)
    events = list(answer.events)
    while answer.has_more:
        answer = team.team_log_get_events_continue(answer.cursor)
        events += answer.events
    return Counter(
        (event.timestamp.replace(tzinfo=UTC), asset.get_file().display_name)
        for event in events
        if event.event_type.is_file_add()
        for asset in event.assets
    )


def google(client: Client, scope: str, subject: str = "") -> Any:
    e = client.environment
    credentials = service_account.Credentials.from_service_account_file(
        e["GOOGLE_SERVICE_ACCOUNT_FILE"], scopes=[SCOPES[scope]], subject=subject or e["GOOGLE_ADMIN_EMAIL"]
    )
    name, version, root = ("admin", "reports_v1", "") if scope == "reports" else ("drive", "v3", "/drive/v3/")
    options = {"api_endpoint": client.url + root}
    return google_build(
        name, version, credentials=credentials, static_discovery=True, client_options=options, cache_discovery=False
    )


def google_activities(client: Client) -> list[dict[str, Any]]:
    """Return the activities of a day."""
    found: list[dict[str, Any]] = []
    with google(client, "reports") as reports:
        activities = reports.activities()
        for application in ("drive", "login"):
            request = activities.list(
                userKey="all",
                applicationName=application,
                startTime="2026-01-05T00:00:00Z",
                endTime="2026-01-06T00:00:00Z",
                maxResults=40,
            )
            while request is not None:
                answer = request.execute(num_retries=3)
                found += answer.get("items", [])
                request = activities.list_next(request, answer)
    return found


class _Tls:
    """An HTTP client for MSAL, which takes https addresses only: they lead to the sandbox."""

    def __init__(self, url: str) -> None:
        self._url, self._session = url, requests.Session()
        self.posts = 0

    def post(self, url: str, params: Any = None, data: Any = None, headers: Any = None, **_: Any) -> Any:
        self.posts += 1
        return self._session.post(self._local(url), params=params, data=data, headers=headers)

    def get(self, url: str, params: Any = None, headers: Any = None, **_: Any) -> Any:
        answer = requests.Response()
        tenant = url.split("/")[3]
        root = f"https://login.microsoftonline.com/{tenant}"
        told = {
            "token_endpoint": f"{root}/oauth2/v2.0/token",
            "authorization_endpoint": f"{root}/oauth2/v2.0/authorize",
            "issuer": f"{root}/v2.0",
        }
        answer.status_code, answer._content = 200, json.dumps(told).encode()
        return answer

    def close(self) -> None:
        self._session.close()

    def _local(self, url: str) -> str:
        return url.replace("https://login.microsoftonline.com", self._url)


def microsoft(client: Client) -> tuple[msal.ConfidentialClientApplication, _Tls]:
    e = client.environment
    http = _Tls(client.url)
    application = msal.ConfidentialClientApplication(
        e["OFFICE365_CLIENT_ID"],
        client_credential=e["OFFICE365_CLIENT_SECRET"],
        authority=f"https://login.microsoftonline.com/{e['OFFICE365_TENANT_ID']}",
        instance_discovery=False,
        http_client=http,
    )
    return application, http


def test_box_sdk_sees_the_same_events(client: Client) -> None:
    """Prevents a stand-in that only our own connector understands, and a reading that differs from Box's own."""
    wanted = ours(client, "box")
    play(client, {"api": "box", "kind": "throttled", "retry_after": 0}, {"api": "box", "kind": "token_expired"})
    assert sorted(event["event_id"] for event in box_events(client)) == sorted(event["event_id"] for event in wanted)
    assert played(client) == [1, 1]
    assert len(wanted) == 91


def test_box_sdk_rides_out_failures_and_short_pages(client: Client) -> None:
    """Prevents faults that no real server would play: Box's SDK understands them, too."""
    wanted = {event["event_id"]: event for event in ours(client, "box")}
    play(
        client,
        {"api": "box", "kind": "failing", "status": 502, "retry_after": 0},
        {"api": "box", "kind": "failing", "status": 503, "retry_after": 0, "pass_first": 3},
        {"api": "box", "kind": "short_page", "events": 9, "times": "always"},
    )
    found = {event["event_id"]: event for event in box_events(client)}
    assert found == wanted
    assert played(client)[:2] == [1, 1]


def test_dropbox_sdk_sees_the_same_events(client: Client) -> None:
    """Prevents events that Dropbox's strict SDK refuses: one field out of shape costs it the whole page."""
    wanted = Counter(
        (datetime.fromisoformat(event["timestamp"]), asset["display_name"])
        for event in ours(client, "dropbox")
        if event["event_type"][".tag"] == "file_add"
        for asset in event["assets"]
    )
    assert dropbox_files(client) == wanted
    play(
        client,
        {"api": "dropbox", "kind": "throttled", "retry_after": 0},
        {"api": "dropbox", "kind": "failing", "status": 500},
        {"api": "dropbox", "kind": "token_expired", "pass_first": 3},
        {"api": "dropbox", "kind": "short_page", "events": 0, "every": 3, "times": 4},
        {"api": "dropbox", "kind": "disorder", "times": "always"},
        {"api": "dropbox", "kind": "short_page", "events": 20, "times": "always"},
    )
    assert dropbox_files(client) == wanted
    assert all(played(client))
    assert wanted.total() == 90


@pytest.mark.parametrize("tag", ["reset", "bad_cursor"])
def test_dropbox_sdk_reads_a_lost_cursor_as_such(client: Client, tag: str) -> None:
    """Prevents a lost cursor that is worded so that only we would know it."""
    short = {"api": "dropbox", "kind": "short_page", "events": 20, "times": "always"}
    play(client, {"api": "dropbox", "kind": "lost_place", "tag": tag}, short)
    with pytest.raises(ApiError) as lost:
        dropbox_files(client)
    error = lost.value.error
    assert (error.is_reset(), error.is_bad_cursor()) == (tag == "reset", tag == "bad_cursor")


def test_google_client_sees_the_same_activities(client: Client) -> None:
    """Prevents a page chain or an item that Google's client reads otherwise than we do."""

    def keys(events: list[dict[str, Any]]) -> Counter[tuple[str, str, str]]:
        return Counter(
            (event["id"]["applicationName"], event["id"]["time"], event["id"]["uniqueQualifier"]) for event in events
        )

    wanted = keys(ours(client, "google_workspace"))
    assert keys(google_activities(client)) == wanted
    faults: tuple[dict[str, object], ...] = (
        {"kind": "throttled"},
        {"kind": "throttled", "form": "forbidden"},
        {"kind": "failing", "status": 503},
    )
    play(
        client,
        # Each is met by a request of its own; Google's client waits up to two seconds.
        *({"api": "google_workspace", "pass_first": 2 * n, **fault} for n, fault in enumerate(faults)),
        {"api": "google_workspace", "kind": "token_expired", "pass_first": 7},
        {"api": "google_workspace", "kind": "short_page", "events": 0, "every": 4, "times": 3},
        {"api": "google_workspace", "kind": "short_page", "events": 15, "times": "always"},
    )
    assert keys(google_activities(client)) == wanted
    assert all(played(client))
    assert wanted.total() == 91


def test_google_drive_client_sees_the_same_sizes(client: Client) -> None:
    """Prevents sizes that Google's client would read as others."""
    play(client, {"api": "google_drive", "kind": "failing", "status": 503})
    with google(client, "drive", "ann.lee@example.com") as drive:
        listed = drive.files().list(pageSize=1000, fields="files(id,size)").execute(num_retries=2)["files"]
    assert sorted(int(file["size"]) for file in listed) == [1000 + n for n in range(90)]
    assert played(client) == [1]


def test_msal_gets_a_token_that_the_feed_takes(client: Client, tmp_path: Path) -> None:
    """Prevents a token endpoint that Microsoft's library does not understand, or whose answer it can't cache."""
    wanted = {event["Id"] for event in ours(client, "office365")}
    application, http = microsoft(client)
    scope = ["https://manage.office.com/.default"]
    token = application.acquire_token_for_client(scope)["access_token"]
    assert application.acquire_token_for_client(scope)["token_source"] == "cache"
    assert http.posts == 1
    feed = f"{client.url}/api/v1.0/{client.environment['OFFICE365_TENANT_ID']}/activity/feed"
    bearer = {"Authorization": f"Bearer {token}"}
    found: set[str] = set()
    for kind in ("Audit.SharePoint", "Audit.AzureActiveDirectory"):
        listed: str | None = (
            f"{feed}/subscriptions/content?contentType={kind}&startTime=2026-01-05T00:00:00&endTime=2026-01-06T00:00:00"
        )
        while listed:
            answer = requests.get(listed, headers=bearer, timeout=30)
            for blob in answer.json():
                found |= {
                    record["Id"] for record in requests.get(blob["contentUri"], headers=bearer, timeout=30).json()
                }
            listed = answer.headers.get("NextPageUri")
    assert found == wanted


def test_msal_reads_refusals_and_ends_after_a_failure(client: Client) -> None:
    """Prevents a refused sign-in that Microsoft's library does not read as one."""
    begun = time.monotonic()
    play(client, {"api": "office365_token", "kind": "sign_in_refused"})
    application, _ = microsoft(client)
    refused = application.acquire_token_for_client(["https://graph.microsoft.com/.default"])
    assert refused["error"] == "invalid_client"
    assert "AADSTS7000215" in refused["error_description"]
    assert "access_token" in application.acquire_token_for_client(["https://graph.microsoft.com/.default"])
    play(client, {"api": "office365_token", "kind": "wrong_tenant"})
    application, _ = microsoft(client)
    assert "AADSTS90002" in application.acquire_token_for_client(["x/.default"])["error_description"]
    assert time.monotonic() - begun < 120
