"""The console as an ASGI application: one process that serves its pages and Dagster's UI."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware

from console.access.middleware import AccessMiddleware
from console.context import Deployment
from console.views import allow, audit, cases, health, person, queue, reveal, static, what_if

__all__ = ["create_app"]


def create_app(deployment: Deployment, token: str) -> Starlette:
    """Return the application.

    Args:
        deployment: Deployment that it shows.
        token: Token by which the person who started it signs in.
    """
    app = Starlette(
        routes=[
            *queue.routes,
            *cases.routes,
            *allow.routes,
            *health.routes,
            *person.routes,
            *audit.routes,
            *reveal.routes,
            *what_if.routes,
            *static.routes,
        ],
        middleware=[Middleware(AccessMiddleware, token=token)],
    )
    app.state.deployment = deployment
    return app
