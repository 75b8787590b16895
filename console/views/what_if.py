"""What other budgets would have raised: the backtest, as a job whose result stands under an address."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from console.access.roles import Role, requires, viewer_of
from console.backtest_form import FIELDS, Wanted, default_fields
from console.backtests import BusyError, State, data_digest
from console.budget_picture import budget_picture
from console.context import Deployment, deployment_of
from console.forms import posted
from console.rendering import render
from orchestration.backtesting import Against

__all__ = ["routes"]

_ADDRESS = "/what-if"
_LONGEST = 200
_NAMED = 200
"""Cases that are named for a budget; the command has all."""


@requires(Role.ANALYST)
def what_if(request: Request) -> Response:
    """Show the form, and the backtest that the address asks for."""
    deployment = deployment_of(request)
    if not request.query_params:
        now = deployment.clock.now()
        return _page(request, default_fields(deployment.lake, deployment.settings, now.date()), {})
    fields = _fields(request.query_params)
    wanted, wrong = Wanted.read(fields)
    return _page(request, wanted.fields if wanted else fields, wrong, wanted, 422 if wrong else 200)


@posted
@requires(Role.ANALYST)
def start(request: Request, form: FormData) -> Response:
    """Start a backtest."""
    deployment, viewer = deployment_of(request), viewer_of(request)
    fields = _fields({name: str(form.get(name, "")) for name in FIELDS})
    wanted, wrong = Wanted.read(fields)
    if wanted is None:
        return _page(request, fields, wrong, status_code=422)
    try:
        deployment.backtests.start(deployment.lake, deployment.settings, wanted, viewer.name)
    except BusyError as error:
        deployment.notices.add(viewer.csrf, str(error), failed=True)
        return _page(request, fields, {}, status_code=409)
    return RedirectResponse(f"{_ADDRESS}?{wanted.query}", 303)


@posted
@requires(Role.ANALYST)
def cancel(request: Request, _form: FormData) -> Response:
    """Cancel the backtest that runs."""
    deployment, viewer = deployment_of(request), viewer_of(request)
    cancelled = deployment.backtests.cancel()
    if cancelled is None:
        deployment.notices.add(viewer.csrf, "No backtest runs any more.")
        return RedirectResponse(_ADDRESS, 303)
    return RedirectResponse(f"{_ADDRESS}?{cancelled.wanted.query}", 303)


@requires(Role.ANALYST)
def progress(request: Request) -> Response:
    """Return the state of a backtest as JSON, for the page's script."""
    wanted, _ = Wanted.read(_fields(request.query_params))
    found = deployment_of(request).backtests.find(wanted) if wanted else None
    said = {"state": str(found.state) if found else "unknown", "percent": found.percent if found else 0}
    return Response(json.dumps(said), media_type="application/json", headers={"Cache-Control": "no-store"})


def _fields(given: Mapping[str, str]) -> dict[str, str]:
    return {name: given.get(name, "")[:_LONGEST] for name in FIELDS}


def _page(
    request: Request,
    fields: Mapping[str, str],
    wrong: Mapping[str, str],
    wanted: Wanted | None = None,
    status_code: int = 200,
) -> Response:
    deployment = deployment_of(request)
    backtests = deployment.backtests
    found = backtests.find(wanted) if wanted else None
    running = backtests.running
    changed = False
    if wanted and found and found.state is State.DONE:
        changed = found.digest != data_digest(deployment.lake, deployment.settings, wanted)
    result = found.result if found and not changed else None
    error = found.error if found else ""
    if deployment.pseudonyms and error:
        error = deployment.pseudonyms.of(error)
    return render(
        request,
        "what_if.html",
        status_code,
        fields=fields,
        wrong=wrong,
        wanted=wanted,
        found=found,
        error=error,
        changed=changed,
        other=running if running and running is not found else None,
        kept=[each for each in backtests.kept if each.state is State.DONE and each is not found],
        notes=result.notes if result else [],
        budgets=_shown(deployment, result.budgets) if result else [],
        picture=budget_picture(result.budgets) if result else None,
        against=list(Against),
        named=_NAMED,
        State=State,
    )


def _shown(deployment: Deployment, budgets: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the figures with tokens where names are hidden, and the address of each case that exists."""
    token = deployment.pseudonyms.of if deployment.pseudonyms else str
    known: dict[str, list[tuple[datetime, datetime, str]]] = defaultdict(list)
    with deployment.published.reading(deployment.clock.now()) as con:
        rows = con.execute("SELECT case_id, users, opened_at, last_window_end FROM case_rows").fetchall()
    for case_id, users, opened, end in rows:
        for user in users:
            known[user].append((opened, end, case_id))

    def case(row: Mapping[str, Any]) -> dict[str, Any]:
        user, opened = token(row["user"]), datetime.fromisoformat(row["opened"]).astimezone(UTC).replace(tzinfo=None)
        case_id = next((each for first, last, each in known[user] if first <= opened <= last), None)
        return {"user": user, "opened": opened, "alerts": row["alerts"], "case_id": case_id}

    return [
        {
            **each,
            "top_users": [{**user, "user": token(user["user"])} for user in each["top_users"]],
            "gained": [case(row) for row in each["come"]],
            "lost": [case(row) for row in each["go"]],
        }
        for each in budgets
    ]


routes = [
    Route(_ADDRESS, what_if, methods=["GET"]),
    Route(_ADDRESS, start, methods=["POST"]),
    Route(f"{_ADDRESS}/cancel", cancel, methods=["POST"]),
    Route(f"{_ADDRESS}/progress", progress),
]
