"""Checks of a deployment's access to Box."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec

from connectors.box.audit_log import open_api
from connectors.box.settings import BoxSettings
from connectors.box.stream import PATH
from connectors.core.errors import AccessError, ConnectorError, SignInError
from connectors.core.lenient import time_in
from connectors.core.time_ranges import stamp
from connectors.core.types import FileQuestion
from connectors.doctor.examination import Check, Context, Examination, Quota, read
from connectors.doctor.findings import CheckResult, State

__all__ = ["EXAMINATION", "BoxExamination"]

_MANAGER = (
    "Admin Console > Integrations (Apps in some tenants) > Platform Apps Manager > Server Authentication Apps: find "
    "the app by its Client ID"
)
_APP = "Developer Console > My Platform Apps > the app"
_READ_FILES = (
    f"{_APP} > Configuration: App Access Level 'App + Enterprise Access', Application Scopes 'Read all files and "
    f"folders', and 'Make API calls using the as-user header'; save. Then {_MANAGER}, and choose Reauthorize App."
)
TRIED = 20
"""Number of uploads whose sizes are looked up as a trial: some of their users may have left."""


class _Account(msgspec.Struct):
    id: str | int = ""


class _File(msgspec.Struct):
    item_id: str | int = ""
    item_type: str = ""


class _Event(msgspec.Struct):
    created_at: object = None


class _Upload(_Event):
    created_by: _Account | None = None
    source: _File | None = None


class _Events(msgspec.Struct):
    entries: list[_Event]


class _Uploads(msgspec.Struct):
    entries: list[_Upload]


class BoxExamination(Examination):
    """See ``Examination``."""

    kind = BoxSettings

    def __init__(self, environment: Mapping[str, str], context: Context) -> None:
        super().__init__(environment, context)
        self._settings = read(BoxSettings, environment)
        self._api = open_api(self._settings, context.watch, context.time)

    def configuration(self) -> CheckResult:
        """See ``Examination``."""
        return CheckResult(State.OK, f"complete; asks {self._settings.api_url}")

    def sign_in(self) -> CheckResult:
        """See ``Examination``."""
        self._api.sign_in()
        return CheckResult(
            State.OK, f"signed in as the app's service account of enterprise {self._settings.enterprise_id}"
        )

    def audit_log(self) -> CheckResult:
        """See ``Examination``: the history, and the stream that brings late events."""
        self._api.get(PATH, _Events, {"stream_type": "admin_logs", "limit": 1})
        self._api.get(PATH, _Events, {"stream_type": "admin_logs_streaming", "limit": 1, "stream_position": "now"})
        return CheckResult(State.OK, "the enterprise's events may be read: admin_logs and admin_logs_streaming")

    def sizes(self) -> CheckResult:
        """Check whether sizes may be requested in the name of the uploaders."""
        if not self.context.recovers_sizes:
            return CheckResult(State.OK, "off: nearly all uploads are logged with their sizes")
        window: dict[str, str | int] = {"stream_type": "admin_logs", "event_type": "UPLOAD", "limit": TRIED}
        window["created_after"] = stamp(self.context.now - timedelta(days=7))
        questions = [
            FileQuestion(str(upload.created_by.id), str(upload.source.item_id), self.context.now)
            for upload in self._api.get(PATH, _Uploads, window).entries
            if upload.created_by and upload.source and upload.source.item_type == "file"
        ]
        return self.looked_up(questions, _READ_FILES)

    own = (Check("sizes", sizes),)

    def seen(self, start: datetime, end: datetime) -> list[datetime]:
        """See ``Examination``; the oldest of the window come first."""
        window: dict[str, str | int] = {"stream_type": "admin_logs", "limit": 500, "created_after": stamp(start)}
        if end < self.context.now:
            # A bound in the future is an error.
            window["created_before"] = stamp(end)
        times = (time_in(event.created_at) for event in self._api.get(PATH, _Events, window).entries)
        return [time for time in times if time]

    def quotas(self) -> tuple[Quota, ...]:
        """See ``Examination``."""
        configured = self._settings.requests_per_minute
        return (Quota("BOX_REQUESTS_PER_MINUTE", configured, 1000, "Box allows about 1,000 a user"),)

    def remedy(self, check: str, error: ConnectorError) -> str:
        """See ``Examination``."""
        if isinstance(error, SignInError):
            return (
                f"{_APP} > Configuration: compare Client ID and Client Secret with BOX_CLIENT_ID and "
                "BOX_CLIENT_SECRET, and General Settings > Enterprise ID with BOX_ENTERPRISE_ID. Then "
                f"{_MANAGER}; it must be authorized and enabled."
            )
        if isinstance(error, AccessError) and check == "sizes":
            return _READ_FILES
        if isinstance(error, AccessError):
            return (
                f"{_APP} > Configuration > Application Scopes: tick 'Manage enterprise properties' and save. Then "
                f"{_MANAGER}, and choose Reauthorize App: a changed scope holds only after that."
            )
        return error.remedy


EXAMINATION = BoxExamination
