"""Answers to requests that are refused or failed: a page in plain words, or JSON for programs."""

from __future__ import annotations

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response

from console.access.gate import gate_of
from console.access.headers import protect
from console.rendering import render_message

__all__ = ["accepts_pages", "failed", "refusal", "refused"]

_TITLES = {
    401: "Sign in first",
    403: "You may not do this",
    404: "There is no such page",
    413: "The request is too large",
    421: "Wrong address",
    429: "Too many sign-ins",
    500: "The console failed",
}
_NOT_FOUND = "Check the address, or begin at the list of cases."
_FAILED = (
    "This is a fault of the console, not of your request. Try again; if it fails again, tell whoever runs it: the log "
    "of the process says what happened."
)


def accepts_pages(connection: HTTPConnection) -> bool:
    """Check whether a request wants a page rather than JSON."""
    accepted = connection.headers.get("accept", "")
    return "text/html" in accepted or "json" not in accepted


def refusal(connection: HTTPConnection, refused: HTTPException) -> Response:
    """Return the answer to a request that is refused."""
    status = refused.status_code
    is_plain = refused.detail == HTTPStatus(status).phrase
    text = _NOT_FOUND if status == 404 and is_plain else refused.detail
    if not accepts_pages(connection):
        return JSONResponse({"status": status, "error": text}, status, refused.headers)
    return render_message(connection, status, _TITLES.get(status, HTTPStatus(status).phrase), text, refused.headers)


def refused(request: Request, error: Exception) -> Response:
    """Return the answer to a request that a page refused, as a handler of Starlette."""
    if not isinstance(error, HTTPException):
        raise error
    return refusal(request, error)


def failed(request: Request, _error: Exception) -> Response:
    """Return the answer to a request that a page failed at, as a handler of Starlette; the server logs the error."""
    answer = refusal(request, HTTPException(500, _FAILED))
    # This handler answers outside of the access checks, which add the headers to all other answers.
    protect(answer.headers, request.scope["path"], https=gate_of(request).https)
    return answer
