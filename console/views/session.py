"""Signing in and out, and the sessions of all people."""

from __future__ import annotations

import secrets

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from console.access.addresses import local_address
from console.access.gate import gate_of
from console.access.identity_provider import CALLBACK, IdentityError, IdentityProvider
from console.access.roles import Role, requires, viewer_of
from console.access.sessions import Session
from console.context import deployment_of
from console.forms import posted
from console.rendering import render, render_message

__all__ = ["routes"]

_BYTES = 32


def sign_in(request: Request) -> Response:
    """Lead to the identity provider."""
    gate, provider = gate_of(request), _provider(request)
    gate.count(request)
    # Kept while several tabs sign in at once.
    browser = gate.browser(request) or secrets.token_urlsafe(_BYTES)
    pending = gate.pending.begin(browser, local_address(request.query_params.get("next", "/")))
    try:
        answer = RedirectResponse(provider.authorization_url(pending), 303)
    except IdentityError as error:
        raise HTTPException(502, f"{error} Try again later, or tell whoever runs the console.") from error
    gate.give_browser(request, answer, browser)
    return answer


def callback(request: Request) -> Response:
    """Sign a person in by the answer of the identity provider."""
    gate, provider = gate_of(request), _provider(request)
    gate.count(request)
    pending = gate.pending.take(gate.browser(request), request.query_params.get("state", ""))
    if pending is None:
        gate.record(request, "nobody", "sign_in_refused", "the answer belongs to no sign-in of this browser")
        raise HTTPException(401, "This sign-in is not under way in this browser, or took too long. Open / to sign in.")
    try:
        person = provider.person(request.query_params, pending)
    except IdentityError as error:
        gate.record(request, "nobody", "sign_in_refused", str(error))
        raise HTTPException(401, f"{error} Open / to try again, or tell whoever runs the console.") from error
    session_id, _ = gate.admit(request, person)
    answer = RedirectResponse(pending.target, 303)
    gate.give_session(request, answer, session_id)
    return answer


def sign_out(request: Request) -> Response:
    """End the session."""
    gate = gate_of(request)
    gate.record(request, viewer_of(request).name, "sign_out", "by the button")
    gate.sessions.end(gate.session_id(request))
    answer = RedirectResponse("/signed-out", 303)
    gate.forget(request, answer)
    return answer


def signed_out(request: Request) -> Response:
    """Say that the session has ended."""
    text = "Your session in this console has ended. A session at your identity provider, if there is one, goes on."
    return render_message(request, 200, "You are signed out", text, link=("/", "Sign in again"))


@requires(Role.VIEWER)
def sessions(request: Request) -> Response:
    """List the sessions: an operator sees all, others see their own."""
    return render(request, "sessions.html", sessions=_visible(request), own=_own(request).key)


@posted
@requires(Role.VIEWER)
def revoke(request: Request, form: FormData) -> Response:
    """End all sessions of a person: an operator those of anybody, others their own."""
    gate, viewer, name = gate_of(request), viewer_of(request), str(form.get("name", ""))
    if name not in {each.name for each in _visible(request)}:
        raise HTTPException(404, "Nobody of this name has a session. Load the list again.")
    gate.record(request, viewer.name, "revoke_sessions", f"of {name}")
    number = gate.sessions.revoke(name)
    deployment_of(request).notices.add(viewer.csrf, f"{number} sessions of {name} have ended.")
    return RedirectResponse("/sessions", 303)


def _own(request: Request) -> Session:
    own: Session = request.state.session
    return own


def _visible(request: Request) -> list[Session]:
    is_operator, person = viewer_of(request).may(Role.OPERATOR), _own(request).person
    return [each for each in gate_of(request).sessions.all() if is_operator or each.person == person]


def _provider(request: Request) -> IdentityProvider:
    provider = gate_of(request).provider
    if provider is None:
        raise HTTPException(404)
    return provider


routes = [
    Route("/sign-in", sign_in),
    Route(CALLBACK, callback),
    Route("/sign-out", sign_out, methods=["POST"]),
    Route("/signed-out", signed_out),
    Route("/sessions", sessions, methods=["GET"]),
    Route("/sessions", revoke, methods=["POST"]),
]
