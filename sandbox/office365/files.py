"""Microsoft Graph: sizes and versions of files, one by one, twenty in a batch, or all changes of a drive."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.base.clock import Clock, parse_time, write_time
from sandbox.base.credentials import Tokens
from sandbox.base.data import Events
from sandbox.base.files import Files
from sandbox.base.people import digest, guid
from sandbox.base.responses import SPEND, Refusal, json_response
from sandbox.office365.records import follow_up_time, has_follow_up, place

BATCH_LIMIT = 20
DEFAULT_PAGE = 200
MAXIMUM_PAGE = 1000
_DRIVE = re.compile(r"^/sites/([^/]+)/lists/([^/]+)/drive$")
_MARK = re.compile(r"^sandbox-(\d+)-(\d+)-(\d+)$")
_BIN = re.compile(r"^/sites/([^/]+)/recycleBin/items$")
_VERSIONS = re.compile(r"^/drives/([^/]+)/items/01([0-9A-F]+)/versions$")
_ITEM = re.compile(r"^/sites/([^/]+)/lists/([^/]+)/items/([^/]+)/driveItem$")


Spend = Callable[[], int]
"""Function that counts one more request and returns the seconds until it may go, 0 for now."""


class Step(msgspec.Struct):
    """One request of a batch."""

    id: str
    method: str
    url: str


class Batch(msgspec.Struct):
    """The body of a batch."""

    requests: list[Step]


def error(status: int, code: str, message: str, wait: int | str | None = None) -> Refusal:
    """Return a refusal in Graph's shape."""
    inner = {"request-id": digest(code, message)}
    headers = {} if wait is None else {"Retry-After": str(wait)}
    return Refusal(status, {"error": {"code": code, "message": message, "innerError": inner}}, headers)


def too_many_requests(wait: int | str) -> Refusal:
    """Return the answer to a client that exceeds the rate limit."""
    return error(429, "activityLimitReached", "The request has been throttled", wait)


