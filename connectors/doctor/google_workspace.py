"""Checks of a deployment's access to Google Workspace."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import msgspec

from connectors.core.errors import AccessError, ConnectorError, RefusedError, SignInError
from connectors.core.lenient import time_in
from connectors.core.time_ranges import stamp
from connectors.doctor.examination import Check, Context, Examination, Quota, read
from connectors.doctor.findings import CheckResult, State
from connectors.google_workspace.audit_log import PATH as REPORTS_PATH
from connectors.google_workspace.audit_log import SCOPE as REPORTS_SCOPE
from connectors.google_workspace.files import PATH as DRIVE_PATH
from connectors.google_workspace.files import SCOPE as DRIVE_SCOPE
from connectors.google_workspace.settings import GoogleWorkspaceSettings
from connectors.google_workspace.sign_in import Delegation

__all__ = ["EXAMINATION", "GoogleWorkspaceExamination"]

PAGES = 5
"""Number of empty pages after which a window counts as empty."""
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_SWITCHED_OFF = ("accessNotConfigured", "SERVICE_DISABLED")
_DELEGATION = (
    "Admin console > Security > Access and data control > API controls > Manage Domain Wide Delegation: the service "
    "account's Client ID must be listed with the scope"
)
_CLOCK = "A key is also refused where this machine's clock is wrong: see the check clock."
_EDITION = (
    "Google logs Drive for items whose owner has a supported edition: see Admin console > Reporting > Audit and "
    "investigation > Drive log events, and Billing > Subscriptions for the edition."
)


class _Id(msgspec.Struct):
    time: object = None


class _Activity(msgspec.Struct):
    id: _Id


class _Activities(msgspec.Struct):
    items: list[_Activity] | None = None
    next_page: str | None = msgspec.field(default=None, name="nextPageToken")


class GoogleWorkspaceExamination(Examination):
    """See ``Examination``."""

    kind = GoogleWorkspaceSettings

    def __init__(self, environment: Mapping[str, str], context: Context) -> None:
        super().__init__(environment, context)
        self._settings = settings = read(GoogleWorkspaceSettings, environment)
        reports = context.watch.per_minute("google_workspace", settings.requests_per_minute)
        self._api = Delegation(settings, REPORTS_SCOPE, reports, context.time).api(
            settings.api_url, settings.admin_email
        )
        drive = context.watch.per_minute("google_drive", settings.drive_requests_per_minute)
        self._drive = Delegation(settings, DRIVE_SCOPE, drive, context.time).api(
            settings.drive_url, settings.admin_email
        )

    def configuration(self) -> CheckResult:
        """See ``Examination``; a key that others can read is a warning."""
        file = Path(self._settings.service_account_file)
        mode = stat.S_IMODE(file.stat().st_mode)
        if mode & _OTHERS:
            return CheckResult(
                State.WARNING, f"complete, but others can read {file} (mode {mode:o})", f"chmod 600 {file}"
            )
        return CheckResult(State.OK, f"complete; asks {self._settings.api_url}")

    def sign_in(self) -> CheckResult:
        """See ``Examination``."""
        self._api.sign_in()
        return CheckResult(State.OK, f"the service account acts as {self._settings.admin_email}")

    def audit_log(self) -> CheckResult:
        """See ``Examination``: the log of sign-ins, which every edition has."""
        self._page("login", {"maxResults": 1})
        return CheckResult(State.OK, "the Reports API may be read (scope admin.reports.audit.readonly)")

    def plan(self) -> CheckResult:
        """Check whether the edition gives Drive's log: without it uploads are invisible."""
        try:
            drive = self._page("drive", {"maxResults": 1})
        except RefusedError as error:
            return CheckResult(State.FAILURE, f"the Drive log is refused: {error.cause}", _EDITION)
        if drive.items or drive.next_page:
            return CheckResult(State.OK, "the edition gives the Drive log")
        found = "the Drive log is empty"
        if self._page("login", {"maxResults": 1}).items:
            found += " though there are sign-ins: the edition may lack it"
        return CheckResult(State.WARNING, found, _EDITION)

    def sizes(self) -> CheckResult:
        """Check whether sizes may be requested from Drive."""
        if not self.context.recovers_sizes:
            found = "off: Google logs no sizes, so detection there counts files alone"
            return CheckResult(
                State.NOT_CHECKED, found, "To look sizes up, delegate the scope and set GOOGLE_RECOVER_SIZES."
            )
        self._drive.sign_in()
        self._drive.get(DRIVE_PATH, msgspec.Raw, {"pageSize": 1, "corpora": "user", "fields": "files(id)"})
        return CheckResult(State.OK, "Drive may be asked for sizes (scope drive.metadata.readonly)")

    own = (Check("plan", plan, needs=("sign_in", "audit_log")), Check("sizes", sizes))

    def seen(self, start: datetime, end: datetime) -> list[datetime]:
        """See ``Examination``; of Drive's log, the newest of the window first."""
        window: dict[str, str | int] = {"startTime": stamp(start), "maxResults": 100}
        if end < self.context.now:
            # A bound in the future is an error.
            window["endTime"] = stamp(end)
        for _ in range(PAGES):
            answer = self._page("drive", window)
            times = [time for time in (time_in(item.id.time) for item in answer.items or ()) if time]
            if times or not answer.next_page:
                return times
            window["pageToken"] = answer.next_page
        return []

    def _page(self, application: str, window: Mapping[str, str | int]) -> _Activities:
        parameters = {"customerId": self._settings.customer_id, **window}
        return self._api.get(REPORTS_PATH + application, _Activities, parameters)

    def quotas(self) -> tuple[Quota, ...]:
        """See ``Examination``."""
        settings = self._settings
        reports = Quota("GOOGLE_REQUESTS_PER_MINUTE", settings.requests_per_minute, 2400, "Google allows 2,400")
        if not self.context.recovers_sizes:
            return (reports,)
        source = "and the Cloud project's quotas show what Google allows"
        return reports, Quota("GOOGLE_DRIVE_REQUESTS_PER_MINUTE", settings.drive_requests_per_minute, None, source)

    def remedy(self, check: str, error: ConnectorError) -> str:
        """See ``Examination``."""
        scope = DRIVE_SCOPE if check == "sizes" else REPORTS_SCOPE
        if isinstance(error, SignInError) and error.code == "unauthorized_client":
            return f"{_DELEGATION} {scope}."
        if isinstance(error, SignInError):
            return (
                "GOOGLE_ADMIN_EMAIL must be an active user of the organisation, and the key of "
                "GOOGLE_SERVICE_ACCOUNT_FILE must be listed and active in Cloud console > IAM & Admin > Service "
                f"Accounts > the account > Keys. {_CLOCK}"
            )
        if isinstance(error, RefusedError) and error.code in _SWITCHED_OFF:
            api = "Google Drive API" if scope == DRIVE_SCOPE else "Admin SDK API"
            return f"Cloud console > APIs & Services > Library > {api} > Enable, in the service account's project."
        if isinstance(error, AccessError) and scope == REPORTS_SCOPE:
            return (
                "Admin console > Account > Admin roles: give GOOGLE_ADMIN_EMAIL a role with the privilege Reports. "
                f"{_DELEGATION} {scope}."
            )
        return f"{_DELEGATION} {scope}." if isinstance(error, AccessError) else error.remedy


EXAMINATION = GoogleWorkspaceExamination
