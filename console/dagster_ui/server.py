"""Start and end of Dagster's web server within the console's process."""

from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock, Thread

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from assets.core.host_faults import sentence
from common.errors import CommandError, MendableError
from console.access.roles import Role, Viewer, viewer_of
from console.context import Deployment
from console.rendering import render
from lake.audit_log import record
from orchestration.code_server import Place, code_server_command, end_processes, workspace_text

__all__ = ["DagsterServer", "DagsterUI"]

_START_SECONDS = 120
_PAUSE_SECONDS = 0.2
_RELOAD_SECONDS = 2
_TRY_AGAIN_LATER = 1013
_ACT = "dagster"
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DagsterServer:
    """Instance and code location that Dagster's UI shows.

    Attributes:
        place: Returns where Dagster's records are, and what its code location needs; it may fail.
        workspace: Workspace file of a deployment, whose code server runs already; None for a code server of its own.
    """

    place: Callable[[], Place]
    workspace: Path | None = None


class DagsterUI:
    """Dagster's UI as an ASGI application that starts at its first use, in a thread."""

    def __init__(self, server: DagsterServer, deployment: Deployment) -> None:
        self._server, self._deployment = server, deployment
        self._lock = Lock()
        self._stopping = Event()
        self._thread: Thread | None = None
        self._app: ASGIApp | None = None
        self._failure = ""
        self._opened = ExitStack()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer an analyst's or operator's request with Dagster's UI, or with a page while there is none."""
        socket = scope["type"] == "websocket"
        if not viewer_of(HTTPConnection(scope)).may(Role.ANALYST):
            if not socket:
                raise HTTPException(403, "This needs the role analyst: ask whoever assigns the groups.")
            await send({"type": "websocket.close", "code": 1008})
        elif self._app:
            await self._app(scope, receive, send)
        elif socket:
            await send({"type": "websocket.close", "code": _TRY_AGAIN_LATER})
        else:
            await self._wait(Request(scope, receive))(scope, receive, send)

    def close(self) -> None:
        """End Dagster's UI and its processes."""
        self._stopping.set()
        if self._thread:
            self._thread.join()
        self._app = None
        self._opened.close()

    def _wait(self, request: Request) -> Response:
        """Return what a person sees while Dagster's UI is not there; a page that is opened starts it."""
        if "text/html" not in request.headers.get("accept", ""):
            return JSONResponse({"errors": [{"message": "Dagster's UI is starting."}]}, 503)
        with self._lock:
            # Shown once: the next page that is opened tries again.
            failure, self._failure = self._failure, ""
            if not failure and self._thread is None and not self._stopping.is_set():
                self._thread = Thread(target=self._start, name="dagster-ui")
                self._thread.start()
        if failure:
            return render(request, "dagster_failed.html", 503, reason=failure)
        page = render(request, "dagster_starting.html", 503)
        page.headers["Refresh"] = page.headers["Retry-After"] = str(_RELOAD_SECONDS)
        return page

    def _start(self) -> None:
        try:
            with ExitStack() as stack:
                app = self._open(stack)
                self._opened = stack.pop_all()
                self._app = app
        except Exception as error:
            _logger.warning("Dagster's UI can't start: %s", error, exc_info=not isinstance(error, MendableError))
            with self._lock:
                self._failure = _reason(error)
                self._thread = None

    def _open(self, stack: ExitStack) -> ASGIApp:
        # Dagster's web server takes seconds to import.
        from console.dagster_ui.webserver import webserver_app  # noqa: PLC0415

        place = self._server.place()
        if not (place.storage / "dagster.yaml").is_file():
            raise CommandError(f"{place.storage} holds no dagster.yaml. Set DAGSTER_HOME to its directory.")
        workspace = self._server.workspace or stack.enter_context(self._code_server(place))
        return stack.enter_context(webserver_app(place.storage, workspace, self._record))

    def _record(self, viewer: Viewer, changes: str) -> None:
        record(self._deployment.lake, at=self._deployment.clock.now(), by=viewer.name, act=_ACT, text=changes)

    @contextmanager
    def _code_server(self, place: Place) -> Iterator[Path]:
        """Run the code location in a process of its own, and yield a workspace file that has it.

        Raises:
            CommandError: It ended, did not start in time, or the console ends.
        """
        log_file = place.storage / "logs" / "console-code.log"
        log_file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="uploadwatch-") as folder, log_file.open("wb") as log:
            socket, workspace = Path(folder) / "code", Path(folder) / "workspace.yaml"
            workspace.write_text(workspace_text(socket), encoding="utf-8")
            process = subprocess.Popen(
                [sys.executable, *code_server_command(socket)],
                cwd=place.folder,
                # A person's directory may hold one that is called as a package is.
                env={**place.environment, "PYTHONSAFEPATH": "1", "DAGSTER_HOME": str(place.storage)},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                deadline = time.monotonic() + _START_SECONDS
                while not socket.exists():
                    if process.poll() is not None:
                        said = log_file.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
                        raise CommandError(f"Dagster's code server ended: {' / '.join(said) or 'it said nothing'}")
                    if time.monotonic() > deadline:
                        raise CommandError(f"Dagster's code server did not start. See {log_file}.")
                    if self._stopping.wait(_PAUSE_SECONDS):
                        raise CommandError("The console ends.")
                yield workspace
            finally:
                end_processes([process])


def _reason(error: Exception) -> str:
    """Describe an error without what may be a secret in the text of a library."""
    if isinstance(error, MendableError):
        return str(error)
    return sentence(error) or f"{type(error).__name__}: see the console's own log."
