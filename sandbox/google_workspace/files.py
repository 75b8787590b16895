"""Google Drive: sizes and versions of files, as seen by the account that a token acts as."""

from __future__ import annotations

import base64
import re
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.base.addresses import Addresses
from sandbox.base.clock import Clock, parse_time, write_time
from sandbox.base.credentials import Tokens
from sandbox.base.data import Events
from sandbox.base.files import Files
from sandbox.base.people import person, responsible
from sandbox.base.responses import Refusal, json_response
from sandbox.google_workspace.activities import document_id
from sandbox.google_workspace.audit_log import DRIVE_SCOPE, authorised, error

DEFAULT_PAGE = 100
MAXIMUM_PAGE = 1000
LISTS_KEPT = 64
_LISTED = "nextPageToken,files(kind,id,name,mimeType)"
_SHOWN = "kind,id,name,mimeType"
_REVISIONS = "revisions(id,mimeType,kind,modifiedTime)"
_MODIFIED_SINCE = re.compile(
    r"^\s*modifiedTime\s*>\s*'([^']+)'\s*(?:or\s+createdTime\s*>\s*'\1'\s*)?(?:and\s+trashed\s*=\s*(true|false)\s*)?$"
)


def too_many_requests(_wait: int | str) -> Refusal:
    """Return the answer to a client that exceeds the rate limit."""
    return error(403, "userRateLimitExceeded", "User Rate Limit Exceeded", "PERMISSION_DENIED", "usageLimits")


class PageToken(msgspec.Struct, array_like=True):
    """A list in progress: the remaining rows changed after `since` and come after `row`."""

    query: str
    row: int
    now: int


