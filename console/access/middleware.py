"""Checks that every request and WebSocket passes before a page or Dagster's UI sees it."""

from __future__ import annotations

import hmac
import secrets

from starlette.datastructures import URL
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from console.access.roles import Role, Viewer

__all__ = ["AccessMiddleware"]

_COOKIE = "uploadwatch"


class AccessMiddleware:
    """Sign-in by the token that the command prints, for one person on this machine."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app, self._token = app, token
        self._csrf = secrets.token_urlsafe()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let signed-in people through."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        given = connection.query_params.get("token", "")
        if given and hmac.compare_digest(given, self._token):
            answer = RedirectResponse(str(URL(scope=scope).remove_query_params("token")), 303)
            answer.set_cookie(_COOKIE, self._token, httponly=True, samesite="strict")
            await answer(scope, receive, send)
            return
        if not hmac.compare_digest(connection.cookies.get(_COOKIE, ""), self._token):
            await PlainTextResponse("Sign in first.", 401)(scope, receive, send)
            return
        scope.setdefault("state", {})["viewer"] = Viewer("local", Role.OPERATOR, self._csrf)
        await self._app(scope, receive, send)
