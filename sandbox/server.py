"""The sandbox as one web application: the providers in the workload, the clock, and the gate before them."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox import box, dropbox, google_drive, google_workspace, office365, office365_graph
from sandbox.box import Box
from sandbox.box_files import BoxFiles
from sandbox.clock import Clock, parse_time, write_time
from sandbox.credentials import Credentials, Tokens, write_client_files
from sandbox.data import Events
from sandbox.dropbox import Dropbox
from sandbox.dropbox_files import DropboxFiles
from sandbox.files import Files
from sandbox.google_drive import GoogleDrive
from sandbox.google_workspace import GoogleWorkspace
from sandbox.office365 import Office365
from sandbox.office365_graph import Graph
from sandbox.responses import SPEND, Refusal, json_response

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


def provider_of(path: str) -> str | None:
    """Which API a path belongs to; None for tokens and for the sandbox's own paths."""
    return next((name for prefix, name in _PATHS if path.startswith(prefix)), None)


class Gate:
    """What stands before every API: the limit of requests per minute, and the place for further obstacles."""

    def __init__(self, app: ASGIApp, requests_per_minute: int) -> None:
        self._app = app
        self._limit = requests_per_minute
        self._minutes: dict[str, tuple[int, int]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer in the provider's stead."""
        provider = provider_of(scope["path"]) if scope["type"] == "http" else None
        if provider is not None and (wait := self._wait(provider)):
            await _TOO_MANY[provider](wait).response()(scope, receive, send)
            return
        if provider is not None:
            scope = {**scope, SPEND: lambda: self._wait(provider)}
        await self._app(scope, receive, send)

    def _wait(self, provider: str) -> int:
        """Seconds until this provider takes requests again; 0 when it does now."""
        if not self._limit:
            return 0
        now = time.monotonic()
        minute, used = self._minutes.get(provider, (0, 0))
        if minute != now // 60:
            minute, used = int(now // 60), 0
        self._minutes[provider] = (minute, used + 1)
        return int(60 - now % 60) + 1 if used >= self._limit else 0


class Sandbox:
    """The providers of one workload, served together."""

    def __init__(self, workload: dict[str, Events], now: int, *, requests_per_minute: int = 0) -> None:
        self.clock, self.tokens, self.credentials = Clock(now), Tokens(), Credentials()
        self.providers = tuple(workload)
        self.without_sizes = {provider for provider, events in workload.items() if 0 in events.size_in_log}
        shared = (self.clock, self.tokens, self.credentials)
        self._box = Box(workload["box"], *shared) if "box" in workload else None
        self._dropbox = Dropbox(workload["dropbox"], *shared) if "dropbox" in workload else None
        routes = [
            Route("/_sandbox/health", _health),
            Route("/_sandbox/clock", self._clock, methods=["GET", "PUT"]),
            Route("/oauth2/token", self._token, methods=["POST"]),
        ]
        if self._box:
            events = workload["box"]
            routes += self._box.routes() + BoxFiles(events, Files(events), self.clock, self.tokens).routes()
        if self._dropbox:
            events = workload["dropbox"]
            routes += self._dropbox.routes() + DropboxFiles(events, Files(events), self.clock, self.tokens).routes()
        if "google_workspace" in workload:
            events = workload["google_workspace"]
            routes += GoogleWorkspace(events, *shared).routes()
            routes += GoogleDrive(events, Files(events), self.clock, self.tokens).routes()
        if "office365" in workload:
            events = workload["office365"]
            routes += Office365(events, *shared).routes()
            routes += Graph(events, Files(events), self.clock, self.tokens).routes()
        application = Starlette(routes=routes, exception_handlers={Refusal: _refuse})
        self.app = Gate(application, requests_per_minute)

    async def _token(self, request: Request) -> Response:
        """Box and Dropbox have the same token path; the kind of grant tells them apart."""
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        if form.get("grant_type") == "client_credentials" and self._box:
            return self._box.token(form)
        if form.get("grant_type") == "refresh_token" and self._dropbox:
            return self._dropbox.token(form, request.headers.get("authorization", ""))
        raise Refusal(400, {"error": "unsupported_grant_type", "error_description": "Unsupported grant type"})

    async def _clock(self, request: Request) -> Response:
        if request.method == "PUT":
            try:
                told = msgspec.json.decode(await request.body(), type=dict[str, str]).get("now", "")
            except msgspec.DecodeError:
                told = ""
            now = parse_time(told, zone_required=True)
            if now is None:
                raise Refusal(400, {"error": 'the clock takes {"now": "2026-01-05T00:00:00Z"}'})
            self.clock.now = now
        return json_response({"now": write_time(self.clock.now)})


async def _health(request: Request) -> Response:
    return json_response({"status": "ok"})


async def _refuse(request: Request, refusal: Exception) -> Response:
    if not isinstance(refusal, Refusal):
        raise refusal
    return refusal.response()


class _Server(uvicorn.Server):
    """A server that says when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


def serve(sandbox: Sandbox, state: Path, port: int, ready: Callable[[str], None]) -> None:
    """Serve on 127.0.0.1 until stopped; once it takes connections, write the client's files, call `ready`."""
    listener = socket.create_server(("127.0.0.1", port))
    # Else the body of an answer waits 40 ms for the client's acknowledgement of its head.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"

    def announce() -> None:
        write_client_files(state, url, sandbox.credentials, sandbox.providers, sandbox.without_sizes)
        ready(url)

    config = uvicorn.Config(sandbox.app, log_level="warning", access_log=False, lifespan="off")
    asyncio.run(_Server(config, announce).serve([listener]))
