"""Checks of a deployment's access to Dropbox Business."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from connectors.core.errors import AccessError, ConnectorError, SignInError
from connectors.core.lenient import time_in
from connectors.core.time_ranges import stamp
from connectors.core.types import FileQuestion
from connectors.doctor.examination import Check, Context, Examination, Quota, read
from connectors.doctor.findings import CheckResult, State
from connectors.dropbox.audit_log import CONTINUE, EVENTS, FEATURES, FILE_EVENTS, FIRST, open_api
from connectors.dropbox.settings import DropboxSettings

__all__ = ["EXAMINATION", "DropboxExamination"]

PAGES = 5
"""Number of empty pages after which a window counts as empty."""
_CONSENT = (
    "let a team admin open the consent page and approve the app again, and put the new refresh token into "
    "DROPBOX_REFRESH_TOKEN: a token keeps the scopes that it was issued with"
)
_READ_FILES = (
    f"App Console > the app > Permissions: tick files.metadata.read and team_data.member, and Submit. Then {_CONSENT}."
)
TRIED = 20
"""Number of uploads whose sizes are looked up as a trial: some of their users may have left."""


class _Event(msgspec.Struct):
    timestamp: object = None


class _Asset(msgspec.Struct):
    file_id: str = ""


class _Member(msgspec.Struct, frozen=True):
    team_member_id: str = ""


class _Actor(msgspec.Struct, frozen=True):
    user: _Member = _Member()


class _Upload(msgspec.Struct):
    actor: _Actor = _Actor()
    assets: list[_Asset] = []


class _Uploads(msgspec.Struct):
    events: list[_Upload]


class _Events(msgspec.Struct):
    events: list[_Event]
    cursor: str
    has_more: bool


class _Features(msgspec.Struct):
    values: list[dict[str, object]]


class DropboxExamination(Examination):
    """See ``Examination``."""

    kind = DropboxSettings

    def __init__(self, environment: Mapping[str, str], context: Context) -> None:
        super().__init__(environment, context)
        self._settings = read(DropboxSettings, environment)
        self._api = open_api(self._settings, context.watch, context.time)

    def configuration(self) -> CheckResult:
        """See ``Examination``."""
        return CheckResult(State.OK, f"complete; asks {self._settings.api_url}")

    def sign_in(self) -> CheckResult:
        """See ``Examination``."""
        self._api.sign_in()
        return CheckResult(State.OK, "the refresh token gives access tokens")

    def audit_log(self) -> CheckResult:
        """See ``Examination``."""
        self._api.post(EVENTS, _Events, {"limit": 1})
        return CheckResult(State.OK, "the team's log may be read (scope events.read)")

    def plan(self) -> CheckResult:
        """Check whether the team's plan logs file events: without them uploads are invisible."""
        answer = self._api.post(FEATURES, _Features, {"features": [{".tag": FILE_EVENTS}]})
        feature = next((value[FILE_EVENTS] for value in answer.values if FILE_EVENTS in value), None)
        enabled = feature.get("enabled") if isinstance(feature, dict) else None
        if enabled is True:
            return CheckResult(State.OK, "the team's plan logs file events")
        to_do = (
            "Admin Console > Billing: move the team to a plan whose log shows file events (Business Plus, Advanced or "
            "Enterprise; plans' names differ by contract, so ask Dropbox), or unset the DROPBOX_ variables."
        )
        if enabled is False:
            return CheckResult(State.FAILURE, "the team's plan logs no file events, so uploads are invisible", to_do)
        return CheckResult(
            State.WARNING, f"Dropbox does not say whether the plan logs file events ({FILE_EVENTS})", to_do
        )

    def sizes(self) -> CheckResult:
        """Check whether sizes may be requested in the name of the uploaders."""
        if not self.context.recovers_sizes:
            return CheckResult(State.OK, "off: nearly all uploads are logged with their sizes")
        now = self.context.now
        time = {"start_time": stamp(now - timedelta(days=7)), "end_time": stamp(now)}
        asked = {"limit": TRIED, "time": time, "event_type": {".tag": "file_add"}}
        questions = [
            FileQuestion(upload.actor.user.team_member_id, upload.assets[0].file_id, now)
            for upload in self._api.post(EVENTS, _Uploads, asked).events
            if upload.actor.user.team_member_id and upload.assets and upload.assets[0].file_id
        ]
        return self.looked_up(questions, _READ_FILES)

    own = (Check("plan", plan), Check("sizes", sizes))

    def seen(self, start: datetime, end: datetime) -> list[datetime]:
        """See ``Examination``; in no order."""
        time = {"start_time": stamp(start), "end_time": stamp(end)}
        answer = self._api.post(EVENTS, _Events, {"limit": 100, "time": time})
        for _ in range(PAGES):
            times = [time for time in (time_in(event.timestamp) for event in answer.events) if time]
            if times or not answer.has_more:
                return times
            answer = self._api.post(CONTINUE, _Events, {"cursor": answer.cursor})
        return []

    def oldest(self) -> datetime:
        """Return the beginning of the log."""
        return FIRST

    def quotas(self) -> tuple[Quota, ...]:
        """See ``Examination``."""
        configured = self._settings.requests_per_minute
        return (Quota("DROPBOX_REQUESTS_PER_MINUTE", configured, None, "Dropbox publishes no figure"),)

    def remedy(self, check: str, error: ConnectorError) -> str:
        """See ``Examination``."""
        if isinstance(error, SignInError) and error.code == "invalid_client":
            return (
                "App Console > the app > Settings: compare App key and App secret with DROPBOX_APP_KEY and "
                "DROPBOX_APP_SECRET."
            )
        if isinstance(error, SignInError):
            return f"The refresh token is wrong, of another app, or revoked: {_CONSENT}."
        if isinstance(error, AccessError) and check == "sizes":
            return _READ_FILES
        if isinstance(error, AccessError):
            return (
                "App Console > the app > Permissions > Team Scopes: tick events.read and team_info.read, and Submit. "
                f"Then {_CONSENT}."
            )
        return error.remedy


EXAMINATION = DropboxExamination
