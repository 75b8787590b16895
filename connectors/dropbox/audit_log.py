"""Dropbox Business: the team's log.

Dropbox's events have no id, and two identical events are two events. So a window is read without overlap, and a time
range is yielded only after it was read completely. If its cursor is lost, or if it can't be read and is halved, none of
its events were yielded before; so a gap never contains events that were yielded.
"""

from __future__ import annotations

import logging
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import requests

from connectors.core.errors import AccessError, RefusedError
from connectors.core.http import Api, Client, Refusal, error_body, error_text
from connectors.core.lenient import each, text_in
from connectors.core.narrowing import BRIEF, narrowed
from connectors.core.oauth import form_token
from connectors.core.page_cursors import PageCursors
from connectors.core.provider_time import ProviderTime
from connectors.core.rate_limits import Limits
from connectors.core.raw_json import lines
from connectors.core.retries import USUAL, Patience, seconds_in
from connectors.core.time_ranges import ceiling, floor, past, require_zone, split, stamp
from connectors.core.types import FileQuestion, FileSize, Gap, Page
from connectors.dropbox.files import DropboxFiles
from connectors.dropbox.files import read_refusal as read_files_refusal
from connectors.dropbox.settings import DropboxSettings

__all__ = ["CONTINUE", "EVENTS", "FEATURES", "FILE_EVENTS", "FIRST", "DropboxConnector", "open_api"]

EVENTS = "/2/team_log/get_events"
CONTINUE = "/2/team_log/get_events/continue"
FEATURES = "/2/team/features/get_values"
FILE_EVENTS = "has_team_file_events"
LIMIT = 1000
FIRST = datetime(2017, 1, 1, tzinfo=UTC)
# Cursors are rarely lost; if one is, only this range is read again.
STEP = timedelta(hours=1)
SMALLEST = timedelta(seconds=15)
"""An unreadable time range of at most this length is not halved."""
RESTARTS = 3
_SIGN_IN_REMEDY = (
    "Check DROPBOX_APP_KEY, DROPBOX_APP_SECRET and DROPBOX_REFRESH_TOKEN; after a refresh token was revoked, "
    "a team administrator must consent again."
)
_ACCESS_REMEDY = (
    "Give the application the scopes events.read and team_info.read, and let a team administrator consent again."
)
logger = logging.getLogger(__name__)


class _Events(msgspec.Struct):
    events: list[msgspec.Raw]
    cursor: str
    has_more: bool


class _Features(msgspec.Struct):
    values: list[msgspec.Raw]


