"""Box: the enterprise's events, stream ``admin_logs``.

Each window is read from the history, which answers for any day of the last year, in order and without repeats.
Some events appear there late: a window is read again until the allowed lateness has passed. The stream
(:mod:`connectors.box.stream`) shows them sooner.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
import requests

from connectors.box.files import BoxFiles
from connectors.box.settings import BoxSettings
from connectors.box.stream import LIMIT, PATH, Entries, position_of, streamed, time_of
from connectors.core.errors import RefusedError
from connectors.core.http import Api, Client, Refusal, error_body
from connectors.core.lenient import text_in
from connectors.core.narrowing import BRIEF, narrowed
from connectors.core.oauth import form_token
from connectors.core.provider_time import ProviderTime
from connectors.core.rate_limits import Limits
from connectors.core.raw_json import lines
from connectors.core.retries import USUAL, Patience
from connectors.core.time_ranges import SECOND, ceiling, floor, past, require_zone, stamp
from connectors.core.types import FileQuestion, FileSize, Gap, Page

__all__ = ["BoxConnector", "open_api"]

RETENTION = timedelta(days=365)
# Box refuses a bound older than a year. The margin covers the time that the request travels.
CLEARANCE = timedelta(minutes=5)
SMALLEST = timedelta(minutes=1)
"""An unreadable time range of at most this length is not halved."""
_SIGN_IN_REMEDY = (
    "Check BOX_CLIENT_ID, BOX_CLIENT_SECRET and BOX_ENTERPRISE_ID, and that the application is authorised in the "
    "Admin Console."
)
_ACCESS_REMEDY = (
    "Give the application the scope 'Manage enterprise properties' (for sizes 'Read all files and folders', and calls "
    "with the as-user header) and authorise it again in the Admin Console."
)
logger = logging.getLogger(__name__)


class BoxConnector:
    """See ``connectors.core.types.Connector``. Most uploads come with their sizes."""

    provider = "box"
    retention = RETENTION

    def __init__(self, settings: BoxSettings, now: Callable[[], datetime], limits: Limits) -> None:
        self._time = ProviderTime(now)
        self.lateness, self.overlap = settings.lateness, settings.overlap
        self.parallel_slices = settings.parallel_slices
        self._api = open_api(settings, limits, self._time)

    def pages(self, start: datetime, end: datetime) -> Iterator[Page | Gap]:
        """See ``connectors.core.types.Connector``; selects by the time of the event.

        A time range of a minute or more on which Box fails becomes a gap.
        """
        yield from self._read(start, end, USUAL, raises=True)

    def again(self, gap: Gap) -> Iterator[Page | Gap]:
        """See ``connectors.core.types.Connector``; asks for the gap's time range."""
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
        now = self.present()
        start, end = past(start, end, now)
        if start >= end:
            return
        oldest = now - RETENTION + CLEARANCE
        if start < oldest:
            yield Gap(start, min(end, oldest), "Box keeps audit events for 365 days")
            start = oldest
        if start < end:
            yield from narrowed(self._chain, [(start, end)], smallest=SMALLEST, patience=patience, raises=raises)

    def _chain(self, start: datetime, end: datetime, patience: Patience) -> Iterator[Page]:
        api = self._api.with_patience(patience)
        # The documentation does not say whether the bounds are inclusive, so both are a second wider.
        parameters: dict[str, str | int] = {
            "stream_type": "admin_logs",
            "limit": LIMIT,
            "created_after": stamp(start - SECOND),
        }
        before = ceiling(end) + SECOND
        if before <= floor(self._time.now()):
            # A bound in the future is an error; leaving it out means the same.
            parameters["created_before"] = stamp(before)
        seen: set[str] = set()
        restarted = False
        while True:
            try:
                answer = api.get(PATH, Entries, parameters)
            except RefusedError as error:
                if error.status != 400 or restarted or "stream_position" not in parameters:
                    raise
                # Events have ids, so repeated ones are dropped later.
                logger.warning("box no longer accepts the stream position; reading %s again", stamp(start))
                del parameters["stream_position"]
                restarted = True
                seen.clear()
                continue
            # Box gives short pages while more remains: only an empty page is the end. Its position may be "0",
            # which would restart at the oldest event, so it is ignored.
            if not answer.entries or _all_after(answer.entries, before):
                return
            yield Page(lines(answer.entries))
            position = position_of(answer)
            if not position or position in seen:
                cause = f"stream position {api.client.safe(position) or '(none)'} leads back to events already read"
                raise api.endless(f"GET {PATH}", cause, "Run again; if it happens again, ask Box's support.")
            seen.add(position)
            parameters["stream_position"] = position

    def streamed(self, position: str) -> Iterator[tuple[Mapping[datetime | None, Page], str]]:
        """See ``connectors.core.types.Streaming``."""
        return streamed(self._api, position)

    def file_sizes(self, questions: Sequence[FileQuestion]) -> Iterator[FileSize]:
        """See ``connectors.core.types.Connector``; asks as the account of each question."""
        return BoxFiles(self._api).look_up(questions)


def open_api(settings: BoxSettings, limits: Limits, time: ProviderTime) -> Api:
    """Open Box's API as the application's service account."""
    limiter = limits.per_minute(settings.provider, settings.requests_per_minute)
    client = Client(settings.provider, settings.secrets(), limiter, time)
    form = {
        "grant_type": "client_credentials",
        "client_id": settings.client_id,
        "client_secret": settings.client_secret.get_secret_value(),
        "box_subject_type": "enterprise",
        "box_subject_id": settings.enterprise_id,
    }
    token = form_token(client, settings.token_url, lambda: form, _SIGN_IN_REMEDY)
    return Api(client, settings.api_url, _read_refusal, token)


def _all_after(entries: list[msgspec.Raw], bound: datetime) -> bool:
    """Check whether a page lies wholly after the window: with a position, Box may ignore the bounds."""
    times = map(time_of, entries)
    # An event whose time can't be read says nothing about where the page lies.
    return all(time is not None and time > bound for time in times)


def _read_refusal(response: requests.Response) -> Refusal:
    body = error_body(response)
    code, message = text_in(body.get("code")), text_in(body.get("message"))
    return Refusal(code, message, remedy=_ACCESS_REMEDY if response.status_code in (401, 403) else "")
