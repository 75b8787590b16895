"""Dropbox: metadata of files, and contents of folders, as the team member in `Dropbox-API-Select-User` sees them."""

from __future__ import annotations

import base64
from functools import cached_property
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.base.clock import Clock, write_time
from sandbox.base.credentials import Tokens
from sandbox.base.data import Events
from sandbox.base.files import Files
from sandbox.base.people import Person, digest, person
from sandbox.base.responses import Refusal, json_response
from sandbox.dropbox.events import file_id, member_id

MAXIMUM_LIMIT = 2000
MAXIMUM_REVISIONS = 100
_T = TypeVar("_T")


class Path(msgspec.Struct):
    """The argument of get_metadata."""

    path: str


class Folder(msgspec.Struct):
    """The argument of list_folder."""

    path: str
    limit: int = 500


class Revisions(msgspec.Struct):
    """The argument of list_revisions."""

    path: str
    mode: str = "path"
    limit: int = 10


class Continuation(msgspec.Struct):
    """The argument of list_folder/continue."""

    cursor: str


class Cursor(msgspec.Struct, array_like=True):
    """A list in progress."""

    member: str
    path: str
    limit: int
    offset: int


class DropboxFiles:
    """The files of one team."""

    def __init__(self, events: Events, files: Files, clock: Clock, tokens: Tokens) -> None:
        self._events, self._files, self._clock, self._tokens = events, files, clock, tokens

    def routes(self) -> list[Route]:
        """Return the served paths."""
        return [
            Route("/2/files/get_metadata", self.get_metadata, methods=["POST"]),
            Route("/2/files/list_revisions", self.list_revisions, methods=["POST"]),
            Route("/2/files/list_folder", self.list_folder, methods=["POST"]),
            Route("/2/files/list_folder/continue", self.list_folder_continue, methods=["POST"]),
        ]

    async def get_metadata(self, request: Request) -> Response:
        """Answer `POST /2/files/get_metadata` for a path that is an id; 409 if the file is gone."""
        member, argument = await self._asked(request, "files/get_metadata", Path)
        if not argument.path.startswith("id:"):
            raise _malformed("files/get_metadata", "path: this sandbox knows files by their id only")
        row = self._files.head(self._by_id.get(argument.path, ""), self._clock.now)
        if row is None or not self._has(member, row):
            raise _path_error("not_found")
        return json_response(self._entry(row))

    async def list_revisions(self, request: Request) -> Response:
        """Answer `POST /2/files/list_revisions` by a file's id, the newest first; also for a deleted file."""
        member, argument = await self._asked(request, "files/list_revisions", Revisions)
        if argument.mode != "id" or not argument.path.startswith("id:"):
            raise _malformed("files/list_revisions", "mode: this sandbox lists revisions by id only")
        if not 1 <= argument.limit <= MAXIMUM_REVISIONS:
            raise _malformed("files/list_revisions", "limit: must be from 1 to 100")
        file, now = self._by_id.get(argument.path, ""), self._clock.now
        rows = list(self._files.versions(file, now).values())[::-1]
        if not rows or self._events.user[rows[0]].lower() != member.email.lower():
            raise _path_error("not_found")
        body: dict[str, Any] = {"is_deleted": False, "has_more": len(rows) > argument.limit}
        deleted = self._files.deleted_at(file, rows[0], now)
        if deleted is not None:
            body |= {"is_deleted": True, "server_deleted": write_time(deleted)}
        # Entries of a list with one kind have no tag.
        entries = [{k: v for k, v in self._entry(row).items() if k != ".tag"} for row in rows[: argument.limit]]
        return json_response({**body, "entries": entries})

    async def list_folder(self, request: Request) -> Response:
        """Answer `POST /2/files/list_folder`; 409 if the member has no such folder."""
        member, argument = await self._asked(request, "files/list_folder", Folder)
        if not 1 <= argument.limit <= MAXIMUM_LIMIT:
            raise _malformed("files/list_folder", "limit: must be from 1 to 2000")
        if argument.path and not argument.path.startswith("/"):
            raise _malformed("files/list_folder", "path: must begin with a slash, or be empty for the root")
        path = argument.path.strip("/").lower()
        if (member.email.lower(), path) not in self._by_folder:
            raise _path_error("not_found")
        return self._page(Cursor(member.email.lower(), path, argument.limit, 0))

    async def list_folder_continue(self, request: Request) -> Response:
        """Answer `POST /2/files/list_folder/continue`."""
        _, argument = await self._asked(request, "files/list_folder/continue", Continuation)
        try:
            cursor = msgspec.msgpack.decode(base64.urlsafe_b64decode(argument.cursor), type=Cursor)
        except (ValueError, msgspec.MsgspecError):
            raise _path_error("malformed_path") from None
        return self._page(cursor)

    def _page(self, cursor: Cursor) -> Response:
        rows = [
            row
            for file in self._by_folder.get((cursor.member, cursor.path), ())
            if (row := self._files.head(file, self._clock.now)) is not None
            and not self._files.deleted(file, row, self._clock.now)
        ]
        taken = rows[cursor.offset : cursor.offset + cursor.limit]
        cursor.offset += len(taken)
        token = base64.urlsafe_b64encode(msgspec.msgpack.encode(cursor)).decode()
        entries = [self._entry(row) for row in taken]
        return json_response({"entries": entries, "cursor": token, "has_more": cursor.offset < len(rows)})

    @cached_property
    def _by_id(self) -> dict[str, str]:
        return {file_id(file): file for file in self._files.known()}

    @cached_property
    def _by_folder(self) -> dict[tuple[str, str], list[str]]:
        folders: dict[tuple[str, str], dict[str, None]] = {}
        events = self._events
        for row, kind in enumerate(events.kind):
            if kind in ("upload", "edit"):
                key = (events.user[row].lower(), events.folder[row].strip("/").lower())
                folders.setdefault(key, {})[events.file[row]] = None
        return {folder: list(files) for folder, files in folders.items()}

    @cached_property
    def _members(self) -> dict[str, Person]:
        people = {person(user) for user in set(self._events.user)}
        return {member_id(one): one for one in people if one.kind == "person"}

    async def _asked(self, request: Request, route: str, kind: type[_T]) -> tuple[Person, _T]:
        """Return the member in whose name the request is made, and the argument."""
        grant = self._tokens.grant(request.headers.get("authorization", ""))
        if grant is None or grant.audience != "dropbox":
            raise _refused(401, "invalid_access_token")
        user_id = request.headers.get("dropbox-api-select-user")
        if user_id is None:
            raise _malformed(route, "This API function operates on a single Dropbox account, but the token is a team's")
        if user_id not in self._members:
            raise _refused(401, "invalid_select_user")
        try:
            return self._members[user_id], msgspec.json.decode(await request.body(), type=kind)
        except msgspec.MsgspecError as error:
            raise _malformed(route, f"request body: {error}") from None

    def _has(self, member: Person, row: int) -> bool:
        own = self._events.user[row].lower() == member.email.lower()
        return own and not self._files.deleted(self._events.file[row], row, self._clock.now)

    def _entry(self, row: int) -> dict[str, Any]:
        events = self._events
        folder, name = events.folder[row].strip("/"), events.file_name[row]
        path = f"/{folder}/{name}" if folder else f"/{name}"
        modified = write_time(int(events.time[row]))
        return {
            ".tag": "file",
            "name": name,
            "id": file_id(events.file[row]),
            "client_modified": modified,
            "server_modified": modified,
            "rev": digest("dropbox rev", events.key[row])[:20],
            "size": events.size[row],
            "path_display": path,
            "path_lower": path.lower(),
        }


def _malformed(route: str, why: str) -> Refusal:
    return Refusal(400, f'Error in call to API function "{route}": {why}')


def _refused(status: int, tag: str) -> Refusal:
    return Refusal(status, {"error_summary": f"{tag}/...", "error": {".tag": tag}})


def _path_error(tag: str) -> Refusal:
    return Refusal(409, {"error_summary": f"path/{tag}/..", "error": {".tag": "path", "path": {".tag": tag}}})
