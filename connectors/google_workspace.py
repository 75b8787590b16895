"""Google Workspace: the activities of Drive and of sign-ins in the Reports API."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

import msgspec

from connectors.base import FileQuestion, FileSize, Gap, Page
from connectors.errors import ConnectorError, RefusedError, UnavailableError
from connectors.google_drive import SCOPE as DRIVE_SCOPE
from connectors.google_drive import DriveSizes
from connectors.google_sign_in import Delegation
from connectors.limits import Limits
from connectors.marks import Marks
from connectors.settings import GoogleWorkspaceSettings
from connectors.spans import SECOND, ceiling, floor, past, stamp
from connectors.verbatim import lines

__all__ = ["GoogleWorkspaceConnector"]

SCOPE = "https://www.googleapis.com/auth/admin.reports.audit.readonly"
APPLICATIONS = ("drive", "login")
PATH = "/admin/reports/v1/activity/users/all/applications/"
LIMIT = 1000
RETENTION = timedelta(days=180)
logger = logging.getLogger(__name__)


class _Activities(msgspec.Struct):
    items: list[msgspec.Raw] | None = None
    next_page: str | None = msgspec.field(default=None, name="nextPageToken")


class GoogleWorkspaceConnector:
    """See ``connectors.base.Connector``."""

    provider = "google_workspace"
    retention = RETENTION

    def __init__(self, settings: GoogleWorkspaceSettings, now: Callable[[], datetime], limits: Limits) -> None:
        self._now = now
        self._customer = settings.customer_id
        self.lateness, self.overlap = settings.lateness, settings.overlap
        self.parallel_slices = settings.parallel_slices
        reports = limits.per_minute(self.provider, settings.requests_per_minute)
        self._api = Delegation(settings, SCOPE, reports).api(settings.api_url, settings.admin_email)
        drive_limiter = limits.per_minute("google_drive", settings.drive_requests_per_minute)
        drive = Delegation(settings, DRIVE_SCOPE, drive_limiter)
        self._sizes = DriveSizes(lambda user: drive.api(settings.drive_url, user))

    def pages(self, start: datetime, end: datetime) -> Iterator[Page | Gap]:
        """See ``connectors.base.Connector``; selects by the time of the event, newest first."""
        now = self._now()
        start, end = past(start, end, now)
        if start >= end:
            return
        oldest = now - RETENTION
        if start < oldest:
            # Google leaves out what is older without a word.
            yield Gap(start, min(end, oldest), "Google keeps audit events for 180 days")
            start = oldest
        if start < end:
            for application in APPLICATIONS:
                yield from self._chain(application, start, end, now)

    def _chain(self, application: str, start: datetime, end: datetime, now: datetime) -> Iterator[Page]:
        # Unfiltered: a filter of any kind has a far smaller quota. Whether the bounds are inclusive is not
        # documented, so both are a second wider.
        window: dict[str, str | int] = {"startTime": stamp(start - SECOND), "maxResults": LIMIT}
        window["customerId"] = self._customer
        before = ceiling(end) + SECOND
        if before <= floor(now):
            # A bound in the future is an error, and none means now.
            window["endTime"] = stamp(before)
        path, token, restarted = PATH + application, "", False
        marks = Marks(self._api, f"GET {path}", "Google")
        while True:
            parameters = {**window, "pageToken": token} if token else window
            try:
                answer = self._api.get(path, _Activities, parameters)
            except (RefusedError, UnavailableError) as error:
                if not token or restarted or not _spoils_token(error):
                    raise
                logger.warning("google_workspace no longer takes the page token, reading %s anew", stamp(start))
                token, restarted = "", True
                marks.clear()
                continue
            yield Page(lines(answer.items or ()))
            token = answer.next_page or ""
            if not token:
                return
            marks.add(token, empty=not answer.items)

    def file_sizes(self, questions: Sequence[FileQuestion]) -> Iterator[FileSize]:
        """See ``connectors.base.Connector``; asks Drive as the user of each question."""
        return self._sizes.look_up(questions)


def _spoils_token(error: ConnectorError) -> bool:
    """Whether a page token is lost: Google refuses it, or fails on it however often it is repeated."""
    return isinstance(error, UnavailableError) or (isinstance(error, RefusedError) and error.status in (400, 410))
