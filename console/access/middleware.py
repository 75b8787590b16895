"""Checks that every request and WebSocket passes before a page or Dagster's UI sees it."""

from __future__ import annotations

import hmac
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import URL, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from console.access.addresses import is_within, local_address
from console.access.bodies import carries_token, limited
from console.access.gate import Gate, operating_user
from console.access.headers import below_dagster, is_static, protected
from console.access.identity_provider import CALLBACK
from console.access.live import ended_with_session
from console.access.people import Person, role_of
from console.access.refusals import accepts_pages, refusal
from console.access.roles import Role
from console.access.sessions import Session
from orchestration.access_settings import AccessMode, AccessSettings

__all__ = ["AccessMiddleware"]

_SAFE = ("GET", "HEAD")
_LONGEST_NAME = 320
_OPEN = ("/sign-in", CALLBACK, "/signed-out")
_SIGN_IN = "Open the address that the command `uploadwatch console` printed when it started: it carries the token."


class AccessMiddleware:
    """Access checks: host, origin, session, role of Dagster's UI, and CSRF token.

    Args:
        app: The console.
        gate: Way to sign in, and its sessions.
    """

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app, self._gate = app, gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let requests of signed-in people through."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        send = protected(scope, send, https=self._gate.https)
        answer: ASGIApp | None
        try:
            self._check_source(connection)
            answer = await self._signed_in_by_token(connection)
            if answer is None and not self._is_open(connection):
                receive = limited(connection, receive)
                session_id, session, answer = await self._session(connection)
                if session:
                    receive, send = await self._admitted(connection, session_id, session, receive, send)
        except HTTPException as refused:
            # A WebSocket that is closed before it is accepted is refused with 403.
            answer = refusal(connection, refused) if scope["type"] == "http" else WebSocketClose()
        await (answer or self._app)(scope, receive, send)

    def _check_source(self, connection: HTTPConnection) -> None:
        """Check by whom and under which name the console is called, and that no other site makes an unsafe request.

        Raises:
            HTTPException: One of them is wrong.
        """
        gate, headers = self._gate, connection.headers
        hosts = [each.lower() for each in headers.getlist("host")]
        if len(hosts) != 1 or hosts[0] not in gate.hosts(connection):
            raise HTTPException(421, "This is not the address of the console. Open it by the configured address.")
        peer = connection.client.host if connection.client else ""
        if gate.settings.mode is AccessMode.PROXY and not is_within(peer, gate.settings.networks):
            raise HTTPException(403, "Open the console through the proxy that signs people in.")
        site = headers.get("sec-fetch-site", "same-origin")
        if _is_unsafe(connection):
            origin = f"{'https' if gate.https else 'http'}://{hosts[0]}"
            if [each.lower() for each in headers.getlist("origin")] != [origin] or site != "same-origin":
                raise HTTPException(403, "The request did not come from a page of this console.")
        elif site not in ("same-origin", "none") and headers.get("sec-fetch-mode") != "navigate":
            raise HTTPException(403, "Another site may link to this page, but not load it.")

    async def _signed_in_by_token(self, connection: HTTPConnection) -> Response | None:
        """Exchange the token in the address for a session."""
        scope, gate = connection.scope, self._gate
        given = connection.query_params.getlist("token")
        if not gate.token or not given or scope["type"] != "http" or _is_unsafe(connection):
            return None
        target = URL(scope=scope).remove_query_params("token")
        # In the scope itself: the server logs the address from there.
        scope["query_string"] = target.query.encode()
        gate.count(connection)
        if len(given) != 1 or not hmac.compare_digest(given[0].encode(), gate.token.encode()):
            await run_in_threadpool(gate.record, connection, "nobody", "sign_in_refused", "wrong token")
            raise HTTPException(401, f"The token is wrong, perhaps of an earlier start. {_SIGN_IN}")
        person = Person("local user", operating_user())
        session_id, _ = await run_in_threadpool(gate.admit, connection, person)
        answer = RedirectResponse(local_address(_target(connection)), 303)
        gate.give_session(connection, answer, session_id)
        return answer

    def _is_open(self, connection: HTTPConnection) -> bool:
        """Check whether a page shows the same to everybody, so that it needs no session."""
        path = connection.scope["path"]
        is_page = connection.scope["type"] == "http" and not _is_unsafe(connection)
        return is_page and (is_static(path) or path in _OPEN)

    async def _session(self, connection: HTTPConnection) -> tuple[str, Session | None, Response | None]:
        """Return the session's id and the session, or the answer that leads to the sign-in.

        Raises:
            HTTPException: Nobody is signed in, and no page can be led to the sign-in.
        """
        gate = self._gate
        session_id = gate.session_id(connection)
        session = await run_in_threadpool(gate.sessions.find, session_id) if session_id else None
        if gate.settings.mode is AccessMode.PROXY:
            return (*await self._session_by_proxy(connection, session_id, session), None)
        if session:
            return session_id, session, None
        if gate.settings.mode is AccessMode.LOCAL:
            raise HTTPException(401, f"You are not signed in. {_SIGN_IN}")
        if connection.scope["type"] == "http" and not _is_unsafe(connection) and accepts_pages(connection):
            return "", None, RedirectResponse(f"/sign-in?next={quote(_target(connection), safe='')}", 303)
        raise HTTPException(401, "You are not signed in, or your session has ended. Load the page again to sign in.")

    async def _session_by_proxy(
        self, connection: HTTPConnection, session_id: str, session: Session | None
    ) -> tuple[str, Session]:
        """Return the session of the person whom the proxy names; begin one unless it is theirs, with this role."""
        gate = self._gate
        person = _proxied(connection, gate.settings)
        role = role_of(person, gate.settings)
        if session and (session.person, session.role) == (person.id, role):
            return session_id, session
        if _is_unsafe(connection):
            raise HTTPException(401, "Your session has ended. Load the page again, and repeat what you did.")
        gate.count(connection)
        return await run_in_threadpool(gate.admit, connection, person)

    async def _admitted(
        self, connection: HTTPConnection, session_id: str, session: Session, receive: Receive, send: Send
    ) -> tuple[Receive, Send]:
        """Note the signed-in person for the pages, and check role and CSRF token.

        Raises:
            HTTPException: The role is too low, or the token is missing; status 403.
        """
        scope, gate = connection.scope, self._gate
        viewer = session.viewer(session_id)
        scope.setdefault("state", {}).update(viewer=viewer, session=session)
        if below_dagster(scope["path"]) and not viewer.may(Role.ANALYST):
            raise HTTPException(403, "Dagster's UI needs the role analyst: ask whoever assigns the groups.")
        if scope["type"] == "websocket":
            return ended_with_session(receive, send, gate.clock, lambda: gate.sessions.lives(session.key))
        if _is_unsafe(connection):
            is_carried, receive = await carries_token(connection, receive, viewer.csrf)
            if not is_carried:
                raise HTTPException(
                    403, "The form is not of your session. Load its page again, and repeat what you did."
                )
        if session_id != gate.session_id(connection):
            cookie = Response()
            gate.give_session(connection, cookie, session_id)
            return receive, _with_cookie(send, cookie.headers["set-cookie"])
        return receive, send


