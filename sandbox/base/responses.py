"""JSON answers, the length of pages, and the errors that handlers raise as answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

PAGE_LIMIT = "sandbox.page_limit"
"""Key of a request's scope with which the gate limits the number of events of a page, for a short page."""
SPEND = "sandbox.spend"
"""Key of a request's scope under which the gate counts the further requests that one request contains."""

_encode = msgspec.json.Encoder().encode


def page_limit(request: Request, usual: int) -> int:
    """Return how many events the requested page may hold."""
    asked: int = request.scope.get(PAGE_LIMIT, usual)
    return min(usual, asked)


def json_response(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return an answer whose content type is exactly `application/json`: Dropbox's SDK refuses a charset."""
    return Response(_encode(body), status, dict(headers or {}), "application/json")


def raw_response(body: bytes, headers: Mapping[str, str] | None = None) -> Response:
    """Return a 200 answer whose body is JSON already."""
    return Response(body, 200, dict(headers or {}), "application/json")


class Refusal(Exception):  # noqa: N818 - it is an answer to the caller's mistake
    """An error that the provider answers with: status, body and headers in the provider's own shape."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {body}")
        self.status, self.body, self.headers = status, body, dict(headers or {})

    def response(self) -> Response:
        """Return the answer; a text body is sent as text/plain, as Dropbox does for a malformed call."""
        if isinstance(self.body, str):
            return Response(self.body, self.status, self.headers, "text/plain")
        return json_response(self.body, self.status, self.headers)
