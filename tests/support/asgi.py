"""Calls of an ASGI application without a server, with whatever bytes a client might send."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Message

from console.access.roles import Viewer

__all__ = ["Answer", "called", "talked"]


@dataclass(frozen=True)
class Answer:
    """Answer of an application.

    Attributes:
        status: Its status.
        headers: Its headers, lower case.
        body: Its body.
    """

    status: int
    headers: dict[str, str]
    body: bytes


def _scope(kind: str, path: str, viewer: Viewer, query: bytes, headers: Sequence[tuple[str, bytes]]) -> dict[str, Any]:
    return {
        "type": kind,
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "http" if kind == "http" else "ws",
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
        "root_path": "",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": [(b"host", b"127.0.0.1"), *((name.lower().encode(), value) for name, value in headers)],
        "subprotocols": ["graphql-ws"],
        "state": {"viewer": viewer},
    }


def called(
    app: ASGIApp,
    path: str,
    viewer: Viewer,
    *,
    method: str = "GET",
    query: bytes = b"",
    headers: Sequence[tuple[str, bytes]] = (),
    body: bytes = b"",
) -> Answer:
    """Return the answer to a request of a signed-in person."""
    sent: list[Message] = []
    # In two parts, as a slow client sends it.
    parts = [body[: len(body) // 2], body[len(body) // 2 :]]

    async def receive() -> Message:
        if parts:
            return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    async def call() -> None:
        await app({**_scope("http", path, viewer, query, headers), "method": method}, receive, send)

    asyncio.run(call())
    headers_sent = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], headers_sent, b"".join(each.get("body", b"") for each in sent[1:]))


def talked(app: ASGIApp, path: str, viewer: Viewer, messages: Sequence[Message]) -> list[Message]:
    """Return what an application sends on a WebSocket on which messages arrive."""
    sent: list[Message] = []
    waiting = [{"type": "websocket.connect"}, *messages]

    async def receive() -> Message:
        if waiting:
            return waiting.pop(0)
        # As long as a person would watch: answers are sent meanwhile.
        await asyncio.sleep(0.05)
        return {"type": "websocket.disconnect", "code": 1001}

    async def send(message: Message) -> None:
        sent.append(message)

    async def call() -> None:
        await app(_scope("websocket", path, viewer, b"", ()), receive, send)

    asyncio.run(call())
    return sent
