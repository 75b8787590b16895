"""Office 365: the Management Activity API, which gives audit records in blobs by time of publication."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, quote, urlsplit

import msgspec
import requests

from connectors.core.errors import (
    AccessError,
    ConnectorError,
    EndlessError,
    RefusedError,
    SignInError,
    UnavailableError,
)
from connectors.core.http import Api, Client, Refusal, error_text
from connectors.core.lenient import each, text_in, time_in
from connectors.core.narrowing import BRIEF
from connectors.core.oauth import form_token
from connectors.core.page_cursors import PageCursors
from connectors.core.provider_time import ProviderTime
from connectors.core.rate_limits import Limiter, Limits
from connectors.core.raw_json import lines
from connectors.core.retries import USUAL, Patience
from connectors.core.time_ranges import ceiling, floor, past, require_zone, split, stamp
from connectors.core.types import FileQuestion, FileSize, Gap, Page
from connectors.office365.blobs import FILES, Blob, Blobs, ends_pull
from connectors.office365.clouds import CLOUDS, scope_of
from connectors.office365.files import GraphSizes
from connectors.office365.files import read_refusal as read_graph_refusal
from connectors.office365.settings import Office365Settings

__all__ = ["CONNECTOR", "CONTENT_TYPES", "Office365Connector", "open_feed", "open_graph"]

CONTENT_TYPES = (FILES, "Audit.AzureActiveDirectory", "Audit.General")
RETENTION = timedelta(days=7)
# Five minutes less: Microsoft checks the start when the request arrives, not when it was computed.
REACH = timedelta(hours=167, minutes=55)
LONGEST_WINDOW = timedelta(hours=24)
RESTARTS = 3
NO_SUBSCRIPTION = "AF20022"
CLOSED = (NO_SUBSCRIPTION, "AF20023")
ENABLED_ALREADY = "AF20024"
LOST_PAGE = "AF20031"
BAD_WINDOW = ("AF20030", "AF20055")
LOST_CONTENT = ("AF20050", "AF20051", "AF20052")
_CAUSE = "Office 365 keeps audit content for 7 days"
_CODE = re.compile(r"""['"]code['"]\s*:\s*['"]([^'"]+)['"]""")
_MESSAGE = re.compile(r"""['"]message['"]\s*:\s*(?:'([^']*)'|"([^"]*)")""", re.IGNORECASE)
_NO_TENANT = re.compile(r"Tenant \S+ does not exist")
_SIGN_IN_REMEDY = (
    "Check OFFICE365_TENANT_ID, OFFICE365_CLIENT_ID and OFFICE365_CLIENT_SECRET; a client secret may have expired."
)
_ACCESS_REMEDY = (
    "Give the application the permission ActivityFeed.Read and an administrator's consent, check OFFICE365_TENANT_ID, "
    "and make sure that auditing is switched on in Purview."
)
logger = logging.getLogger(__name__)


class _Subscription(msgspec.Struct):
    kind: str = msgspec.field(name="contentType")
    # Microsoft's own sample omits it for an enabled subscription.
    status: str = "enabled"


class _Content(msgspec.Struct):
    id: object = msgspec.field(default=None, name="contentId")
    created: object = msgspec.field(default=None, name="contentCreated")
    expires: object = msgspec.field(default=None, name="contentExpiration")


class _Pull:
    """State of one pull so far.

    Attributes:
        blobs: Its blobs.
        patience: Limits of the retries of a list that fails.
        failure: The first failure of a list that may concern only that list.
        listed: Whether any list could be read.
    """

    def __init__(self, blobs: Blobs, patience: Patience = USUAL) -> None:
        self.blobs = blobs
        self.patience = patience
        self.failure: ConnectorError | None = None
        self.listed = False

    def failed(self, error: ConnectorError) -> None:
        """Record a failure; later requests are retried only briefly, unless something was read before."""
        self.failure = self.failure or error
        if not self.listed:
            self.patience = BRIEF


class Office365Connector:
    """See ``connectors.core.types.Connector``."""

    provider = "office365"
    retention = RETENTION

    def __init__(self, settings: Office365Settings, now: Callable[[], datetime], limits: Limits) -> None:
        self._time = ProviderTime(now)
        self._subscriptions = threading.Lock()
        self._subscribed = False
        self._publisher = settings.publisher_id
        self._feed = f"/api/v1.0/{settings.tenant_id}/activity/feed"
        self.lateness, self.overlap = settings.lateness, settings.overlap
        self.parallel_slices = settings.parallel_slices

        self._api = open_feed(settings, limits, self._time)
        self._sizes = GraphSizes(open_graph(settings, limits, self._time))
        if settings.clouds:
            logger.warning("office365: %s Each address is used as the scope of its tokens.", settings.clouds)

    def pages(self, start: datetime, end: datetime) -> Iterator[Page | Gap]:
        """See ``connectors.core.types.Connector``; selects by the time of publication, a page is a blob.

        Each failure is a gap of its own: a blob (unit: type of content, a slash, the content's id), or a type of
        content that is refused or whose list can't be read (unit: the type). It is an error if uploads are refused, or
        if nothing at all can be read.
        """
        require_zone(start, end)
        start, end = past(start, end, self.present())
        start, end = floor(start), min(ceiling(end), floor(self._time.now()))
        oldest = self._oldest()
        if start < oldest and start < end:
            yield Gap(start, min(end, oldest), _CAUSE)
            start = oldest
        if start >= end:
            return
        self._subscribe()
        pull = _Pull(Blobs(self._fetch, self._answers))
        for kind in CONTENT_TYPES:
            yield from self._type(kind, start, end, pull)
        if pull.failure and not pull.listed:
            raise pull.failure
        yield from pull.blobs.read_rest()

    def again(self, gap: Gap) -> Iterator[Page | Gap]:
        """See ``connectors.core.types.Connector``; requests the gap's blob or type of content."""
        kind, _, content_id = gap.unit.partition("/")
        if gap.final:
            yield gap
        elif content_id:
            yield self._fetch_again(Blob(kind, content_id, gap.start))
        elif kind in CONTENT_TYPES:
            start, end, oldest = gap.start, gap.end, self.present() and self._oldest()
            if start < oldest:
                yield Gap(start, min(end, oldest), _CAUSE, uploads=kind == FILES)
                start = oldest
            if start < end:
                self._subscribe()
                pull = _Pull(Blobs(self._fetch, self._answers), BRIEF)
                yield from self._type(kind, start, end, pull)
                yield from pull.blobs.read_rest()
        else:
            yield from self.pages(gap.start, gap.end)

    def present(self) -> datetime:
        """See ``connectors.core.types.Connector``."""
        return self._time.present(self._api.sign_in)

    @property
    def skew(self) -> timedelta | None:
        """See ``connectors.core.types.Connector``."""
        return self._time.skew

    def file_sizes(self, questions: Sequence[FileQuestion]) -> Iterator[FileSize]:
        """See ``connectors.core.types.Connector``; asks Microsoft Graph."""
        return self._sizes.look_up(questions)

    def _oldest(self) -> datetime:
        """Return the earliest publication that may be requested at this moment."""
        return ceiling(self._time.now() - REACH)

    def _subscribe(self) -> None:
        """Start the missing subscriptions, at most once each: a second start within 15 minutes would be throttled."""
        with self._subscriptions:
            if self._subscribed:
                return
            publisher = {"PublisherIdentifier": self._publisher}
            there = self._api.get(f"{self._feed}/subscriptions/list", list[msgspec.Raw], publisher)
            known = each(there, _Subscription)
            enabled = {subscription.kind for subscription in known if subscription.status == "enabled"}
            for kind in CONTENT_TYPES:
                if kind in enabled:
                    continue
                try:
                    self._start(kind)
                except ConnectorError as error:
                    if kind == FILES or ends_pull(error):
                        raise
                    # The list of its content reports this for each window.
                    logger.warning("office365: %s can't be subscribed to: %s", kind, error)
            self._subscribed = True

    def _start(self, kind: str) -> None:
        parameters = {"contentType": kind, "PublisherIdentifier": self._publisher}
        try:
            self._api.answer("POST", f"{self._feed}/subscriptions/start", msgspec.Raw, params=parameters)
        except RefusedError as error:
            if error.code in CLOSED:
                # The list of its content is refused, too, and reports the window.
                return
            if error.code != ENABLED_ALREADY:
                raise
        logger.warning("office365: subscribed to %s; its first content may take up to 12 hours", kind)

    def _answers(self, patience: Patience) -> bool:
        """Check whether the feed answers at all, within these limits for retries."""
        path, publisher = f"{self._feed}/subscriptions/list", {"PublisherIdentifier": self._publisher}
        try:
            self._api.with_patience(patience).get(path, msgspec.Raw, publisher)
        except ConnectorError as error:
            if ends_pull(error):
                raise
            return False
        return True

    def _type(self, kind: str, start: datetime, end: datetime, pull: _Pull) -> Iterator[Page | Gap]:
        """Read one type of content; yield a gap if it is refused or can't be listed."""
        try:
            for first, last in split(start, end, LONGEST_WINDOW):
                try:
                    yield from self._window(kind, first, last, pull)
                except ConnectorError as error:
                    if not _costs_one_window(error):
                        raise
                    logger.warning("office365: %s from %s can't be listed: %s", kind, stamp(first), error)
                    pull.failed(error)
                    cause = f"the list of {kind} can't be read: {error.cause.rstrip('.')}. It will be requested again"
                    yield Gap(first, last, cause, final=False, unit=kind, uploads=kind == FILES)
                else:
                    pull.listed = True
        except RefusedError as error:
            if kind == FILES or isinstance(error, SignInError):
                raise
            to_do = error.remedy if error.code in CLOSED or isinstance(error, AccessError) else ""
            cause = f"{kind} is refused: {error.cause.rstrip('.')}. {to_do}".strip()
            yield Gap(start, end, cause, final=False, unit=kind, uploads=kind == FILES)

    def _window(self, kind: str, start: datetime, end: datetime, pull: _Pull) -> Iterator[Page | Gap]:
        """Read at most 24 hours of one content type; restart if the list's page is lost."""
        given: set[str] = set()
        page, restarts, started, odd = "", 0, False, False
        cursors = PageCursors(self._api, f"GET {self._feed}/subscriptions/content", "Microsoft")
        while True:
            if not page and start < (oldest := self._oldest()):
                cause = f"{_CAUSE}: {kind} grew too old while earlier windows were read"
                yield Gap(start, min(end, oldest), cause, uploads=kind == FILES)
                start = oldest
                if start >= end:
                    return
            try:
                contents, page = self._list(kind, start, end, page, pull.patience)
            except RefusedError as error:
                if error.code == NO_SUBSCRIPTION and not started:
                    started = True
                    self._start(kind)
                    continue
                too_old = error.code in BAD_WINDOW and start < self._oldest() + timedelta(hours=1)
                if restarts == RESTARTS or not (too_old or error.code == LOST_PAGE):
                    raise
                later = min(end, start + timedelta(minutes=10)) if too_old else start
                if too_old:
                    yield Gap(start, later, f"{_CAUSE}, counted on its own clock", uploads=kind == FILES)
                if (start := later) >= end:
                    return
                restarts, page = restarts + 1, ""
                cursors.clear()
                continue
            odd = odd or None in contents
            fresh = {blob.id: blob for blob in contents if blob and blob.id not in given}
            given.update(fresh)
            yield from pull.blobs.read(fresh.values())
            if not page:
                break
            cursors.add(page, empty=not contents)
        if odd:
            cause = f"the list of {kind} has entries that can't be read. It will be requested again"
            yield Gap(start, end, cause, final=False, unit=kind, uploads=kind == FILES)

    def _list(
        self, kind: str, start: datetime, end: datetime, page: str, patience: Patience
    ) -> tuple[list[Blob | None], str]:
        """Return a page of the list of blobs (None for an unreadable one) and the cursor of the next; "" at the end."""
        parameters = {
            "contentType": kind,
            "startTime": f"{start:%Y-%m-%dT%H:%M:%S}",
            "endTime": f"{end:%Y-%m-%dT%H:%M:%S}",
            "PublisherIdentifier": self._publisher,
        }
        path = f"{self._feed}/subscriptions/content"
        asked = {**parameters, "nextPage": page} if page else parameters
        api = self._api.with_patience(patience)
        found, headers = api.answer("GET", path, list[msgspec.Raw], params=asked)
        contents = [_blob(kind, item, start) for item in found]
        link = headers.get("NextPageUri", "")
        if not link:
            return contents, ""
        # The link may name any host, and a token must not go there: only its page cursor is used.
        try:
            cursors = [value for name, value in parse_qsl(urlsplit(link).query) if name.lower() == "nextpage"]
        except ValueError:
            cursors = []
        if not cursors:
            raise self._api.error(f"GET {path}", "NextPageUri holds no nextPage", "Run again; report it if it lasts.")
        return contents, cursors[0]

    def _fetch(self, blob: Blob, patience: Patience) -> Page | Gap:
        """Fetch the records of a blob; return a final gap if it is no longer there."""
        if blob.expires and blob.expires <= self._time.now():
            return blob.gap("has expired", final=True)
        path = f"{self._feed}/audit/{quote(blob.id, safe='$')}"
        try:
            publisher = {"PublisherIdentifier": self._publisher}
            records = self._api.with_patience(patience).get(path, list[msgspec.Raw], publisher)
        except RefusedError as error:
            if error.code not in LOST_CONTENT:
                raise
            return blob.gap(f"could not be fetched: {error.cause}", final=True)
        if not records:
            # A blob always has records: an empty answer means that they are missing.
            raise self._api.error(f"GET {path}", "the content holds no records", "Run again; report it if it lasts.")
        return Page(lines(records))

    def _fetch_again(self, blob: Blob) -> Page | Gap:
        """Fetch the records of a blob that could not be read before; return a final gap once it is too old."""
        try:
            return self._fetch(blob, BRIEF)
        except ConnectorError as error:
            outside = isinstance(error, UnavailableError | AccessError)
            if ends_pull(error) or (outside and not self._answers(BRIEF)):
                raise
            if self.present() >= blob.created + RETENTION:
                return blob.gap(f"could not be fetched for 7 days, and is no longer kept: {error.cause}", final=True)
            return blob.gap(f"can't be read: {error.cause.rstrip('.')}. It will be requested again", final=False)


def open_feed(settings: Office365Settings, limits: Limits, time: ProviderTime) -> Api:
    """Open the Management Activity API of the tenant."""
    limiter = limits.per_minute(settings.provider, settings.requests_per_minute)
    return _api(settings, settings.api_url, CLOUDS[0].feed, _read_refusal, limiter, time)


def open_graph(settings: Office365Settings, limits: Limits, time: ProviderTime) -> Api:
    """Open Microsoft Graph of the tenant."""
    limiter = limits.per_minute("graph", settings.graph_requests_per_minute)
    return _api(settings, settings.graph_url, CLOUDS[0].graph, read_graph_refusal, limiter, time)


def _api(
    settings: Office365Settings,
    root: str,
    worldwide: str,
    read_refusal: Callable[[requests.Response], Refusal],
    limiter: Limiter,
    time: ProviderTime,
) -> Api:
    client = Client(settings.provider, settings.secrets(), limiter, time)
    form = {
        "grant_type": "client_credentials",
        "client_id": settings.client_id,
        "client_secret": settings.client_secret.get_secret_value(),
        "scope": scope_of(root, worldwide),
    }
    remedy = f"{settings.clouds} {_SIGN_IN_REMEDY}".strip()
    url = f"{settings.login_url}/{settings.tenant_id}/oauth2/v2.0/token"
    return Api(client, root, read_refusal, form_token(client, url, lambda: form, remedy))


def _blob(kind: str, item: msgspec.Raw, start: datetime) -> Blob | None:
    """Return a blob from an item of the list; None if it has no id."""
    content = next(each([item], _Content), None)
    if content is None or not (content_id := text_in(content.id)):
        return None
    return Blob(kind, content_id, time_in(content.created) or start, time_in(content.expires))


def _costs_one_window(error: ConnectorError) -> bool:
    """Check whether this failure of a list leaves other windows and types of content readable."""
    if isinstance(error, UnavailableError):
        return error.status >= 500 and not error.throttled
    return not isinstance(error, EndlessError | RefusedError) and not ends_pull(error)


def _read_refusal(response: requests.Response) -> Refusal:
    """Parse an error answer, which may be JSON or look like Python; throttling may come as 403."""
    text = error_text(response)
    code, message = _CODE.search(text), _MESSAGE.search(text)
    name = code[1] if code else ""
    said = (message[1] or message[2] or "") if message else ""
    # If auditing was never switched on, Microsoft says that the tenant does not exist; the code is an exception's text.
    set_up = name.startswith(("AF2001", "AF20023")) or _NO_TENANT.search(said)
    remedy = _ACCESS_REMEDY if response.status_code in (401, 403) or set_up else ""
    return Refusal(name, said, throttled=name == "AF429", passing=name == "AF50000", remedy=remedy)


CONNECTOR = Office365Connector
