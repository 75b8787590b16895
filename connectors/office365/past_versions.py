"""Uploads that are no longer the present version: earlier versions of a file, and the recycle bin."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple
from urllib.parse import parse_qs, quote, urlsplit

import msgspec

from connectors.core.errors import AnswerError, RefusedError
from connectors.core.http import Api
from connectors.core.lenient import each, size_in, text_in, time_in
from connectors.core.types import FileQuestion, FileSize

__all__ = ["Present", "in_bin", "versions", "versions_url"]

PAGE = 200
MOST_PAGES = 10
"""Upper bound on pages of a site's recycle bin: more pages mean that everything was deleted."""
logger = logging.getLogger(__name__)


class Present(NamedTuple):
    """A file as it is now, with the ids for requesting its versions; "" if there are none."""

    answer: FileSize
    drive: str = ""
    item: str = ""


class _Version(msgspec.Struct):
    id: object = ""
    size: object = None
    modified: object = msgspec.field(default=None, name="lastModifiedDateTime")


class _List(msgspec.Struct):
    value: list[msgspec.Raw] = []
    next_page: object = msgspec.field(default="", name="@odata.nextLink")


class _Binned(msgspec.Struct):
    name: object = ""
    size: object = None
    deleted: object = msgspec.field(default=None, name="deletedDateTime")
    location: object = msgspec.field(default="", name="deletedFromLocation")


def versions_url(present: Present) -> str:
    """Return the URL of a file's versions, which are listed newest first.

    Source: https://learn.microsoft.com/graph/api/driveitem-list-versions (least permission Files.Read.All, and
    Sites.Read.All does).
    """
    drive, item = quote(present.drive, safe="!"), quote(present.item, safe="")
    return f"/drives/{drive}/items/{item}/versions?$select=id,size,lastModifiedDateTime"


def versions(present: FileSize, body: msgspec.Raw | None) -> Iterator[FileSize]:
    """Yield the versions of a list, and those missing from it; the present one if there is no list.

    Versions are numbered, such as 3.0. If the number before is missing, that version was deleted or trimmed.

    Args:
        present: The file as it is now.
        body: The list; None if it was refused.
    """
    answer = next(each([body], _List), None) if body is not None else None
    listed = list(each(answer.value, _Version)) if answer is not None else []
    if not listed:
        yield present
        return
    numbers = {number for version in listed if (number := _number(version))}
    for version in listed:
        version_id, modified = text_in(version.id), time_in(version.modified)
        yield FileSize(present.file_id, "found", size_in(version.size), version_id, modified)
        number = _number(version)
        if number and not _follows(number, numbers):
            before = f"{number[0]}.{number[1] - 1}" if number[1] else f"{number[0] - 1}.0"
            yield FileSize(present.file_id, "gone", version=before, modified_at=modified)


def _number(version: _Version) -> tuple[int, int] | None:
    major, _, minor = text_in(version.id).partition(".")
    return (int(major), int(minor)) if major.isdecimal() and minor.isdecimal() else None


def _follows(number: tuple[int, int], numbers: set[tuple[int, int]]) -> bool:
    """Check whether the preceding version is listed, too; drafts between main versions may be missing."""
    major, minor = number
    if minor:
        return (major, minor - 1) in numbers or (major, minor) == (0, 1)
    return major <= 1 or any(other[0] == major - 1 for other in numbers)


def in_bin(api: Api, questions: Sequence[FileQuestion]) -> Iterator[FileSize]:
    """Look up files that are not found in the recycle bins of their sites.

    The bin shows neither the item's id nor its versions, so name and place must match exactly one deletion. Its size is
    the upload's if the log has no other save of the file, or of a file with the same name and place.

    Source: https://learn.microsoft.com/graph/api/recyclebin-list-items. Microsoft's worldwide cloud has it alone.
    """
    sites: dict[str, list[FileQuestion]] = defaultdict(list)
    for question in questions:
        sites[question.site_id].append(question)
    for site, asked in sites.items():
        wanted = {question.file_name.lower() for question in asked if question.file_name}
        found = _binned(api, site, wanted) if wanted else {}
        for question in asked:
            sizes = {
                size_in(item.size)
                for item in found.get(question.file_name.lower(), ())
                if _is_of(item, question.folder, question.since)
            }
            size = sizes.pop() if len(sizes) == 1 else None
            if size is None:
                yield FileSize(question.file_id, "gone")
            else:
                modified = question.since if question.saves == 1 else None
                yield FileSize(question.file_id, "found", size, "", modified)


def _is_of(item: _Binned, folder: str, since: datetime) -> bool:
    """Check whether an item in the bin was deleted from this place, at or after this time."""
    deleted = time_in(item.deleted)
    place, asked = (text.strip("/").lower() for text in (text_in(item.location), folder))
    return deleted is not None and deleted >= since and (place == asked or place.endswith(f"/{asked}"))


def _binned(api: Api, site: str, wanted: set[str]) -> dict[str, list[_Binned]]:
    """Return the items in a site's recycle bin that have these names."""
    found: dict[str, list[_Binned]] = defaultdict(list)
    parameters: dict[str, str | int] = {"$select": "id,name,size,deletedDateTime,deletedFromLocation", "$top": PAGE}
    try:
        for _ in range(MOST_PAGES):
            answer = api.get(f"/v1.0/sites/{quote(site, safe='')}/recycleBin/items", _List, parameters)
            for item in each(answer.value, _Binned):
                name = text_in(item.name).lower()
                if name in wanted:
                    found[name].append(item)
            # A link may name any host, and a token must not go there.
            mark = parse_qs(urlsplit(text_in(answer.next_page)).query).get("$skiptoken")
            if not mark or parameters.get("$skiptoken") == mark[0]:
                return found
            parameters["$skiptoken"] = mark[0]
    except (AnswerError, RefusedError, ValueError) as error:
        logger.warning("office365: the recycle bin of a site can't be read: %s", error)
        return {}
    return found
