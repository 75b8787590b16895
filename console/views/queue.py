"""Queue of cases: those to read first on top."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from console.access.roles import Role, requires
from console.rendering import render

__all__ = ["routes"]


@requires(Role.VIEWER)
def queue(request: Request) -> Response:
    """Show the queue."""
    return render(request, "queue.html")


routes = [Route("/", queue)]