class DropboxConnector:
    """See ``connectors.core.types.Connector``. Most uploads come with their sizes."""

    provider = "dropbox"
    # No limit is documented; the log begins in January 2017.
    retention = timedelta(days=36_500)

    def __init__(self, settings: DropboxSettings, now: Callable[[], datetime], limits: Limits) -> None:
        self._time = ProviderTime(now)
        self._features = threading.Lock()
        self._shows_files = False
        self.lateness, self.overlap = settings.lateness, settings.overlap
        self.parallel_slices = settings.parallel_slices
        self._api = open_api(settings, limits, self._time)
        self._files = DropboxFiles(self._api.reading(read_files_refusal))

    def pages(self, start: datetime, end: datetime) -> Iterator[Page | Gap]:
        """See ``connectors.core.types.Connector``; selects by the time of the event, and repeats no event.

        A time range of 15 seconds or more on which Dropbox fails becomes a gap.

        Raises:
            AccessError: The team's plan shows no file events, so uploads would be missed silently.
        """
        yield from self._read(start, end, USUAL, raises=True)

    def again(self, gap: Gap) -> Iterator[Page | Gap]:
        """See ``connectors.core.types.Connector``; requests the gap's time range; none of it was yielded before."""
        if gap.final:
            yield gap
        else:
            yield from self._read(gap.start, gap.end, BRIEF, raises=False)

    def present(self) -> datetime:
        """See ``connectors.core.types.Connector``."""
        return self._time.present(self._api.sign_in)

    @property
    def skew(self) -> timedelta | None:
        """See ``connectors.core.types.Connector``."""
        return self._time.skew

    def _read(self, start: datetime, end: datetime, patience: Patience, *, raises: bool) -> Iterator[Page | Gap]:
        require_zone(start, end)
        start, end = past(start, end, self.present())
        # Events have whole seconds. The second in progress is left to the next window.
        start, end = floor(start), min(ceiling(end), floor(self._time.now()))
        if start >= end:
            return
        if start < FIRST:
            yield Gap(start, min(end, FIRST), "Dropbox's log begins in January 2017")
            start = FIRST
        if start >= end:
            return
        self._require_file_events()
        steps = split(start, end, STEP)
        yield from narrowed(self._step, steps, smallest=SMALLEST, patience=patience, raises=raises)

    def _require_file_events(self) -> None:
        with self._features:
            if self._shows_files:
                return
            answer = self._api.post(FEATURES, _Features, {"features": [{".tag": FILE_EVENTS}]})
            for value in each(answer.values, dict[str, object]):
                feature = value.get(FILE_EVENTS)
                if isinstance(feature, dict) and feature.get("enabled") is False:
                    raise AccessError(
                        self.provider,
                        f"POST {FEATURES}",
                        "the team's log shows no file events, so uploads would be invisible",
                        "Move the team to a plan with file events (Business Plus, Advanced or Enterprise), or unset "
                        "the DROPBOX_ variables to leave dropbox out.",
                    )
            self._shows_files = True

    def _step(self, start: datetime, end: datetime, patience: Patience) -> Iterator[Page]:
        """Read a whole time range, then yield its pages; restart the range if the cursor is lost."""
        for restarts in range(RESTARTS + 1):
            try:
                # An hour of a large team takes a few hundred megabytes; compressed, a tenth of that.
                kept = deque(zlib.compress(page, level=1) for page in self._chain(start, end, patience))
            except RefusedError as error:
                if error.code not in ("reset", "bad_cursor") or restarts == RESTARTS:
                    raise
                logger.warning("dropbox lost the cursor (%s); reading %s again", error.code, stamp(start))
            else:
                while kept:
                    yield Page(zlib.decompress(kept.popleft()))
                return

    def _chain(self, start: datetime, end: datetime, patience: Patience) -> Iterator[bytes]:
        api = self._api.with_patience(patience)
        time = {"start_time": stamp(start), "end_time": stamp(end)}
        answer = api.post(EVENTS, _Events, {"limit": LIMIT, "time": time})
        yield lines(answer.events)
        cursors = PageCursors(api, f"POST {CONTINUE}", "Dropbox")
        # Pages may be short or empty while more remains: only has_more shows the end.
        while answer.has_more:
            cursors.add(answer.cursor, empty=not answer.events)
            answer = api.post(CONTINUE, _Events, {"cursor": answer.cursor})
            yield lines(answer.events)

    def file_sizes(self, questions: Sequence[FileQuestion]) -> Iterator[FileSize]:
        """See ``connectors.core.types.Connector``; asks as the member of each question."""
        return self._files.look_up(questions)


def open_api(settings: DropboxSettings, limits: Limits, time: ProviderTime) -> Api:
    """Open Dropbox's API as the team's application."""
    limiter = limits.per_minute(settings.provider, settings.requests_per_minute)
    client = Client(settings.provider, settings.secrets(), limiter, time)
    form = {
        "grant_type": "refresh_token",
        "client_id": settings.app_key,
        "client_secret": settings.app_secret.get_secret_value(),
        "refresh_token": settings.refresh_token.get_secret_value(),
    }
    token = form_token(client, settings.token_url, lambda: form, _SIGN_IN_REMEDY)
    return Api(client, settings.api_url, _read_refusal, token)


def _read_refusal(response: requests.Response) -> Refusal:
    """Parse an error answer: JSON from endpoints, plain text for 400 and some 429."""
    body = error_body(response)
    error = body.get("error")
    if not isinstance(error, dict):
        return Refusal(
            message=error_text(response), remedy=_ACCESS_REMEDY if response.status_code in (401, 403) else ""
        )
    code, summary = text_in(error.get(".tag")), text_in(body.get("error_summary"))
    scope = text_in(error.get("required_scope"))
    remedy = ""
    if response.status_code in (401, 403):
        remedy = f"The application lacks the scope {scope}. {_ACCESS_REMEDY}" if scope else _ACCESS_REMEDY
    elif code in ("reset", "bad_cursor"):
        remedy = "Run again."
    return Refusal(code, summary, wait=seconds_in(error.get("retry_after")), remedy=remedy)
