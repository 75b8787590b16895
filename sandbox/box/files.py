"""Box: sizes and versions of files, and contents of folders, as the account named by `As-User` sees them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.base.clock import Clock, write_time
from sandbox.base.credentials import Tokens
from sandbox.base.data import Events
from sandbox.base.files import Files
from sandbox.base.people import Person, person, responsible
from sandbox.base.responses import json_response
from sandbox.box.audit_log import error, file_id, folder_id, version_id

DEFAULT_LIMIT = 100
MAXIMUM_LIMIT = 1000
MAXIMUM_OFFSET = 300_000


class BoxFiles:
    """The files of one enterprise."""

    def __init__(self, events: Events, files: Files, clock: Clock, tokens: Tokens) -> None:
        self._events, self._files, self._clock, self._tokens = events, files, clock, tokens

    def routes(self) -> list[Route]:
        """Return the served paths."""
        return [
            Route("/2.0/files/{id}", self.get_file),
            Route("/2.0/files/{id}/trash", self.get_trashed),
            Route("/2.0/files/{id}/versions/{version}", self.get_version),
            Route("/2.0/folders/{id}/items", self.list_items),
        ]

    async def get_file(self, request: Request) -> Response:
        """Answer `GET /2.0/files/{id}`; 404 if the file is in the bin, gone, or not visible to the account."""
        row = self._seen(request)
        return json_response(self._file(row, _fields(request)))

    async def get_trashed(self, request: Request) -> Response:
        """Answer `GET /2.0/files/{id}/trash`; 404 if the file is not in the bin."""
        row = self._seen(request, in_bin=True)
        return json_response({**self._file(row, _fields(request)), "item_status": "trashed"})

    async def get_version(self, request: Request) -> Response:
        """Answer `GET /2.0/files/{id}/versions/{version}`; 404 for an unknown version."""
        head = self._seen(request)
        wanted = request.path_params["version"]
        for row in self._files.versions(self._events.file[head], self._clock.now).values():
            if version_id(self._events, row) == wanted:
                version = self._file(row, _fields(request))
                return json_response({**version, "type": "file_version", "id": wanted})
        raise error(404, "not_found", "Not Found")

    async def list_items(self, request: Request) -> Response:
        """Answer `GET /2.0/folders/{id}/items`: files of a folder in pages by offset."""
        account = self._account(request)
        limit, offset = (
            _number(request, name, usual, most)
            for name, usual, most in (("limit", DEFAULT_LIMIT, MAXIMUM_LIMIT), ("offset", 0, MAXIMUM_OFFSET))
        )
        now = self._clock.now
        heads = [
            (file, row)
            for file in self._by_folder.get(request.path_params["id"], ())
            if (row := self._files.head(file, now)) is not None and self._sees(account, row)
        ]
        if not heads:
            raise error(404, "not_found", "Not Found")
        rows = [row for file, row in heads if not self._files.deleted(file, row, now)]
        if request.query_params.get("sort") == "date":
            rows.sort(
                key=lambda row: int(self._events.time[row]), reverse=request.query_params.get("direction") == "DESC"
            )
        entries = [self._file(row, _fields(request)) for row in rows[offset : offset + limit]]
        return json_response({"total_count": len(rows), "entries": entries, "offset": offset, "limit": limit})

    @cached_property
    def _by_id(self) -> dict[str, str]:
        return {file_id(file): file for file in self._files.known()}

    @cached_property
    def _by_folder(self) -> dict[str, list[str]]:
        folders: dict[str, dict[str, None]] = {}
        for row, (file, kind) in enumerate(zip(self._events.file, self._events.kind, strict=True)):
            if kind in ("upload", "edit"):
                folders.setdefault(folder_id(self._events, row), {})[file] = None
        return {folder: list(files) for folder, files in folders.items()}

    @cached_property
    def _accounts(self) -> dict[str, Person]:
        people = {responsible(person(user)) for user in set(self._events.user)}
        return {str(one.number): one for one in people}

    def _account(self, request: Request) -> Person | None:
        """Return the account in whose name the request is made; None is the application's own, which owns nothing."""
        grant = self._tokens.grant(request.headers.get("authorization", ""))
        if grant is None or grant.audience != "box":
            raise error(401, "unauthorized", "Unauthorized")
        user_id = request.headers.get("as-user")
        if user_id is None:
            return None
        if user_id not in self._accounts:
            raise error(403, "forbidden", "As-User is not allowed for this user")
        return self._accounts[user_id]

    def _seen(self, request: Request, *, in_bin: bool = False) -> int:
        account = self._account(request)
        file = self._by_id.get(request.path_params["id"], "")
        row = self._files.head(file, self._clock.now)
        if row is None or not self._sees(account, row):
            raise error(404, "not_found", "Not Found")
        if self._files.deleted(file, row, self._clock.now) != in_bin:
            raise error(404, "not_found" if in_bin else "trashed", "Not Found" if in_bin else "Item is trashed")
        return row

    def _sees(self, account: Person | None, row: int) -> bool:
        uploader = person(self._events.user[row])
        return account is not None and account.email.lower() in (uploader.email.lower(), responsible(uploader).email)

    def _file(self, row: int, wanted: set[str]) -> dict[str, Any]:
        events = self._events
        described: dict[str, Callable[[], Any]] = {
            "name": lambda: events.file_name[row],
            "size": lambda: events.size[row],
            "modified_at": lambda: write_time(int(events.time[row])),
            "file_version": lambda: {"type": "file_version", "id": version_id(events, row)},
        }
        # Type, id and etag are always included.
        return {"type": "file", "id": file_id(events.file[row]), "etag": "0"} | {
            name: value() for name, value in described.items() if not wanted or name in wanted
        }


def _fields(request: Request) -> set[str]:
    fields = request.query_params.get("fields", "")
    return {name.strip() for name in fields.split(",")} if fields else set()


def _number(request: Request, name: str, usual: int, most: int) -> int:
    text = request.query_params.get(name, str(usual))
    if not text.isdecimal() or int(text) > most:
        raise error(400, "bad_request", f"Invalid {name} parameter")
    return int(text)
