"""Gate before every API: the limit of requests per minute, the header Date, and the faults of a plan."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.base.clock import Clock, moment
from sandbox.base.credentials import Tokens
from sandbox.base.responses import PAGE_LIMIT, SPEND, Refusal
from sandbox.box import audit_log as box
from sandbox.dropbox import audit_log as dropbox
from sandbox.faults.answers import Answer, Asked, changed, events_of, instead
from sandbox.faults.plans import ClockSkew, Fault, Plan, Played, Reset, ShortPage, Slow, TokenExpired
from sandbox.google_workspace import audit_log as google_workspace
from sandbox.google_workspace import files as google_drive
from sandbox.office365 import audit_log as office365
from sandbox.office365 import files as office365_graph

_TOO_MANY: dict[str, Callable[[int], Refusal]] = {
    "box": lambda wait: box.error(429, "rate_limit_exceeded", "Request rate limit exceeded", wait),
    "dropbox": dropbox.too_many_requests,
    "google_workspace": google_workspace.too_many_requests,
    "google_drive": google_drive.too_many_requests,
    "office365": office365.too_many_requests,
    "graph": office365_graph.too_many_requests,
}
_PATHS = (
    ("/2.0/", "box"),
    ("/2/", "dropbox"),
    ("/admin/", "google_workspace"),
    ("/drive/", "google_drive"),
    ("/api/", "office365"),
    ("/v1.0/", "graph"),
)
_SHARED_TOKEN_PATH = "/oauth2/token"
_PIECES = 10
_MOMENT = 0.05
"""Seconds for a client to read what was sent before the connection is reset."""


def api_of(path: str, body: bytes) -> str | None:
    """Return which API a request is for; None for the sandbox's own paths."""
    if path == _SHARED_TOKEN_PATH:
        # Box and Dropbox share the path; the kind of grant distinguishes them.
        grant = dict(parse_qsl(body.decode("utf-8", "replace"))).get("grant_type")
        return "dropbox_token" if grant == "refresh_token" else "box_token"
    if path == "/token":
        return "google_token"
    if path.endswith("/oauth2/v2.0/token"):
        return "office365_token"
    return next((name for prefix, name in _PATHS if path.startswith(prefix)), None)


class Gate:
    """Middleware that passes requests on, or answers instead of the provider."""

    def __init__(self, app: ASGIApp, requests_per_minute: int, plan: Plan, tokens: Tokens, clock: Clock) -> None:
        self.plan = plan
        self._clock = clock
        self._app = app
        self._limit = requests_per_minute
        self._tokens = tokens
        self._minutes: dict[str, tuple[int, int]] = {}
        self._earlier: dict[str, list[msgspec.Raw]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = await _read(receive)
        asked = Asked(
            api_of(scope["path"], body) or "",
            scope["path"],
            scope["query_string"].decode("latin-1"),
            {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
            body,
        )
        if asked.api in _TOO_MANY and (wait := self._wait(asked.api)):
            await _TOO_MANY[asked.api](wait).response()(scope, receive, self._dated(send))
            return
        if asked.api in _TOO_MANY:
            scope = {**scope, SPEND: lambda: self._wait(asked.api)}
        address = unquote_plus(f"{asked.path}?{asked.query}")
        due = self.plan.due(asked.api, address) if asked.api else []
        if not due:
            await self._app(scope, _given(body), self._dated(send))
            return
        played, answer = await self._play(due, asked, scope)
        for entry in played:
            entry.count()
        await self._reply(played[-1].fault if played else None, answer, scope, send)

    async def _play(self, due: list[Played], asked: Asked, scope: Scope) -> tuple[list[Played], Answer]:
        """Return the first fault that can be played and the resulting answer; its page may also be short."""
        for entry in due:
            if (answer := instead(entry.fault, asked)) is not None:
                if isinstance(entry.fault, TokenExpired):
                    self._tokens.revoke(asked.headers.get("authorization", ""))
                return [entry], answer
        short = []
        for entry in due:
            if isinstance(entry.fault, ShortPage):
                scope, short = {**scope, PAGE_LIMIT: entry.fault.events}, [entry]
                break
        answer = await self._pass_on(asked, scope)
        # Lists of Office 365's blobs and the blobs themselves are two kinds of pages.
        pages = "list" if asked.path.endswith("/content") else asked.api
        earlier = self._earlier.get(pages, [])
        events = events_of(asked.api, asked.path, answer)
        if events is None:
            short = []
        if events:
            self._earlier[pages] = events
        for entry in due:
            if isinstance(entry.fault, Reset | Slow | ClockSkew):
                return [*short, entry], answer
            if (altered := changed(entry.fault, asked, answer, earlier)) is not None:
                return [*short, entry], altered
        return short, answer

    async def _pass_on(self, asked: Asked, scope: Scope) -> Answer:
        """Return the API's own answer."""
        status, headers, parts = 500, list[tuple[bytes, bytes]](), list[bytes]()

        async def keep(message: Message) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], list(message.get("headers", []))
            else:
                parts.append(message.get("body", b""))

        await self._app(scope, _given(asked.body), keep)
        named = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
        return Answer(status, b"".join(parts), named)

    async def _reply(self, fault: Fault | None, answer: Answer, scope: Scope, send: Send) -> None:
        fields = {**answer.headers, "content-length": str(len(answer.body))}
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()]
        send = self._dated(send, fault.seconds if isinstance(fault, ClockSkew) else 0)
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        if isinstance(fault, Reset):
            await send({"type": "http.response.body", "body": answer.body[: len(answer.body) // 2], "more_body": True})
            await asyncio.sleep(_MOMENT)
            _reset(scope["state"]["connection"].transport)
            # Without this last message the server would treat the answer as incomplete.
            await asyncio.sleep(_MOMENT)
        elif isinstance(fault, Slow):
            size = -(-len(answer.body) // _PIECES) or 1
            for start in range(0, len(answer.body), size):
                await asyncio.sleep(fault.seconds / _PIECES)
                piece = answer.body[start : start + size]
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body"})
        else:
            await send({"type": "http.response.body", "body": answer.body})

    def _dated(self, send: Send, skew: int = 0) -> Send:
        """Add the header Date: the sandbox's clock plus `skew` seconds."""

        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = format_datetime(moment(self._clock.now) + timedelta(seconds=skew), usegmt=True)
                message["headers"] = [*message.get("headers", []), (b"date", date.encode())]
            await send(message)

        return send_dated

    def _wait(self, api: str) -> int:
        """Return the seconds until this API accepts requests again; 0 if it does now."""
        if not self._limit:
            return 0
        now = time.monotonic()
        minute, used = self._minutes.get(api, (0, 0))
        if minute != now // 60:
            minute, used = int(now // 60), 0
        self._minutes[api] = (minute, used + 1)
        return int(60 - now % 60) + 1 if used >= self._limit else 0


async def _read(receive: Receive) -> bytes:
    parts, more = list[bytes](), True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def _given(body: bytes) -> Receive:
    """Return a channel that delivers a body that was read before."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _reset(transport: Any) -> None:
    """End a connection so that the client sees a reset, not a close."""
    linger = struct.pack("ii", 1, 0)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()
