"""Sizes of files in Google Drive, asked in bulk as the user who can see them."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import quote

import msgspec

from connectors.base import FileQuestion, FileSize
from connectors.errors import AccessError, RefusedError, SignInError
from connectors.http import Api
from connectors.spans import stamp

__all__ = ["SCOPE", "DriveSizes"]

SCOPE = "https://www.googleapis.com/auth/drive.metadata.readonly"
PATH = "/drive/v3/files"
FIELDS = "id,size,headRevisionId,modifiedTime,trashed"
BULK_FROM = 3
"""So many files of one user are worth a list of what that user's files changed."""
LIST_PAGES = 50
"""A list of so many pages (1000 files each) costs more than asking for the files one by one."""
SINGLES = 1000
"""Files of one user asked one by one in one call; those beyond get no answer, and are asked the next time."""
MARGIN = timedelta(hours=1)
_DENIED_SIGN_IN = frozenset({"unauthorized_client", "invalid_grant", "access_denied"})
_SWITCHED_OFF = frozenset({"accessNotConfigured", "SERVICE_DISABLED"})
logger = logging.getLogger(__name__)


class _File(msgspec.Struct):
    id: str
    size: str | int | None = None
    version: str = msgspec.field(default="", name="headRevisionId")
    modified: datetime | None = msgspec.field(default=None, name="modifiedTime")
    trashed: bool = False

    def told(self) -> FileSize:
        if self.trashed:
            return FileSize(self.id, "gone")
        # Folders and shortcuts have no size.
        size = None if self.size is None else int(self.size)
        return FileSize(self.id, "found", size, self.version, self.modified)


class _Files(msgspec.Struct):
    files: list[_File] = []
    next_page: str | None = msgspec.field(default=None, name="nextPageToken")


class DriveSizes:
    """Looks sizes up.

    Args:
        api_for: Gives Drive's API as a user sees it.
    """

    def __init__(self, api_for: Callable[[str], Api]) -> None:
        self._api_for = api_for
        self._apis: dict[str, Api] = {}

    def look_up(self, questions: Sequence[FileQuestion]) -> Iterator[FileSize]:
        """One answer per file; where several users are named for it, the best of theirs.

        Raises:
            ConnectorError: Drive can't be used at all. That one user's files can't be seen is no error.
        """
        asked: dict[str, dict[str, datetime]] = {}
        for question in questions:
            files = asked.setdefault(question.user, {})
            files[question.file_id] = min(question.since, files.get(question.file_id, question.since))
        waiting = Counter(file_id for files in asked.values() for file_id in files)
        denied: set[str] = set()
        for user, files in asked.items():
            wanted = {file_id: since for file_id, since in files.items() if waiting[file_id]}
            for answer in self._of_user(user, wanted):
                waiting[answer.file_id] -= 1
                if answer.state == "denied":
                    denied.add(answer.file_id)
                if answer.state == "found":
                    waiting[answer.file_id] = 0
                    yield answer
                elif not waiting[answer.file_id]:
                    yield FileSize(answer.file_id, "denied" if answer.file_id in denied else answer.state)

    def _of_user(self, user: str, files: Mapping[str, datetime]) -> Iterator[FileSize]:
        if "@" not in user:
            yield from (FileSize(file_id, "denied") for file_id in files)
            return
        api = self._apis.setdefault(user, self._api_for(user))
        left = dict(files)
        try:
            if len(files) >= BULK_FROM:
                for answer in self._listed(api, files):
                    del left[answer.file_id]
                    yield answer
            if len(left) > SINGLES:
                logger.warning("google_workspace: %d files of %s are left for the next look-up", len(left), user)
            for file_id in list(left)[:SINGLES]:
                answer = _single(api, file_id)
                del left[file_id]
                yield answer
        except RefusedError as error:
            if not _one_user_only(error):
                raise
            logger.warning("google_workspace: the files of %s can't be looked up: %s", user, error)
            yield from (FileSize(file_id, "denied") for file_id in left)

    def _listed(self, api: Api, files: Mapping[str, datetime]) -> Iterator[FileSize]:
        """Those of the files that are among what changed since the first event; ends when all were met."""
        parameters: dict[str, str | int] = {
            "q": f"modifiedTime > '{stamp(min(files.values()) - MARGIN)}'",
            "corpora": "user",
            "includeItemsFromAllDrives": "true",
            "supportsAllDrives": "true",
            "pageSize": 1000,
            "fields": f"nextPageToken,files({FIELDS})",
        }
        left = set(files)
        for _ in range(LIST_PAGES):
            answer = api.get(PATH, _Files, parameters)
            for file in answer.files:
                if file.id in left:
                    left.discard(file.id)
                    yield file.told()
            if not left or not answer.next_page or answer.next_page == parameters.get("pageToken"):
                return
            parameters["pageToken"] = answer.next_page


def _single(api: Api, file_id: str) -> FileSize:
    try:
        return api.get(
            f"{PATH}/{quote(file_id, safe='')}", _File, {"fields": FIELDS, "supportsAllDrives": "true"}
        ).told()
    except RefusedError as error:
        if error.status == 404:
            return FileSize(file_id, "gone")
        if error.status == 403 and _one_user_only(error):
            return FileSize(file_id, "denied")
        raise


def _one_user_only(error: RefusedError) -> bool:
    """Whether a refusal is about the user acted as, not about the whole set-up."""
    if isinstance(error, SignInError):
        return error.code in _DENIED_SIGN_IN
    return isinstance(error, AccessError) and error.code not in _SWITCHED_OFF
