"""Health of the sources, the checks, the budget and the notifications, as a page and as JSON."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from assets.charts.budget_plots import load_chart
from common.svg import Drawing
from console.access.roles import Role, requires
from console.context import deployment_of
from console.health_report import LOAD_DAYS, SIZE_DAYS, read_report
from console.rendering import render

__all__ = ["routes"]


@requires(Role.VIEWER)
def health(request: Request) -> Response:
    """Show the health of the deployment."""
    report = read_report(deployment_of(request))
    load = report.panels["budget"].figures.get("load", [])
    return render(
        request,
        "health.html",
        report=report,
        panels=report.panels,
        picture=_drawing(load) if load else None,
        load_days=LOAD_DAYS,
        size_days=SIZE_DAYS,
    )


def _drawing(load: list[dict[str, Any]]) -> Drawing:
    return load_chart(load).drawing


@requires(Role.VIEWER)
def health_json(request: Request) -> Response:
    """Return the same as JSON."""
    report = read_report(deployment_of(request))
    content = json.dumps(report.as_json(), ensure_ascii=False, default=str)
    return Response(content, media_type="application/json", headers={"Cache-Control": "no-store"})


routes = [Route("/health", health), Route("/health.json", health_json)]
