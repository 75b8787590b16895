"""Queue of cases: those to read first on top, those that a filter asks for, and their counts by day."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from console.access.roles import Role, requires, viewer_of
from console.case_filter import Assigned, CaseFilter, Sort, State
from console.case_list import list_cases
from console.context import Deployment, deployment_of
from console.day_bars import day_bars
from console.rendering import render
from console.visits import last_visit
from detection.reasons import REASONS
from detection.rule import SEVERITIES
from lake.source_status import activations
from providers import PROVIDERS, title_of

__all__ = ["routes"]


@requires(Role.VIEWER)
def queue(request: Request) -> Response:
    """Show the queue."""
    deployment, viewer = deployment_of(request), viewer_of(request)
    wanted, wrong = CaseFilter.read(request.query_params)
    now = deployment.clock.now()
    seen = last_visit(deployment.home, viewer.name, now)
    with deployment.published.reading(now) as con:
        found = list_cases(con, wanted, viewer=viewer.name, seen=seen)
        revisions = dict(con.execute("SELECT alert_id, revision FROM alert_rows").fetchall())
    return render(
        request,
        "queue.html",
        wanted=wanted,
        wrong=wrong,
        found=found,
        revisions=revisions,
        seen=seen,
        indicators={name: name.replace("_", " ") for name in REASONS},
        sources={name: title_of(name) for name in PROVIDERS},
        activation=[] if found.all_cases else _activation(deployment),
        picture=day_bars(found.days, what="cases"),
        choices={
            "state": list(State),
            "severity": ["", *SEVERITIES],
            "source": ["", *PROVIDERS],
            "indicator": ["", *REASONS],
            "assigned": list(Assigned),
            "sort": list(Sort),
        },
    )


def _activation(deployment: Deployment) -> list[str]:
    """Say why there may be no case yet."""
    pending = activations(deployment.lake, deployment.values, deployment.clock.now().date())
    return [each.line for each in pending]


routes = [Route("/", queue)]
