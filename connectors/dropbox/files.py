"""Sizes of files in Dropbox, requested in the name of the team member who can see them.

A folder with several such files is listed; files that the list does not show are requested one by one, by id. If the
present version may not be the upload's, or the file is deleted, its revisions are requested: Dropbox keeps them after a
deletion, for a time that depends on the plan.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import requests

from connectors.core.errors import AccessError, AnswerError, RefusedError
from connectors.core.http import Api, Refusal, error_body, error_text, fits_header
from connectors.core.lenient import each, size_in, text_in, time_in
from connectors.core.lookups import BULK_FROM, Unreadable, grouped, in_parallel, is_overtaken
from connectors.core.retries import seconds_in
from connectors.core.types import FileQuestion, FileSize

__all__ = ["DropboxFiles", "read_refusal"]

FILE = "/2/files/get_metadata"
FOLDER = "/2/files/list_folder"
CONTINUE = "/2/files/list_folder/continue"
REVISIONS = "/2/files/list_revisions"
PAGE = 2000
MOST_REVISIONS = 100
"""Largest number of revisions by a file's id. More are listed only by path, which may now belong to another file."""
_REMEDY = (
    "Give the application the scopes files.metadata.read and team_data.member, and let a team administrator consent "
    "again."
)
_ONE_MEMBER = frozenset({"invalid_select_user", "user_suspended"})
_DENIED = ("path/restricted_content", "path/no_permission")


class _Entry(msgspec.Struct):
    tag: object = msgspec.field(default="file", name=".tag")
    id: object = ""
    size: object = None
    rev: object = ""
    # The client's own time may be the file's time on its disk, years ago.
    modified: object = msgspec.field(default=None, name="server_modified")


class _Entries(msgspec.Struct):
    entries: list[msgspec.Raw] = []
    cursor: str = ""
    has_more: bool = False


class _Revisions(msgspec.Struct):
    entries: list[msgspec.Raw] = []


class DropboxFiles:
    """Look-ups of file sizes in Dropbox.

    Args:
        api: Dropbox's API, with ``read_refusal``.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._unreadable = Unreadable()

    def look_up(self, questions: Sequence[FileQuestion]) -> Iterator[FileSize]:
        """Yield one answer per file, or one per revision.

        Raises:
            ConnectorError: Dropbox can't be used at all. A refused file or member is an answer, not an error.
        """
        return in_parallel(grouped(questions, lambda q: (q.user, q.folder_id)), self._group)

    def _group(self, asked: dict[tuple[str, str], FileQuestion]) -> Iterator[FileSize]:
        """Look up the files of one member in one folder."""
        first = next(iter(asked.values()))
        if not fits_header(first.user):
            yield from (FileSize(question.file_id, "denied") for question in asked.values())
            return
        api = self._api.with_headers({"Dropbox-API-Select-User": first.user})
        left = {question.file_id: question for question in asked.values()}
        try:
            if len(left) >= BULK_FROM:
                for entry in _listed(api, first.folder_id, left):
                    if question := left.get(text_in(entry.id)):
                        yield from _with_revisions(api, question, _size_of(question, entry))
                        left.pop(question.file_id, None)
            for file_id in list(left):
                try:
                    answer = _single(api, left[file_id])
                    self._unreadable.read()
                except AnswerError as error:
                    self._unreadable.bear(error)
                    answer = FileSize(file_id, "failed")
                yield from _with_revisions(api, left[file_id], answer)
                del left[file_id]
        except AccessError as error:
            if error.code not in _ONE_MEMBER:
                raise
            # The member left the team: then none of the files can be requested.
            yield from (FileSize(file_id, "denied") for file_id in left)


def _listed(api: Api, folder: str, left: dict[str, FileQuestion]) -> Iterator[_Entry]:
    """Yield a folder's entries until all files are found or single requests are cheaper than the next page."""
    pages = len(left)
    try:
        answer = api.post(FOLDER, _Entries, {"path": folder, "limit": PAGE})
        while True:
            yield from (entry for entry in each(answer.entries, _Entry) if entry.tag == "file")
            pages -= 1
            if not (left and pages and answer.has_more):
                return
            answer = api.post(CONTINUE, _Entries, {"cursor": answer.cursor})
    except RefusedError as error:
        # The folder was moved or deleted, its path is invalid, or the cursor is lost; each file still has its id.
        if error.status not in (400, 409):
            raise
    except AnswerError:
        # Each file is requested alone.
        return


def _single(api: Api, question: FileQuestion) -> FileSize:
    try:
        return _size_of(question, api.post(FILE, _Entry, {"path": question.file_id}))
    except RefusedError as error:
        if error.status == 409 and error.code.startswith("path/not_found"):
            return FileSize(question.file_id, "gone")
        if error.status == 409 and error.code.startswith(_DENIED):
            return FileSize(question.file_id, "denied")
        if error.status in (400, 409):
            return FileSize(question.file_id, "failed")
        raise


def _with_revisions(api: Api, question: FileQuestion, present: FileSize) -> Iterator[FileSize]:
    """Yield the present version and, if it may not be the upload's, the earlier ones."""
    gone = present.state == "gone"
    found: list[FileSize] = []
    if gone or (present.state == "found" and is_overtaken(question, present)):
        asked = {"path": question.file_id, "mode": "id", "limit": MOST_REVISIONS}
        try:
            answer = api.post(REVISIONS, _Revisions, asked)
            found = [_size_of(question, entry) for entry in each(answer.entries, _Entry)]
        except AnswerError:
            found = []
        except RefusedError as error:
            # Deleted for good, or too long ago.
            if error.status not in (400, 409):
                raise
    yield from found
    if not found or (not gone and present.version not in {version.version for version in found}):
        yield present


def _size_of(question: FileQuestion, entry: _Entry) -> FileSize:
    if entry.tag == "deleted":
        return FileSize(question.file_id, "gone")
    size, version, modified = size_in(entry.size), text_in(entry.rev), time_in(entry.modified)
    return FileSize(question.file_id, "found", size, version, modified)


def read_refusal(response: requests.Response) -> Refusal:
    """Parse an error answer of the file API; the code, such as ``path/not_found``, is taken from the summary."""
    body = error_body(response)
    error = body.get("error")
    remedy = _REMEDY if response.status_code in (401, 403) else ""
    if not isinstance(error, dict):
        return Refusal(message=error_text(response), remedy=remedy)
    # Dropbox appends a random number of dots to the summary, so that clients do not compare it whole.
    code = text_in(body.get("error_summary")).rstrip("./") or text_in(error.get(".tag"))
    return Refusal(code, text_in(body.get("user_message")), wait=seconds_in(error.get("retry_after")), remedy=remedy)
