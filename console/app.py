"""The console as an ASGI application: one process that serves its pages and Dagster's UI."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.routing import Mount

from console.access.middleware import AccessMiddleware
from console.context import Deployment
from console.dagster_ui.server import DagsterServer, DagsterUI
from console.views import allow, audit, cases, person, queue, reveal, static

__all__ = ["create_app"]


def create_app(deployment: Deployment, token: str, server: DagsterServer | None = None) -> Starlette:
    """Return the application.

    Args:
        deployment: Deployment that it shows.
        token: Token by which the person who started it signs in.
        server: Server whose UI of Dagster it has at ``/dagster``; None for a console without.
    """
    dagster_ui = DagsterUI(server, deployment) if server else None

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        if dagster_ui:
            await run_in_threadpool(dagster_ui.close)

    app = Starlette(
        routes=[
            *queue.routes,
            *cases.routes,
            *allow.routes,
            *person.routes,
            *audit.routes,
            *reveal.routes,
            *static.routes,
            *([Mount("/dagster", dagster_ui)] if dagster_ui else []),
        ],
        middleware=[Middleware(AccessMiddleware, token=token)],
        lifespan=lifespan,
    )
    app.state.deployment = deployment
    return app