class Graph:
    """The files of one tenant."""

    def __init__(self, events: Events, files: Files, clock: Clock, tokens: Tokens) -> None:
        self._events, self._files, self._clock, self._tokens = events, files, clock, tokens

    def routes(self) -> list[Route]:
        """Return the served paths."""
        return [
            Route("/v1.0/$batch", self.batch, methods=["POST"]),
            Route("/v1.0/sites/root", self.get_root),
            Route("/v1.0/sites/{rest:path}", self.get_item),
            Route("/v1.0/drives/{drive}/root/delta", self.delta),
            Route("/v1.0/drives/{rest:path}", self.get_item),
        ]

    async def get_root(self, request: Request) -> Response:
        """Answer `GET /v1.0/sites/root`: the tenant's root site."""
        self._authorise(request)
        return json_response({"id": "example.sharepoint.com", "webUrl": "https://example.sharepoint.com"})

    async def get_item(self, request: Request) -> Response:
        """Answer `GET` of an item's `driveItem` or `versions`, a list's `drive` or a site's `recycleBin/items`."""
        self._authorise(request)
        path = request.url.path.removeprefix("/v1.0")
        if library := _DRIVE.match(path):
            drive = _drive_id(*(part.lower() for part in library.groups()))
            if drive not in self._by_drive:
                raise error(404, "itemNotFound", "The specified list was not found")
            return json_response({"id": drive, "driveType": "documentLibrary"})
        if bin_ := _BIN.match(path):
            return json_response(self._binned(bin_[1].lower(), request))
        return json_response(self._item(path, request.query_params.get("$select", "")))

    async def batch(self, request: Request) -> Response:
        """Answer `POST /v1.0/$batch`: each request has its own answer, in no guaranteed order."""
        self._authorise(request)
        try:
            steps = msgspec.json.decode(await request.body(), type=Batch).requests
        except msgspec.MsgspecError:
            raise error(400, "BadRequest", "Invalid batch payload format.") from None
        if len(steps) > BATCH_LIMIT:
            message = f"Number of batch request steps exceeds the maximum value of {BATCH_LIMIT}."
            raise error(400, "BadRequest", message)
        if len({step.id for step in steps}) != len(steps):
            raise error(400, "BadRequest", "Batch request steps must have ids of their own.")
        # The batch itself counts as its first request.
        spend: Spend = request.scope.get(SPEND, lambda: 0)
        answers = [self._answer(step, spend() if place else 0) for place, step in enumerate(steps)]
        return json_response({"responses": sorted(answers, key=lambda answer: digest("order", answer["id"]))})

    async def delta(self, request: Request) -> Response:
        """Answer `GET /v1.0/drives/{drive}/root/delta`: changes of a drive since the time given as the token."""
        self._authorise(request)
        query = request.query_params
        files = self._by_drive.get(request.path_params["drive"])
        if files is None:
            raise error(404, "itemNotFound", "The resource could not be found.")
        size = query.get("$top", str(DEFAULT_PAGE))
        if not size.isdecimal() or not 1 <= int(size) <= MAXIMUM_PAGE:
            raise error(400, "invalidRequest", "Invalid page size")
        since, now, place = self._position(query.get("token", ""))
        changed = sorted(
            (self._modified(row), file, row)
            for file in files
            if (row := self._files.head(file, now)) is not None and self._modified(row) > since
        )
        page = changed[place : place + int(size)]
        body: dict[str, Any] = {"value": [self._change(file, row, query.get("$select", "")) for _, file, row in page]}
        mark, link = f"sandbox-{since}-{now}-{place + len(page)}", str(request.url).partition("?")[0]
        more = place + len(page) < len(changed)
        body["@odata.nextLink" if more else "@odata.deltaLink"] = f"{link}?token={mark}"
        return json_response(body)

    def _position(self, token: str) -> tuple[int, int, int]:
        """Return the start and end of the requested changes, and how many of them were given."""
        if found := _MARK.match(token):
            since, now, place = (int(part) for part in found.groups())
            return since, now, place
        since_time = parse_time(token, zone_required=True) if token else 0
        if since_time is None:
            raise error(410, "resyncRequired", "Resync required.")
        return since_time, self._clock.now, 0

    def _change(self, file: str, row: int, select: str) -> dict[str, Any]:
        if self._files.deleted(file, row, self._clock.now):
            return {"id": f"01{file.upper()}", "deleted": {"state": "deleted"}}
        item = self._described(row, select)
        if not select or "sharepointIds" in select:
            there = place(self._events.user[row], self._events.folder[row])
            item["sharepointIds"] = {"listId": there.list_id, "listItemUniqueId": guid(file), "siteId": there.site}
        return item

    def _binned(self, site: str, request: Request) -> dict[str, Any]:
        """Return the items in a site's recycle bin, the latest first; sizes are those of all versions."""
        query, now, events = request.query_params, self._clock.now, self._events
        found = []
        for files in self._by_drive.values():
            for file in files:
                row = self._files.head(file, now)
                deleted = None if row is None else self._files.deleted_at(file, row, now)
                if row is None or deleted is None:
                    continue
                there = place(events.user[row], events.folder[row])
                if there.site == site:
                    size = sum(max(events.size[version], 0) for version in self._files.versions(file, now).values())
                    found.append((-deleted, row, size, there.path))
        found.sort()
        first, size = int(query.get("$skiptoken", "0")), int(query.get("$top", str(DEFAULT_PAGE)))
        body: dict[str, Any] = {
            "value": [
                {
                    "id": guid(digest("recycled", events.key[row])),
                    "name": events.file_name[row],
                    "size": whole,
                    "deletedDateTime": write_time(-deleted),
                    "deletedFromLocation": path,
                }
                for deleted, row, whole, path in found[first : first + size]
            ]
        }
        if first + size < len(found):
            body["@odata.nextLink"] = f"{str(request.url).partition('?')[0]}?$top={size}&$skiptoken={first + size}"
        return body

    def _listed_versions(self, drive: str, file: str) -> dict[str, Any]:
        """Return the versions of an existing file, the newest first."""
        row = self._files.head(file, self._clock.now)
        if row is None or file not in self._by_drive.get(drive, ()) or self._files.deleted(file, row, self._clock.now):
            raise error(404, "itemNotFound", "The resource could not be found.")
        versions = self._files.versions(file, self._clock.now)
        return {
            "value": [
                {
                    "id": f"{number}.0",
                    "lastModifiedDateTime": write_time(self._modified(version)),
                    "size": max(self._events.size[version], 0),
                }
                for number, version in reversed(versions.items())
            ]
        }

    @cached_property
    def _by_drive(self) -> dict[str, list[str]]:
        drives: dict[str, dict[str, None]] = {}
        events = self._events
        for row, kind in enumerate(events.kind):
            if kind in ("upload", "edit"):
                there = place(events.user[row], events.folder[row])
                drives.setdefault(_drive_id(there.site, there.list_id), {})[events.file[row]] = None
        return {drive: list(files) for drive, files in drives.items()}

    def _answer(self, step: Step, wait: int) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"}
        try:
            if wait:
                raise too_many_requests(wait)
            if step.method.upper() != "GET":
                raise error(405, "BadRequest", "The sandbox's batches read only.")
            url = urlsplit(step.url)
            body: Any = self._item(url.path, parse_qs(url.query).get("$select", [""])[0])
        except Refusal as refusal:
            headers |= refusal.headers
            return {"id": step.id, "status": refusal.status, "headers": headers, "body": refusal.body}
        return {"id": step.id, "status": 200, "headers": headers, "body": body}

    def _item(self, path: str, select: str) -> dict[str, Any]:
        """Return the drive item or the versions at a path; 404 if the file is gone or in another list."""
        if asked := _VERSIONS.match(path):
            return self._listed_versions(asked[1], asked[2].lower())
        found = _ITEM.match(path)
        if found is None:
            raise error(400, "BadRequest", "Resource not found for the segment.")
        site, list_id, item = (part.lower() for part in found.groups())
        file = item.replace("-", "")
        row = self._files.head(file, self._clock.now)
        if row is None or self._files.deleted(file, row, self._clock.now):
            raise error(404, "itemNotFound", "The resource could not be found.")
        there = place(self._events.user[row], self._events.folder[row])
        if (site, list_id) != (there.site, there.list_id):
            raise error(404, "itemNotFound", "The specified list was not found")
        return self._described(row, select)

    def _described(self, row: int, select: str) -> dict[str, Any]:
        events = self._events
        item: dict[str, Any] = {
            "id": f"01{events.file[row].upper()}",
            "name": events.file_name[row],
            "lastModifiedDateTime": write_time(self._modified(row)),
            "parentReference": {"driveType": "documentLibrary", "driveId": self._drive_of(row)},
            "eTag": f'"{{{events.file[row].upper()}}},1"',
            "cTag": f'"c:{{{events.file[row].upper()}}},{events.seed[row] % 1000}"',
        }
        if events.size[row] >= 0:
            item["size"] = events.size[row]
        wanted = {name.strip() for name in select.split(",")} if select else set(item)
        return {name: value for name, value in item.items() if name in wanted}

    def _drive_of(self, row: int) -> str:
        there = place(self._events.user[row], self._events.folder[row])
        return _drive_id(there.site, there.list_id)

    def _modified(self, row: int) -> int:
        events = self._events
        return follow_up_time(events, row) if has_follow_up(events, row) else int(events.time[row])

    def _authorise(self, request: Request) -> None:
        grant = self._tokens.grant(request.headers.get("authorization", ""))
        if grant is None:
            raise error(401, "InvalidAuthenticationToken", "Access token is empty or has expired.")
        if grant.audience != "graph":
            raise error(401, "InvalidAuthenticationToken", "Access token validation failure. Invalid audience.")


def _drive_id(site: str, list_id: str) -> str:
    return f"b!{digest('drive', site, list_id)}"
