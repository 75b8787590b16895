"""Office 365: the Management Activity API, which hands out audit records in blobs by the time of publication."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote, urlsplit

import msgspec
import requests

from connectors.base import FileQuestion, FileSize, Gap, Page
from connectors.errors import RefusedError
from connectors.graph import GraphSizes
from connectors.graph import read_refusal as read_graph_refusal
from connectors.http import Api, Client, Refusal
from connectors.limits import Limiter, Limits
from connectors.marks import Marks
from connectors.oauth import form_token
from connectors.settings import Office365Settings
from connectors.spans import SECOND, ceiling, floor, past, split
from connectors.verbatim import lines

__all__ = ["CONTENT_TYPES", "Office365Connector", "open_feed", "open_graph"]

FILES = "Audit.SharePoint"
"""Uploads to SharePoint and to OneDrive; the other types tell of sign-ins and alerts."""
CONTENT_TYPES = (FILES, "Audit.AzureActiveDirectory", "Audit.General")
RETENTION = timedelta(days=7)
# Five minutes less: the start is checked when the request arrives, not when it was worked out.
REACH = timedelta(hours=167, minutes=55)
LONGEST_WINDOW = timedelta(hours=24)
RESTARTS = 3
NO_SUBSCRIPTION = "AF20022"
CLOSED = (NO_SUBSCRIPTION, "AF20023")
ENABLED_ALREADY = "AF20024"
LOST_PAGE = "AF20031"
BAD_WINDOW = ("AF20030", "AF20055")
LOST_CONTENT = ("AF20050", "AF20051", "AF20052")
# Clouds of their own have hosts of their own, and tokens are made out to those.
MANAGEMENT_HOSTS = ("manage.office.com", "manage-gcc.office.com", "manage.office365.us", "manage.protection.apps.mil")
GRAPH_HOSTS = ("graph.microsoft.com", "graph.microsoft.us", "dod-graph.microsoft.us")
_CAUSE = "Office 365 keeps audit content for 7 days"
_CODE = re.compile(r"""['"]code['"]\s*:\s*['"]([^'"]+)['"]""")
_MESSAGE = re.compile(r"""['"]message['"]\s*:\s*(?:'([^']*)'|"([^"]*)")""", re.IGNORECASE)
_NO_TENANT = re.compile(r"Tenant \S+ does not exist")
_SIGN_IN_REMEDY = (
    "Check OFFICE365_TENANT_ID, OFFICE365_CLIENT_ID and OFFICE365_CLIENT_SECRET; a client secret may have expired."
)
_ACCESS_REMEDY = (
    "Give the application the permission ActivityFeed.Read and an administrator's consent, check OFFICE365_TENANT_ID, "
    "and see that auditing is switched on in Purview."
)
logger = logging.getLogger(__name__)


class _Subscription(msgspec.Struct):
    kind: str = msgspec.field(name="contentType")
    # Microsoft's own sample leaves it out where it is enabled.
    status: str = "enabled"


class _Content(msgspec.Struct):
    id: str = msgspec.field(name="contentId")
    created: datetime = msgspec.field(name="contentCreated")
    expires: datetime | None = msgspec.field(default=None, name="contentExpiration")

    def __post_init__(self) -> None:
        # Times without a zone are UTC in this API.
        self.created = self.created.replace(tzinfo=self.created.tzinfo or UTC)
        self.expires = self.expires and self.expires.replace(tzinfo=self.expires.tzinfo or UTC)


class Office365Connector:
    """See ``connectors.base.Connector``."""

    provider = "office365"
    retention = RETENTION

    def __init__(self, settings: Office365Settings, now: Callable[[], datetime], limits: Limits) -> None:
        self._now = now
        self._subscriptions = threading.Lock()
        self._subscribed = False
        self._publisher = settings.publisher_id
        self._feed = f"/api/v1.0/{settings.tenant_id}/activity/feed"
        self.lateness, self.overlap = settings.lateness, settings.overlap
        self.parallel_slices = settings.parallel_slices

        self._api = open_feed(settings, limits)
        self._sizes = GraphSizes(open_graph(settings, limits))

    def pages(self, start: datetime, end: datetime) -> Iterator[Page | Gap]:
        """See ``connectors.base.Connector``; selects by the time of publication, a page is a blob.

        A type of content that an administrator closed is a gap, but for that of the uploads: without it nothing is
        to land, so that it is asked for again.
        """
        start, end = past(start, end, self._now())
        start, end = floor(start), min(ceiling(end), floor(self._now()))
        oldest = self._oldest()
        if start < oldest and start < end:
            yield Gap(start, min(end, oldest), _CAUSE)
            start = oldest
        if start >= end:
            return
        self._subscribe()
        for kind in CONTENT_TYPES:
            try:
                for first, last in split(start, end, LONGEST_WINDOW):
                    yield from self._window(kind, first, last)
            except RefusedError as error:
                if kind == FILES or error.code not in CLOSED:
                    raise
                yield Gap(start, end, f"{kind} is closed: {error.cause}")

    def file_sizes(self, questions: Sequence[FileQuestion]) -> Iterator[FileSize]:
        """See ``connectors.base.Connector``; asks Microsoft Graph."""
        return self._sizes.look_up(questions)

    def _oldest(self) -> datetime:
        """The earliest publication that may be asked for at this moment."""
        return ceiling(self._now() - REACH)

    def _subscribe(self) -> None:
        """Starts the subscriptions that are missing. Starting one again within 15 minutes would be throttled."""
        with self._subscriptions:
            if self._subscribed:
                return
            publisher = {"PublisherIdentifier": self._publisher}
            there = self._api.get(f"{self._feed}/subscriptions/list", list[_Subscription], publisher)
            enabled = {subscription.kind for subscription in there if subscription.status == "enabled"}
            for kind in CONTENT_TYPES:
                if kind not in enabled:
                    self._start(kind)
            self._subscribed = True

    def _start(self, kind: str) -> None:
        parameters = {"contentType": kind, "PublisherIdentifier": self._publisher}
        try:
            self._api.answer("POST", f"{self._feed}/subscriptions/start", msgspec.Raw, params=parameters)
        except RefusedError as error:
            if error.code in CLOSED:
                # The list of its content is refused, too, and says for which window.
                return
            if error.code != ENABLED_ALREADY:
                raise
        logger.warning("office365: subscribed to %s; its first content may take up to 12 hours", kind)

    def _window(self, kind: str, start: datetime, end: datetime) -> Iterator[Page | Gap]:
        """Reads at most 24 hours of one content type, again from the start where the list's page is lost."""
        given: set[str] = set()
        page, restarts, started = "", 0, False
        marks = Marks(self._api, f"GET {self._feed}/subscriptions/content", "Microsoft")
        while True:
            if not page and start < (oldest := self._oldest()):
                yield Gap(start, min(end, oldest), f"{_CAUSE}: {kind} grew too old while earlier windows were read")
                start = oldest
                if start >= end:
                    return
            try:
                contents, page = self._list(kind, start, end, page)
            except RefusedError as error:
                if error.code == NO_SUBSCRIPTION and not started:
                    started = True
                    self._start(kind)
                    continue
                too_old = error.code in BAD_WINDOW and start < self._oldest() + timedelta(hours=1)
                if restarts == RESTARTS or not (too_old or error.code == LOST_PAGE):
                    raise
                if too_old:
                    later = min(end, start + timedelta(minutes=10))
                    yield Gap(start, later, f"{_CAUSE}, counted on its own clock")
                    start = later
                    if start >= end:
                        return
                restarts, page = restarts + 1, ""
                marks.clear()
                continue
            for content in contents:
                if content.id not in given:
                    given.add(content.id)
                    yield self._blob(content)
            if not page:
                return
            marks.add(page, empty=not contents)

    def _list(self, kind: str, start: datetime, end: datetime, page: str) -> tuple[list[_Content], str]:
        """One page of the list of blobs, and the mark of the next; "" at the end."""
        parameters = {
            "contentType": kind,
            "startTime": f"{start:%Y-%m-%dT%H:%M:%S}",
            "endTime": f"{end:%Y-%m-%dT%H:%M:%S}",
            "PublisherIdentifier": self._publisher,
        }
        path = f"{self._feed}/subscriptions/content"
        asked = {**parameters, "nextPage": page} if page else parameters
        contents, headers = self._api.answer("GET", path, list[_Content], params=asked)
        link = headers.get("NextPageUri", "")
        if not link:
            return contents, ""
        # The link may name any host, and a token must not go there: only its mark is taken.
        marks = [value for name, value in parse_qsl(urlsplit(link).query) if name.lower() == "nextpage"]
        if not marks:
            raise self._api.error(f"GET {path}", "NextPageUri holds no nextPage", "Run again; report it if it lasts.")
        return contents, marks[0]

    def _blob(self, content: _Content) -> Page | Gap:
        """The records of a blob; a gap where it is no longer there, for it never will be again."""
        if content.expires and content.expires <= self._now():
            return Gap(content.created, content.created + SECOND, f"content {content.id} has expired")
        path = f"{self._feed}/audit/{quote(content.id, safe='$')}"
        try:
            records = self._api.get(path, list[msgspec.Raw], {"PublisherIdentifier": self._publisher})
        except RefusedError as error:
            if error.code not in LOST_CONTENT:
                raise
            cause = f"content {content.id} could not be had: {error.cause}"
            return Gap(content.created, content.created + SECOND, cause)
        return Page(lines(records))


def open_feed(settings: Office365Settings, limits: Limits) -> Api:
    """The Management Activity API of the tenant."""
    limiter = limits.per_minute(settings.provider, settings.requests_per_minute)
    return _api(settings, settings.api_url, MANAGEMENT_HOSTS, _read_refusal, limiter)


def open_graph(settings: Office365Settings, limits: Limits) -> Api:
    """Microsoft Graph of the tenant."""
    limiter = limits.per_minute("graph", settings.graph_requests_per_minute)
    return _api(settings, settings.graph_url, GRAPH_HOSTS, read_graph_refusal, limiter)


def _api(
    settings: Office365Settings,
    root: str,
    hosts: Sequence[str],
    read_refusal: Callable[[requests.Response], Refusal],
    limiter: Limiter,
) -> Api:
    client = Client(settings.provider, settings.secrets(), limiter)
    host = urlsplit(root).hostname or ""
    form = {
        "grant_type": "client_credentials",
        "client_id": settings.client_id,
        "client_secret": settings.client_secret.get_secret_value(),
        "scope": f"https://{host if host in hosts else hosts[0]}/.default",
    }
    url = f"{settings.login_url}/{settings.tenant_id}/oauth2/v2.0/token"
    return Api(client, root, read_refusal, form_token(client, url, form, _SIGN_IN_REMEDY))


def _read_refusal(response: requests.Response) -> Refusal:
    """Reads an error answer, which may be JSON or look like Python; throttling may come as 403."""
    text = response.text
    code, message = _CODE.search(text), _MESSAGE.search(text)
    told = code[1] if code else ""
    said = (message[1] or message[2] or "") if message else ""
    # Where nobody switched auditing on, Microsoft says that the tenant is not there, with an exception's text for code.
    set_up = told.startswith(("AF2001", "AF20023")) or _NO_TENANT.search(said)
    remedy = _ACCESS_REMEDY if response.status_code in (401, 403) or set_up else ""
    return Refusal(told, said, told in ("AF429", "AF50000"), None, remedy)
