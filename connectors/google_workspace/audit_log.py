"""Google Workspace: the activities of Drive and of sign-ins in the Reports API."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec

from connectors.core.errors import ConnectorError, RefusedError, SignInError, UnavailableError
from connectors.core.narrowing import BRIEF, about_data, narrowed
from connectors.core.page_cursors import PageCursors
from connectors.core.provider_time import ProviderTime
from connectors.core.rate_limits import Limits
from connectors.core.raw_json import lines
from connectors.core.retries import USUAL, Patience
from connectors.core.time_ranges import SECOND, ceiling, floor, past, require_zone, stamp
from connectors.core.types import FileQuestion, FileSize, Gap, Page
from connectors.google_workspace.files import SCOPE as DRIVE_SCOPE
from connectors.google_workspace.files import DriveSizes
from connectors.google_workspace.settings import GoogleWorkspaceSettings
from connectors.google_workspace.sign_in import Delegation

__all__ = ["GoogleWorkspaceConnector"]

SCOPE = "https://www.googleapis.com/auth/admin.reports.audit.readonly"
FILES, SIGN_INS = APPLICATIONS = ("drive", "login")
PATH = "/admin/reports/v1/activity/users/all/applications/"
LIMIT = 1000
RETENTION = timedelta(days=180)
SMALLEST = timedelta(minutes=1)
"""An unreadable time range of at most this length is not halved."""
logger = logging.getLogger(__name__)


class _Activities(msgspec.Struct):
    items: list[msgspec.Raw] | None = None
    next_page: str | None = msgspec.field(default=None, name="nextPageToken")


class GoogleWorkspaceConnector:
    """See ``connectors.core.types.Connector``."""

    provider = "google_workspace"
    retention = RETENTION

    def __init__(self, settings: GoogleWorkspaceSettings, now: Callable[[], datetime], limits: Limits) -> None:
        self._time = ProviderTime(now)
        self._customer = settings.customer_id
        self.lateness, self.overlap = settings.lateness, settings.overlap
        self.parallel_slices = settings.parallel_slices
        reports = limits.per_minute(self.provider, settings.requests_per_minute)
        self._api = Delegation(settings, SCOPE, reports, self._time).api(settings.api_url, settings.admin_email)
        drive_limiter = limits.per_minute("google_drive", settings.drive_requests_per_minute)
        drive = Delegation(settings, DRIVE_SCOPE, drive_limiter, self._time)
        self._sizes = DriveSizes(lambda user: drive.api(settings.drive_url, user))

    def pages(self, start: datetime, end: datetime) -> Iterator[Page | Gap]:
        """See ``connectors.core.types.Connector``; selects by the time of the event, newest first.

        A time range of a minute or more on which Google fails for one application becomes a gap. So does the whole
        window of the sign-ins if they are refused or can't be read. The gap's unit is the application.
        """
        yield from self._read(start, end, APPLICATIONS, USUAL, raises=True)

    def again(self, gap: Gap) -> Iterator[Page | Gap]:
        """See ``connectors.core.types.Connector``; requests the gap's time range from its application."""
        if gap.final:
            yield gap
        else:
            applications = (gap.unit,) if gap.unit in APPLICATIONS else APPLICATIONS
            yield from self._read(gap.start, gap.end, applications, BRIEF, raises=False)

    def present(self) -> datetime:
        """See ``connectors.core.types.Connector``."""
        return self._time.present(self._api.sign_in)

    @property
    def skew(self) -> timedelta | None:
        """See ``connectors.core.types.Connector``."""
        return self._time.skew

    def _read(
        self, start: datetime, end: datetime, applications: Sequence[str], patience: Patience, *, raises: bool
    ) -> Iterator[Page | Gap]:
        require_zone(start, end)
        now = self.present()
        start, end = past(start, end, now)
        if start >= end:
            return
        oldest = now - RETENTION
        if start < oldest:
            # Google silently omits older events.
            yield Gap(start, min(end, oldest), "Google keeps audit events for 180 days")
            start = oldest
        if start >= end:
            return
        for application in applications:
            try:
                yield from self._application(application, start, end, patience, raises=raises)
            except ConnectorError as error:
                if application != SIGN_INS or not (about_data(error) or _refuses_application(error)):
                    raise
                logger.warning("google_workspace: the application %s can't be read: %s", application, error)
                fault = "is refused" if isinstance(error, RefusedError) else "can't be read"
                cause = f"the application {application} {fault}: {error.cause.rstrip('.')}. {error.remedy}"
                yield Gap(start, end, cause, final=False, unit=application, uploads=False)

    def _application(
        self, application: str, start: datetime, end: datetime, patience: Patience, *, raises: bool
    ) -> Iterator[Page | Gap]:
        def chain(first: datetime, last: datetime, patience: Patience) -> Iterator[Page]:
            return self._chain(application, first, last, patience)

        for answer in narrowed(
            chain, [(start, end)], smallest=SMALLEST, unit=application, patience=patience, raises=raises
        ):
            yield replace(answer, uploads=application != SIGN_INS) if isinstance(answer, Gap) else answer

    def _chain(self, application: str, start: datetime, end: datetime, patience: Patience) -> Iterator[Page]:
        api = self._api.with_patience(patience)
        # Unfiltered, because filtered requests have a far smaller quota. The documentation does not say whether the
        # bounds are inclusive, so both are a second wider.
        window: dict[str, str | int] = {"startTime": stamp(start - SECOND), "maxResults": LIMIT}
        window["customerId"] = self._customer
        before = ceiling(end) + SECOND
        if before <= floor(self._time.now()):
            # A bound in the future is an error; leaving it out means now.
            window["endTime"] = stamp(before)
        path, token, restarted = PATH + application, "", False
        cursors = PageCursors(api, f"GET {path}", "Google")
        while True:
            parameters = {**window, "pageToken": token} if token else window
            try:
                answer = api.get(path, _Activities, parameters)
            except (RefusedError, UnavailableError) as error:
                if not token or restarted or not _spoils_token(error):
                    raise
                logger.warning("google_workspace no longer accepts the page token; reading %s again", stamp(start))
                token, restarted = "", True
                cursors.clear()
                continue
            yield Page(lines(answer.items or ()))
            token = answer.next_page or ""
            if not token:
                return
            cursors.add(token, empty=not answer.items)

    def file_sizes(self, questions: Sequence[FileQuestion]) -> Iterator[FileSize]:
        """See ``connectors.core.types.Connector``; asks Drive as the user of each question."""
        return self._sizes.look_up(questions)


def _spoils_token(error: ConnectorError) -> bool:
    """Check whether a page token is lost: Google refuses it, or fails on it at every attempt."""
    return isinstance(error, UnavailableError) or (isinstance(error, RefusedError) and error.status in (400, 410))


def _refuses_application(error: ConnectorError) -> bool:
    """Check whether one application is refused although the sign-in succeeded."""
    return isinstance(error, RefusedError) and not isinstance(error, SignInError)
