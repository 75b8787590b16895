"""The console as an ASGI application: one process that serves its pages and Dagster's UI."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from common.clock import Clock
from console.access.gate import Gate
from console.access.middleware import AccessMiddleware
from console.access.refusals import failed, refused
from console.context import Deployment
from console.views import allow, audit, cases, person, queue, reveal, session, static

__all__ = ["create_app"]


def create_app(deployment: Deployment, token: str, *, clock: Clock | None = None) -> Starlette:
    """Return the application.

    Args:
        deployment: Deployment that it shows.
        token: Token by which the person who started it signs in, where no other way is configured.
        clock: Real time for sessions; None for the machine's.

    Raises:
        ConfigurationError: A variable of access cannot be used.
    """
    gate = Gate.open(deployment, token, clock)
    app = Starlette(
        routes=[
            *queue.routes,
            *cases.routes,
            *allow.routes,
            *person.routes,
            *audit.routes,
            *reveal.routes,
            *session.routes,
            *static.routes,
        ],
        middleware=[Middleware(AccessMiddleware, gate=gate)],
        exception_handlers={HTTPException: refused, Exception: failed},
    )
    app.state.deployment, app.state.gate = deployment, gate
    return app
