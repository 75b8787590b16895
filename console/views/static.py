"""Style sheet of the alerts' pages, which the console's pages share."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from dossier.html import STYLE

__all__ = ["routes"]


def page_style(_request: Request) -> Response:
    """Return the style sheet."""
    return Response(STYLE, media_type="text/css")


routes = [
    Route("/static/page.css", page_style),
    Mount("/static", StaticFiles(packages=[("console", "static")])),
]
