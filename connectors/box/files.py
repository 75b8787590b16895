"""Sizes of files in Box, requested in the name of an account of the enterprise that can see them.

A folder with several such files is listed, the latest first; files that the list does not show are requested one by
one. The log names the version that was uploaded. Box still describes that version when the file has a newer one. A file
that is not found is looked up in the bin.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import quote

import msgspec

from connectors.core.errors import AccessError, AnswerError, RefusedError
from connectors.core.http import Api, fits_header
from connectors.core.lenient import each, size_in, text_in, time_in
from connectors.core.lookups import BULK_FROM, Unreadable, grouped, in_parallel
from connectors.core.types import FileQuestion, FileSize

__all__ = ["BoxFiles"]

FIELDS = "id,type,size,modified_at,file_version"
PAGE = 1000
LAST_OFFSET = 10_000
"""Largest offset that Box accepts."""
REFUSALS = 3
"""Refusals in a row after which the account's other files are not requested: it may have left."""
_WHOLE = frozenset({"insufficient_scope", "unauthorized"})
"""Codes of refusals that concern the application, not a file or an account."""


class _Version(msgspec.Struct):
    id: object = None


class _Item(msgspec.Struct):
    id: object = None
    type: object = "file"
    size: object = None
    modified: object = msgspec.field(default=None, name="modified_at")
    version: msgspec.Raw = msgspec.field(default=msgspec.Raw(b"{}"), name="file_version")

    @property
    def version_id(self) -> str:
        return next((text_in(version.id) for version in each([self.version], _Version)), "")


class _Items(msgspec.Struct):
    entries: list[msgspec.Raw] = []
    total: object = msgspec.field(default=0, name="total_count")


class BoxFiles:
    """Look-ups of file sizes in Box.

    Args:
        api: Box's API.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._unreadable = Unreadable()

    def look_up(self, questions: Sequence[FileQuestion]) -> Iterator[FileSize]:
        """Yield one answer per file and version.

        Raises:
            ConnectorError: Box can't be used at all. A refused file or account is an answer, not an error.
        """
        return in_parallel(grouped(questions, lambda q: (q.user, q.folder_id)), self._group)

    def _group(self, asked: dict[tuple[str, str], FileQuestion]) -> Iterator[FileSize]:
        """Look up the files of one account in one folder."""
        first = next(iter(asked.values()))
        if not fits_header(first.user):
            yield from (
                FileSize(question.file_id, "denied", asked_version=question.version) for question in asked.values()
            )
            return
        api = self._api.with_headers({"As-User": first.user})
        by_file: dict[str, list[FileQuestion]] = {}
        for question in asked.values():
            by_file.setdefault(question.file_id, []).append(question)
        if len(by_file) >= BULK_FROM and first.folder_id:
            for item in _listed(api, first.folder_id, by_file):
                for question in by_file.pop(text_in(item.id), ()):
                    yield _of_version(api, question, item)
        refused = 0
        for question in [question for questions in by_file.values() for question in questions]:
            if refused == REFUSALS:
                yield FileSize(question.file_id, "denied", asked_version=question.version)
                continue
            try:
                answer = _single(api, question)
                self._unreadable.read()
            except AnswerError as error:
                self._unreadable.bear(error)
                answer = FileSize(question.file_id, "failed", asked_version=question.version)
            refused = refused + 1 if answer.state == "denied" else 0
            yield answer


def _listed(api: Api, folder: str, left: Mapping[str, object]) -> Iterator[_Item]:
    """Yield a folder's items until all files are found or single requests are cheaper than the next page."""
    offset, pages = 0, len(left)
    while left and pages and offset <= LAST_OFFSET:
        parameters: dict[str, str | int] = {
            "fields": FIELDS,
            "limit": PAGE,
            "offset": offset,
            # Folders come first whatever is asked for; among files the latest.
            "sort": "date",
            "direction": "DESC",
        }
        try:
            answer = api.get(f"/2.0/folders/{quote(folder, safe='')}/items", _Items, parameters)
        except RefusedError as error:
            if _about_all(error):
                raise
            # The folder is gone or hidden from this account; a file in it may still be visible.
            return
        except AnswerError:
            # Each file is requested alone.
            return
        yield from (item for item in each(answer.entries, _Item) if item.type == "file")
        offset, pages = offset + PAGE, pages - 1
        if offset >= (size_in(answer.total) or 0) or not answer.entries:
            return


def _single(api: Api, question: FileQuestion) -> FileSize:
    path = f"/2.0/files/{quote(question.file_id, safe='')}"
    try:
        item = api.get(path, _Item, {"fields": FIELDS})
    except RefusedError as error:
        answer = _refused(question, error)
        return _in_bin(api, question, path) if answer.state == "gone" else answer
    return _of_version(api, question, item)


def _in_bin(api: Api, question: FileQuestion, path: str) -> FileSize:
    """Return the size of a file in the bin; ``gone`` if one of its folders went there before it."""
    try:
        item = api.get(f"{path}/trash", _Item, {"fields": FIELDS})
    except AnswerError:
        return FileSize(question.file_id, "gone", asked_version=question.version)
    except RefusedError as error:
        return _refused(question, error)
    return _of_version(api, question, item)


def _of_version(api: Api, question: FileQuestion, item: _Item) -> FileSize:
    """Return the size of the uploaded version, or of the present one if Box no longer has it."""
    present = _found(question, item, item.version_id)
    if question.version in ("", present.version):
        return present
    path = f"/2.0/files/{quote(question.file_id, safe='')}/versions/{quote(question.version, safe='')}"
    try:
        found = api.get(path, _Item, {"fields": "id,size,modified_at"})
    except AnswerError:
        return present
    except RefusedError as error:
        if _about_all(error):
            raise
        return present
    return _found(question, found, text_in(found.id))


def _found(question: FileQuestion, item: _Item, version: str) -> FileSize:
    size, modified = size_in(item.size), time_in(item.modified)
    return FileSize(question.file_id, "found", size, version, modified, question.version)


def _refused(question: FileQuestion, error: RefusedError) -> FileSize:
    if _about_all(error):
        raise error
    states = {404: "gone", 410: "gone", 401: "denied", 403: "denied"}
    return FileSize(question.file_id, states.get(error.status, "failed"), asked_version=question.version)


def _about_all(error: RefusedError) -> bool:
    return isinstance(error, AccessError) and error.code in _WHOLE
