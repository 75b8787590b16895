"""Dagster's web server, as the console serves it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path

import dagster as dg
from dagster._core.workspace.context import WorkspaceProcessContext, WorkspaceRequestContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.webserver import DagsterWebserver
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse
from starlette.routing import BaseRoute, Mount

from console.access.roles import Role, viewer_of
from console.dagster_ui.graphql_guard import Recorder
from console.dagster_ui.routes import decided

__all__ = ["PREFIX", "ConsoleWebserver", "webserver_app"]

PREFIX = "/dagster"
_FIRST_SCRIPT = re.compile(rb"<script(?= nonce=)")


class ConsoleWebserver(DagsterWebserver[WorkspaceProcessContext, WorkspaceRequestContext]):
    """Dagster's web server whose pages send the session's token, and are read-only for those who may not change."""

    def __init__(self, process_context: WorkspaceProcessContext, record: Recorder) -> None:
        self._record = record
        super().__init__(process_context, app_path_prefix=PREFIX)

    def app(self) -> Starlette:
        """Return the application to mount at :data:`PREFIX`."""
        routes: list[BaseRoute] = self.build_routes()  # type: ignore[no-untyped-call]
        [mounted, _redirect] = routes
        if not isinstance(mounted, Mount):
            raise TypeError(f"Dagster's routes are not below {PREFIX}: {mounted!r}")
        return Starlette(routes=decided(mounted.routes, self._record), middleware=self.build_middleware())

    def _make_request_context(self, conn: HTTPConnection) -> WorkspaceRequestContext:
        """Return the context of a request; Dagster itself refuses changes in a read-only one, and says so in the UI."""
        context = self._process_context
        return WorkspaceRequestContext(
            instance=context.instance,
            current_workspace=context.get_current_workspace(),
            process_context=context,
            version=context.version,
            source=conn,
            read_only=not viewer_of(conn).may(Role.OPERATOR),
        )

    def make_csp_header(self, nonce: str) -> str:
        """Return a policy under which the UI loads from this console alone, and nobody frames it."""
        return (
            f"default-src 'self'; script-src 'nonce-{nonce}' 'strict-dynamic'; style-src 'self' 'unsafe-inline'; "
            "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; connect-src 'self'; "
            "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        )

    def index_html_endpoint(self, request: Request) -> HTMLResponse:
        """Return the UI's page, with the token of the session and the script that sends it."""
        page = super().index_html_endpoint(request)
        nonce = re.search(r"'nonce-([0-9a-f]+)'", page.headers["Content-Security-Policy"])
        if nonce is None:
            raise ValueError("Dagster's page has no nonce")
        token = escape(viewer_of(request).csrf)
        ours = f'<meta name="csrf" content="{token}"><script nonce="{nonce[1]}" src="/static/dagster.js"></script>'
        body, added = _FIRST_SCRIPT.subn(lambda found: ours.encode() + found[0], bytes(page.body), count=1)
        if not added:
            raise ValueError("Dagster's page has no script before which the console's could be put")
        headers = {
            name: value for name, value in page.headers.items() if name not in ("content-length", "content-type")
        }
        return HTMLResponse(body, headers=headers)


@contextmanager
def webserver_app(storage: Path, workspace: Path, record: Recorder) -> Iterator[Starlette]:
    """Open Dagster's instance and code locations, and yield the application that shows them.

    Args:
        storage: ``DAGSTER_HOME``.
        workspace: Workspace file that names the code locations.
        record: Records mutations.
    """
    target = WorkspaceFileTarget([str(workspace)])
    with (
        dg.DagsterInstance.from_config(str(storage)) as instance,
        WorkspaceProcessContext(instance, target, version=dg.__version__, code_server_log_level="warning") as context,
    ):
        # As Dagster's command does by default: a pool of connections, and no query without end.
        instance.optimize_for_webserver(statement_timeout=15_000, pool_recycle=3600, max_overflow=20)
        yield ConsoleWebserver(context, record).app()