class GoogleDrive:
    """The files of one customer."""

    def __init__(self, events: Events, files: Files, addresses: Addresses, clock: Clock, tokens: Tokens) -> None:
        self._events, self._files, self._addresses = events, files, addresses
        self._clock, self._tokens = clock, tokens
        self._lists: dict[tuple[str, str, int], list[int]] = {}

    def routes(self) -> list[Route]:
        """Return the served paths."""
        return [
            Route("/drive/v3/files", self.list_files),
            Route("/drive/v3/files/{id}", self.get_file),
            Route("/drive/v3/files/{id}/revisions", self.list_revisions),
        ]

    async def get_file(self, request: Request) -> Response:
        """Answer `GET /drive/v3/files/{id}`; 404 if the file is gone or the account can't see it."""
        row = self._seen(request)
        wanted, _ = _fields(request.query_params.get("fields", _SHOWN))
        return json_response(self._file(row, wanted))

    async def list_revisions(self, request: Request) -> Response:
        """Answer `GET /drive/v3/files/{id}/revisions`, the oldest first; also for a file in the bin."""
        row = self._seen(request)
        _, wanted = _fields(request.query_params.get("fields", _REVISIONS), "revisions")
        rows = self._files.versions(self._events.file[row], self._clock.now).values()
        return json_response({"revisions": [self._revision(row, wanted) for row in rows]})

    def _seen(self, request: Request) -> int:
        subject = authorised(self._tokens, request, DRIVE_SCOPE)
        file_id = request.path_params["id"]
        row = self._files.head(file_id[1:], self._clock.now)
        if row is None or not self._sees(subject, row):
            raise error(404, "notFound", f"File not found: {file_id}.", "NOT_FOUND")
        return row

    def _revision(self, row: int, wanted: set[str]) -> dict[str, Any]:
        version = self._file(row, {"headRevisionId", "mimeType", "modifiedTime", "size"})
        described = {"kind": "drive#revision", "id": version.pop("headRevisionId"), **version}
        return described if "*" in wanted else {name: described[name] for name in described if name in wanted}

    async def list_files(self, request: Request) -> Response:
        """Answer `GET /drive/v3/files`: the account's files changed after a time, in pages."""
        subject = authorised(self._tokens, request, DRIVE_SCOPE)
        query = request.query_params
        size = query.get("pageSize", str(DEFAULT_PAGE))
        if not size.isdecimal() or not 1 <= int(size) <= MAXIMUM_PAGE:
            message = f"Invalid value '{size}'. Values must be within the range: [1, {MAXIMUM_PAGE}]"
            raise error(400, "invalidParameter", message, "INVALID_ARGUMENT")
        if query.get("corpora", "user") != "user":
            raise error(400, "invalid", "This sandbox lists the corpora user only", "INVALID_ARGUMENT")
        search = query.get("q", "")
        token = _read_token(query["pageToken"], search) if "pageToken" in query else None
        token = token or PageToken(search, -1, self._clock.now)
        rows = [row for row in self._matching(subject, search, token.now) if row > token.row]
        page, rest = rows[: int(size)], rows[int(size) :]
        outer, wanted = _fields(query.get("fields", _LISTED))
        body: dict[str, Any] = {"files": [self._file(row, wanted) for row in page]}
        if rest and {"nextPageToken", "*"} & outer:
            body["nextPageToken"] = _write_token(PageToken(search, page[-1], token.now))
        return json_response(body)

    def _matching(self, subject: str, search: str, now: int) -> list[int]:
        """Return the rows that a search finds; cached, since every page of a list needs them."""
        asked = (subject, search, now)
        if asked not in self._lists:
            if len(self._lists) >= LISTS_KEPT:
                del self._lists[next(iter(self._lists))]
            self._lists[asked] = self._find(subject, search, now)
        return self._lists[asked]

    def _find(self, subject: str, search: str, now: int) -> list[int]:
        since, trashed = 0, None
        if search:
            found = _MODIFIED_SINCE.match(search)
            time = parse_time(found[1], zone_required=False) if found else None
            if found is None or time is None:
                raise error(400, "invalid", "Invalid Value", "INVALID_ARGUMENT")
            since, trashed = time, found[2]
        rows = self._files.heads_of(subject, since, now)
        if trashed is None:
            return rows
        return [row for row in rows if self._trashed(row) == (trashed == "true")]

    def _sees(self, subject: str, row: int) -> bool:
        uploader = person(self._events.user[row])
        return subject in (uploader.email.lower(), responsible(uploader).email)

    def _trashed(self, row: int) -> bool:
        return self._files.deleted(self._events.file[row], row, self._clock.now)

    def _file(self, row: int, wanted: set[str]) -> dict[str, Any]:
        """Return the requested fields. A size is text, and omitted if the file has none."""
        events = self._events
        owner = self._addresses.primary(responsible(person(events.user[row])).email, self._clock.now)
        modified = write_time(int(events.time[row]), "ms")
        described: dict[str, Any] = {
            "kind": "drive#file",
            "id": document_id(events.file[row]),
            "name": events.file_name[row],
            "mimeType": "application/octet-stream",
            "trashed": self._trashed(row),
            "modifiedTime": modified,
            "headRevisionId": f"0B{events.key[row]}",
            "owners": [{"kind": "drive#user", "emailAddress": owner}],
        }
        if events.size[row] >= 0:
            described["size"] = described["quotaBytesUsed"] = str(events.size[row])
        return described if "*" in wanted else {name: described[name] for name in described if name in wanted}


def _fields(mask: str, of: str = "files") -> tuple[set[str], set[str]]:
    """Return the names in a mask such as `nextPageToken,files(id,size)`: the outer ones and those of a file."""
    inner = re.search(rf"{of}\((.*)\)", mask)
    outer = {name.strip() for name in re.sub(r"\(.*\)", "", mask).split(",")}
    names = re.sub(r"\([^)]*\)", "", inner[1] if inner else "").split(",")
    return outer, {name.strip() for name in names} if inner else {"*"}


def _write_token(token: PageToken) -> str:
    return "~!!~" + base64.urlsafe_b64encode(msgspec.msgpack.encode(token)).decode()


def _read_token(text: str, search: str) -> PageToken:
    try:
        token = msgspec.msgpack.decode(base64.urlsafe_b64decode(text.removeprefix("~!!~")), type=PageToken)
    except (ValueError, msgspec.MsgspecError):
        token = None
    if token is None or token.query != search:
        raise error(400, "invalid", "Invalid Value", "INVALID_ARGUMENT")
    return token
