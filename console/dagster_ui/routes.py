"""Routes of Dagster's web server: which of them the console serves, and to whom."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from console.access.roles import Role, viewer_of
from console.dagster_ui.graphql_guard import GraphQLGuard, GraphQLSocketGuard, Recorder

__all__ = ["DECISIONS", "Decision", "decided", "route_name"]


class Decision(Enum):
    """Use of a route of Dagster's web server."""

    READ = "analysts may read it"
    OPERATOR = "operators may read it"
    GRAPHQL = "each request is parsed"
    GRAPHQL_SOCKET = "each message is parsed"
    REFUSED = "nobody may use it"


DECISIONS = {
    "/": Decision.READ,
    "/{path:path}": Decision.READ,
    "/graphql": Decision.GRAPHQL,
    "websocket /graphql": Decision.GRAPHQL_SOCKET,
    "/server_info": Decision.READ,
    "/logs/{path:path}": Decision.READ,
    # All events of a run in one file, which people send to others.
    "/download_debug/{run_id:str}": Decision.OPERATOR,
    # A second address of what `/server_info` says.
    "/dagit_info": Decision.REFUSED,
    # Shows HTML of the code location's files, with their scripts.
    "/notebook": Decision.REFUSED,
    "/dagit/notebook": Decision.REFUSED,
    # Other systems report assets here. This product has none, and the UI does not use them.
    "/report_asset_materialization/{asset_key:path}": Decision.REFUSED,
    "/report_asset_check/{asset_key:path}": Decision.REFUSED,
    "/report_asset_observation/{asset_key:path}": Decision.REFUSED,
    # Files of the UI. Templates, and what only the GraphQL playground needs, are left out.
    "/_next": Decision.READ,
    "/favicon.ico": Decision.READ,
    "/favicon.png": Decision.READ,
    "/favicon.svg": Decision.READ,
    "/favicon-run-failed.svg": Decision.READ,
    "/favicon-run-pending.svg": Decision.READ,
    "/favicon-run-success.svg": Decision.READ,
    "/manifest.json": Decision.READ,
    "/robots.txt": Decision.READ,
    "/Dagster_world.mp4": Decision.READ,
    "/404.html": Decision.REFUSED,
    "/csp-header.txt": Decision.REFUSED,
    "/index.html": Decision.REFUSED,
    "/vendor": Decision.REFUSED,
}
"""Decision for each route, by :func:`route_name`. A route without one is refused."""


def route_name(route: BaseRoute) -> str:
    """Return the name of a route in :data:`DECISIONS`."""
    if isinstance(route, WebSocketRoute):
        return f"websocket {route.path}"
    if isinstance(route, Route | Mount):
        return route.path
    return repr(route)


def decided(routes: Iterable[BaseRoute], record: Recorder) -> list[BaseRoute]:
    """Return the routes of Dagster's web server, guarded as decided.

    Args:
        routes: The routes.
        record: Records mutations.
    """
    return [_guarded(route, DECISIONS.get(route_name(route), Decision.REFUSED), record) for route in routes]


def _guarded(route: BaseRoute, decision: Decision, record: Recorder) -> BaseRoute:
    if not isinstance(route, Route | WebSocketRoute | Mount):
        raise TypeError(f"Dagster's web server has a route of an unknown kind: {route!r}")
    match decision:
        case Decision.GRAPHQL:
            route.app = GraphQLGuard(route.app, record)
        case Decision.GRAPHQL_SOCKET:
            route.app = GraphQLSocketGuard(route.app)
        case Decision.OPERATOR:
            route.app = _for_operators(route.app)
        case Decision.REFUSED:
            route.app = _refuse
        case Decision.READ:
            pass
    return route


def _for_operators(app: ASGIApp) -> ASGIApp:
    async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
        if viewer_of(HTTPConnection(scope)).may(Role.OPERATOR):
            await app(scope, receive, send)
        else:
            await PlainTextResponse("This needs the role operator.", 403)(scope, receive, send)

    return guarded


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
    else:
        await PlainTextResponse("The console does not serve this address of Dagster.", 404)(scope, receive, send)