def _is_unsafe(connection: HTTPConnection) -> bool:
    """Check whether a request may change something; a WebSocket may."""
    return connection.scope["type"] == "websocket" or connection.scope["method"] not in _SAFE


def _target(connection: HTTPConnection) -> str:
    """Return path and query of a request."""
    query = connection.scope["query_string"].decode("latin-1")
    return quote(connection.scope["path"]) + (f"?{query}" if query else "")


def _proxied(connection: HTTPConnection, settings: AccessSettings) -> Person:
    """Return the person whom the proxy names.

    Raises:
        HTTPException: It names nobody, or several; status 401.
    """
    users = connection.headers.getlist(settings.proxy_header)
    name = users[0].strip() if len(users) == 1 else ""
    if not name or not name.isprintable() or len(name) > _LONGEST_NAME:
        raise HTTPException(401, f"The proxy did not say in {settings.proxy_header} who you are. Sign in there.")
    lines = connection.headers.getlist(settings.proxy_groups_header) if settings.proxy_groups_header else []
    groups = frozenset(each.strip() for line in lines for each in line.split(",") if each.strip())
    return Person(f"proxy {name}", name, groups, name.lower() if "@" in name else "")


def _with_cookie(send: Send, cookie: str) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).append("set-cookie", cookie)
        await send(message)

    return sent
