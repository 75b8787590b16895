"""Server of a day of Box events from prepared pages, so that its cost is negligible compared with the client's.

The events of a window are as many pages as its share of the day; all pages hold the same 500 events.
"""

from __future__ import annotations

import asyncio
import random
import socket
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.audit_events import EVENTS

__all__ = ["PAGE", "serve"]

PAGE = 500
_FIRST_POSITION = 1_152_922_976_000_000_001
_TIME = "@created_at@"
_DAY = timedelta(days=1)


def serve(events: int, address: Connection) -> None:
    """Serve a day of ``events`` events until the process is ended; send its address into ``address``."""
    draw = random.Random(20260105)
    made = [EVENTS["box"](draw, datetime(2026, 1, 5, tzinfo=UTC)) for _ in range(PAGE)]
    body = orjson.dumps([{**event, "created_at": _TIME} for event in made])

    async def token(_request: Request) -> Response:
        return Response(b'{"access_token":"measured","expires_in":3600}', media_type="application/json")

    async def page(request: Request) -> Response:
        query = request.query_params
        start, end = (datetime.fromisoformat(query[f"created_{bound}"]) for bound in ("after", "before"))
        last = _FIRST_POSITION + round(events * ((end - start) / _DAY)) // PAGE
        position = int(query.get("stream_position", _FIRST_POSITION))
        # An event outside the window would show the client that the window is over.
        entries = body.replace(_TIME.encode(), query["created_after"].encode()) if position < last else b"[]"
        head = b'{"chunk_size":%d,"next_stream_position":"%d","entries":' % (PAGE, position + 1)
        return Response(head + entries + b"}", media_type="application/json")

    app = Starlette(routes=[Route("/oauth2/token", token, methods=["POST"]), Route("/2.0/events", page)])
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    address.send(f"http://127.0.0.1:{listener.getsockname()[1]}")
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
    asyncio.run(uvicorn.Server(config).serve([listener]))
