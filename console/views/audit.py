"""Audit log: every act of a person, the latest first."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from console.access.roles import Role, requires
from console.context import deployment_of
from console.rendering import render
from lake.audit_log import audit_log_path, broken_acts, read_acts

__all__ = ["routes"]

_SHOWN = 500


@requires(Role.OPERATOR)
def audit(request: Request) -> Response:
    """Show the audit log, and whether it is whole."""
    lake = deployment_of(request).lake
    by, act = request.query_params.get("by", ""), request.query_params.get("act", "")
    acts = read_acts(lake, by=by, acts=[act] if act else [], limit=_SHOWN)
    path = audit_log_path(lake)
    return render(
        request,
        "audit.html",
        acts=acts,
        by=by,
        act=act,
        shown=_SHOWN,
        broken=broken_acts(path) if path.exists() else [],
    )


routes = [Route("/audit", audit)]
