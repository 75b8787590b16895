"""Bodies of requests: their size limit, and the CSRF token in a form that the endpoint still has to read."""

from __future__ import annotations

import hmac
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import Message, Receive

from console.access.headers import below_dagster

__all__ = ["carries_token", "limited"]

_MIB = 1 << 20
_PAGES_BYTES = _MIB
_DAGSTER_BYTES = 10 * _MIB
"""Dagster's queries carry the configuration of runs."""
_FIELDS = 10_000
_FORM = "application/x-www-form-urlencoded"


def limited(connection: HTTPConnection, receive: Receive) -> Receive:
    """Return a way to receive a body that refuses one that is too large.

    Raises:
        HTTPException: The request says that its body is too large; the returned function raises the same.
    """
    most = _DAGSTER_BYTES if below_dagster(connection.scope["path"]) else _PAGES_BYTES
    refusal = HTTPException(413, f"The request has more than {most // _MIB} MiB. Send less.")
    declared = connection.headers.get("content-length", "0")
    if not declared.isascii() or not declared.isdigit() or int(declared[:20]) > most:
        raise refusal
    received = 0

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > most:
            raise refusal
        return message

    return counted


async def carries_token(connection: HTTPConnection, receive: Receive, token: str) -> tuple[bool, Receive]:
    """Check whether a request carries the CSRF token of its session, in ``X-CSRF-Token`` or in the form's ``csrf``.

    Args:
        connection: The request.
        receive: Way to receive its body, with a limit.
        token: Token of the session.

    Returns:
        The finding, and a way to receive the body from its beginning.
    """
    given = connection.headers.get("x-csrf-token")
    kind = connection.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given is not None or kind != _FORM or below_dagster(connection.scope["path"]):
        return _equal(given or "", token), receive
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return False, receive
        body, more = body + message.get("body", b""), message.get("more_body", False)
    is_read = False

    async def again() -> Message:
        nonlocal is_read
        if is_read:
            return await receive()
        is_read = True
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        fields = parse_qsl(body.decode("latin-1"), keep_blank_values=True, max_num_fields=_FIELDS)
    except ValueError:
        return False, again
    tokens = [value for name, value in fields if name == "csrf"]
    return len(tokens) == 1 and _equal(tokens[0], token), again


def _equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
