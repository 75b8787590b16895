"""Revealing the name behind a pseudonym: an act of its own, with a reason, in the audit log."""

from __future__ import annotations

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from console.access.roles import Role, requires, viewer_of
from console.context import deployment_of
from console.forms import posted
from console.published import rows_of
from console.rendering import render
from lake.audit_log import record
from privacy.pseudonyms import TokenError

__all__ = ["routes"]

_LONGEST = 4000


@requires(Role.ANALYST)
def form(request: Request) -> Response:
    """Show the form."""
    given = request.query_params
    return render(
        request,
        "reveal.html",
        token=given.get("token", ""),
        case_id=given.get("case", ""),
        reason="",
        wrong={},
        name=None,
    )


@posted
@requires(Role.ANALYST)
def reveal(request: Request, given: FormData) -> Response:
    """Show the name, once the reason is recorded."""
    deployment, viewer = deployment_of(request), viewer_of(request)
    token, reason, case_id = (str(given.get(name, "")).strip()[:_LONGEST] for name in ("token", "reason", "case"))
    wrong, name = {}, None
    if not reason:
        wrong["reason"] = "Say why: it stands in the audit log."
    if deployment.pseudonyms is None:
        wrong["token"] = "Names are not hidden here."  # noqa: S105 -- a message
    else:
        try:
            name = deployment.pseudonyms.reveal(token)
        except TokenError:
            wrong["token"] = "This is not a token of this deployment's key: copy all of it."  # noqa: S105 -- a message
    if not wrong:
        with deployment.published.reading(deployment.clock.now()) as con:
            found = rows_of(con, "SELECT alert_ids FROM case_rows WHERE case_id = ?", [case_id])
        alerts = found[0]["alert_ids"] if found else []
        # The token, not the name: whoever reads the log learns no name by it.
        record(
            deployment.lake,
            at=deployment.clock.now(),
            by=viewer.name,
            act="reveal",
            about=case_id if found else "",
            text=f"{token}: {reason}",
            alerts=alerts,
        )
    return render(
        request,
        "reveal.html",
        422 if wrong else 200,
        **{"token": token, "case_id": case_id, "reason": reason, "wrong": wrong, "name": None if wrong else name},
    )


routes = [Route("/reveal", form, methods=["GET"]), Route("/reveal", reveal, methods=["POST"])]
