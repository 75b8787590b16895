"""The console as an ASGI application: one process that serves its pages and Dagster's UI."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Mount

from common.clock import Clock
from console.access.gate import Gate
from console.access.middleware import AccessMiddleware
from console.access.refusals import failed, refused
from console.context import Deployment
from console.dagster_ui.server import DagsterServer, DagsterUI
from console.views import allow, audit, cases, health, person, queue, reveal, session, static, what_if

__all__ = ["create_app"]


def create_app(
    deployment: Deployment, token: str, server: DagsterServer | None = None, *, clock: Clock | None = None
) -> Starlette:
    """Return the application.

    Args:
        deployment: Deployment that it shows.
        token: Token by which the person who started it signs in, where no other way is configured.
        server: Server whose UI of Dagster it has at ``/dagster``; None for a console without.
        clock: Real time for sessions; None for the machine's.

    Raises:
        ConfigurationError: A variable of access cannot be used.
    """
    gate = Gate.open(deployment, token, clock)
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
            *health.routes,
            *person.routes,
            *audit.routes,
            *reveal.routes,
            *session.routes,
            *what_if.routes,
            *static.routes,
            *([Mount("/dagster", dagster_ui)] if dagster_ui else []),
        ],
        middleware=[Middleware(AccessMiddleware, gate=gate)],
        exception_handlers={HTTPException: refused, Exception: failed},
        lifespan=lifespan,
    )
    app.state.deployment, app.state.gate = deployment, gate
    return app
