"""Consoles with Dagster's UI: one that reads the role from a cookie, and one as the command serves it."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import uvicorn
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from console.access.roles import Role, Viewer
from console.context import Deployment
from console.dagster_ui.server import DagsterServer, DagsterUI
from console.views import static
from tests.support.waiting import PATIENCE_SECONDS

__all__ = ["command_console", "free_port", "role_console", "served_app"]

TOKEN = "token-of-the-session"


def free_port() -> int:
    """Return a port that nobody uses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def served_app(app: ASGIApp) -> Iterator[str]:
    """Serve an application, and yield its address."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", timeout_graceful_shutdown=1))
    thread = Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def role_console(home: Path, server: DagsterServer) -> Iterator[str]:
    """Serve Dagster's UI as the console mounts it, to people whose cookie ``role`` says what they may do."""
    deployment = Deployment.read(home, {})
    dagster_ui = DagsterUI(server, deployment)
    inner = Starlette(routes=[*static.routes, Mount("/dagster", dagster_ui)])
    inner.state.deployment = deployment

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            role = HTTPConnection(scope).cookies["role"]
            scope.setdefault("state", {})["viewer"] = Viewer(f"{role.lower()}@example.com", Role[role], TOKEN)
        await inner(scope, receive, send)

    try:
        with served_app(app) as address:
            yield address
    finally:
        dagster_ui.close()


@contextmanager
def command_console(
    home: Path, variables: Mapping[str, str], arguments: Sequence[str] = ()
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run the command, and yield the address to sign in at and its process."""
    command = [sys.executable, "-c", "from cli.app import main; main()", "console"]
    process = subprocess.Popen(
        [*command, "--home", str(home), "--port", str(free_port()), *arguments],
        env={**os.environ, **variables},
        cwd=home,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found, "it printed no address"
        _answering(found[0])
        yield found[0], process
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_SECONDS)


def _answering(address: str) -> None:
    port = int(address.split(":")[2].partition("/")[0])
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"nobody answers at {address}")
