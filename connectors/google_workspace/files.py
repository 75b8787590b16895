"""Sizes of files in Google Drive, requested in bulk as the user who can see them.

A file in the bin still has its size. If the present version may not be the upload's, the file's revisions are
requested: Drive keeps those of a blob for 30 days, or the latest hundred.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from urllib.parse import quote

import msgspec

from connectors.core.errors import AccessError, AnswerError, RefusedError, SignInError
from connectors.core.http import Api
from connectors.core.lenient import each, size_in, text_in, time_in
from connectors.core.lookups import BULK_FROM, Unreadable, grouped, in_parallel, is_overtaken
from connectors.core.time_ranges import stamp
from connectors.core.types import FileQuestion, FileSize

__all__ = ["SCOPE", "DriveSizes"]

SCOPE = "https://www.googleapis.com/auth/drive.metadata.readonly"
PATH = "/drive/v3/files"
FIELDS = "id,size,headRevisionId,modifiedTime"
REVISIONS = "id,size,modifiedTime"
MOST_REVISIONS = 1000
MARGIN = timedelta(hours=1)
_DENIED_SIGN_IN = frozenset({"unauthorized_client", "invalid_grant", "access_denied"})
_SWITCHED_OFF = frozenset({"accessNotConfigured", "SERVICE_DISABLED"})
logger = logging.getLogger(__name__)


class _File(msgspec.Struct):
    id: str = ""
    size: object = None
    version: object = msgspec.field(default=None, name="headRevisionId")
    modified: object = msgspec.field(default=None, name="modifiedTime")

    def size_of(self, file_id: str) -> FileSize:
        # Folders and shortcuts have no size.
        return FileSize(file_id, "found", size_in(self.size), text_in(self.version), time_in(self.modified))


class _Files(msgspec.Struct):
    files: list[msgspec.Raw] = []
    next_page: str | None = msgspec.field(default=None, name="nextPageToken")


class _Revision(msgspec.Struct):
    id: object = ""
    size: object = None
    modified: object = msgspec.field(default=None, name="modifiedTime")


class _Revisions(msgspec.Struct):
    revisions: list[msgspec.Raw] = []


class DriveSizes:
    """Look-ups of file sizes in Google Drive.

    Args:
        api_for: Returns Drive's API as a user sees it.
    """

    def __init__(self, api_for: Callable[[str], Api]) -> None:
        self._api_for = api_for
        self._apis: dict[str, Api] = {}
        self._unreadable = Unreadable()

    def look_up(self, questions: Sequence[FileQuestion]) -> Iterator[FileSize]:
        """Yield one answer per file, or one per revision; if several users are named for a file, the best of theirs.

        Raises:
            ConnectorError: Drive can't be used at all. A refusal for one user is an answer, not an error.
        """
        groups = grouped(questions, lambda q: (q.user,))
        waiting = Counter(file_id for group in groups for file_id, _ in group)
        denied: set[str] = set()
        for answer in in_parallel(groups, self._of_user):
            if answer.state == "found":
                waiting[answer.file_id] = 0
                yield answer
                continue
            if not waiting[answer.file_id]:
                continue
            waiting[answer.file_id] -= 1
            if answer.state == "denied":
                denied.add(answer.file_id)
            if not waiting[answer.file_id]:
                yield FileSize(answer.file_id, "denied" if answer.file_id in denied else answer.state)

    def _of_user(self, asked: dict[tuple[str, str], FileQuestion]) -> Iterator[FileSize]:
        user = next(iter(asked.values())).user
        left = {question.file_id: question for question in asked.values()}
        if "@" not in user:
            yield from (FileSize(file_id, "denied") for file_id in left)
            return
        api = self._apis.setdefault(user, self._api_for(user))
        try:
            if len(left) >= BULK_FROM:
                for answer in _listed(api, left):
                    yield from _with_revisions(api, left.pop(answer.file_id), answer)
            for file_id in list(left):
                try:
                    answer = _single(api, file_id)
                    self._unreadable.read()
                except AnswerError as error:
                    self._unreadable.bear(error)
                    answer = FileSize(file_id, "failed")
                yield from _with_revisions(api, left.pop(file_id), answer)
        except RefusedError as error:
            if not _one_user_only(error):
                raise
            logger.warning("google_workspace: the files of %s can't be looked up: %s", user, error)
            yield from (FileSize(file_id, "denied") for file_id in left)


def _listed(api: Api, left: dict[str, FileQuestion]) -> Iterator[FileSize]:
    """List what changed since the first event, and yield the wanted files among it.

    Ends when all were found, or when single requests are cheaper than the next page. A yielded file is removed from
    ``left`` before the next is requested.
    """
    since = stamp(min(question.since for question in left.values()) - MARGIN)
    parameters: dict[str, str | int] = {
        # A syncing client sends the file's time on its disk as the time of the change.
        "q": f"modifiedTime > '{since}' or createdTime > '{since}'",
        "corpora": "user",
        "includeItemsFromAllDrives": "true",
        "supportsAllDrives": "true",
        "pageSize": 1000,
        "fields": f"nextPageToken,files({FIELDS})",
    }
    for _ in range(len(left)):
        try:
            answer = api.get(PATH, _Files, parameters)
        except AnswerError as error:
            # Each file is requested alone.
            logger.warning("google_workspace: a list of files can't be read: %s", error)
            return
        for file in each(answer.files, _File):
            if file.id in left:
                yield file.size_of(file.id)
        if not left or not answer.next_page or answer.next_page == parameters.get("pageToken"):
            return
        parameters["pageToken"] = answer.next_page


def _single(api: Api, file_id: str) -> FileSize:
    path, parameters = f"{PATH}/{quote(file_id, safe='')}", {"fields": FIELDS, "supportsAllDrives": "true"}
    try:
        return api.get(path, _File, parameters).size_of(file_id)
    except RefusedError as error:
        if error.status == 404:
            return FileSize(file_id, "gone")
        if error.status == 403 and _one_user_only(error):
            return FileSize(file_id, "denied")
        raise


def _with_revisions(api: Api, question: FileQuestion, present: FileSize) -> Iterator[FileSize]:
    """Yield the present version and, if it may not be the upload's, the earlier ones."""
    yield present
    if present.state != "found" or not is_overtaken(question, present):
        return
    path = f"{PATH}/{quote(question.file_id, safe='')}/revisions"
    parameters: dict[str, str | int] = {"fields": f"revisions({REVISIONS})", "pageSize": MOST_REVISIONS}
    try:
        answer = api.get(path, _Revisions, parameters)
    except AnswerError as error:
        logger.warning("google_workspace: revisions can't be read: %s", error)
        return
    except RefusedError as error:
        # Users who may only read a file can't list its revisions.
        if error.status != 404 and not (error.status == 403 and _one_user_only(error)):
            raise
        return
    for revision in each(answer.revisions, _Revision):
        version = text_in(revision.id)
        if version != present.version:
            yield FileSize(question.file_id, "found", size_in(revision.size), version, time_in(revision.modified))


def _one_user_only(error: RefusedError) -> bool:
    """Check whether a refusal concerns the impersonated user only, not the whole set-up."""
    if isinstance(error, SignInError):
        return error.code in _DENIED_SIGN_IN
    return isinstance(error, AccessError) and error.code not in _SWITCHED_OFF
