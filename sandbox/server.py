"""The sandbox as one web application: the providers in the workload, the clock, and the gate before them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from sandbox.base.addresses import Addresses
from sandbox.base.clock import Clock, parse_time, write_time
from sandbox.base.credentials import Credentials, Tokens, write_client_files
from sandbox.base.data import Events
from sandbox.base.files import Files
from sandbox.base.responses import Refusal, json_response
from sandbox.box.audit_log import Box
from sandbox.box.files import BoxFiles
from sandbox.dropbox.audit_log import Dropbox
from sandbox.dropbox.files import DropboxFiles
from sandbox.faults.plans import Plan, PlanError
from sandbox.gate import Gate
from sandbox.google_workspace.audit_log import GoogleWorkspace
from sandbox.google_workspace.files import GoogleDrive
from sandbox.office365.audit_log import Office365
from sandbox.office365.files import Graph


class Sandbox:
    """The providers of one workload, served together."""

    def __init__(
        self, workload: dict[str, Events], now: int, *, requests_per_minute: int = 0, plan: Plan | None = None
    ) -> None:
        self.clock, self.tokens, self.credentials = Clock(now), Tokens(), Credentials()
        self.providers = tuple(workload)
        self.without_sizes = {provider for provider, events in workload.items() if 0 in events.size_in_log}
        shared = (self.clock, self.tokens, self.credentials)
        self._box = Box(workload["box"], *shared) if "box" in workload else None
        self._dropbox = Dropbox(workload["dropbox"], *shared) if "dropbox" in workload else None
        routes = [
            Route("/_sandbox/health", _health),
            Route("/_sandbox/clock", self._clock, methods=["GET", "PUT"]),
            Route("/_sandbox/faults", self._faults, methods=["GET", "PUT"]),
            Route("/_sandbox/tokens", self._given),
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
            addresses = Addresses(events)
            routes += GoogleWorkspace(events, addresses, *shared).routes()
            routes += GoogleDrive(events, Files(events), addresses, self.clock, self.tokens).routes()
        if "office365" in workload:
            events = workload["office365"]
            routes += Office365(events, *shared).routes()
            routes += Graph(events, Files(events), self.clock, self.tokens).routes()
        application = Starlette(routes=routes, exception_handlers={Refusal: _refuse})
        self.app = Gate(application, requests_per_minute, plan or Plan(), self.tokens, self.clock)

    async def _token(self, request: Request) -> Response:
        """Issue a token for Box or Dropbox: both have the same path, and the kind of grant distinguishes them."""
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        if form.get("grant_type") == "client_credentials" and self._box:
            return self._box.token(form)
        if form.get("grant_type") == "refresh_token" and self._dropbox:
            return self._dropbox.token(form, request.headers.get("authorization", ""))
        raise Refusal(400, {"error": "unsupported_grant_type", "error_description": "Unsupported grant type"})

    async def _clock(self, request: Request) -> Response:
        if request.method == "PUT":
            try:
                text = msgspec.json.decode(await request.body(), type=dict[str, str]).get("now", "")
            except msgspec.DecodeError:
                text = ""
            now = parse_time(text, zone_required=True)
            if now is None:
                raise Refusal(400, {"error": 'the clock takes {"now": "2026-01-05T00:00:00Z"}'})
            self.clock.now = now
        return json_response({"now": write_time(self.clock.now)})

    async def _given(self, request: Request) -> Response:
        return json_response(self.tokens.given)

    async def _faults(self, request: Request) -> Response:
        if request.method == "PUT":
            try:
                self.app.plan = Plan.read(await request.body())
            except PlanError as error:
                raise Refusal(400, {"error": str(error)}) from None
        return json_response(self.app.plan.progress())


async def _health(request: Request) -> Response:
    return json_response({"status": "ok"})


async def _refuse(request: Request, refusal: Exception) -> Response:
    if not isinstance(refusal, Refusal):
        raise refusal
    return refusal.response()


class _Server(uvicorn.Server):
    """A server that calls a function when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


def _connection(**given: Any) -> asyncio.Protocol:
    """Return a connection that requests can reach as `scope["state"]["connection"]`, to reset it."""
    state = dict(given["app_state"])
    connection: asyncio.Protocol = AutoHTTPProtocol(**{**given, "app_state": state})
    state["connection"] = connection
    return connection


def serve(sandbox: Sandbox, state: Path, port: int, ready: Callable[[str], None]) -> None:
    """Serve on 127.0.0.1 until stopped; once connections are accepted, write the client's files and call `ready`."""
    listener = socket.create_server(("127.0.0.1", port))
    # Otherwise the body of an answer waits 40 ms for the client's acknowledgement of its headers.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"

    def announce() -> None:
        write_client_files(state, url, sandbox.credentials, sandbox.providers, sandbox.without_sizes)
        ready(url)

    # The function replaces a class and is called like it.
    connection: Any = _connection
    config = uvicorn.Config(
        sandbox.app, http=connection, log_level="warning", access_log=False, lifespan="off", date_header=False
    )
    asyncio.run(_Server(config, announce).serve([listener]))
