"""Checks of each GraphQL request to Dagster: who may send which operation, and in which form."""

from __future__ import annotations

import hmac
import json
import logging
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    OperationDefinitionNode,
    OperationType,
    parse,
)
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.errors import MendableError
from console.access.roles import Role, Viewer, viewer_of

__all__ = ["CSRF_HEADER", "GraphQLGuard", "GraphQLSocketGuard", "Recorder"]

CSRF_HEADER = "X-CSRF-Token"
_MOST_BYTES = 5_000_000
"""Longest request. A launchpad's configuration is far shorter."""
_MOST_TOKENS = 50_000
_MOST_NAMED = 10
_POLICY_VIOLATION = 1008
_logger = logging.getLogger(__name__)
Recorder = Callable[[Viewer, str], None]
"""Records who sends which mutations; one that cannot be recorded is not passed on."""


class _RefusedError(Exception):
    """A request is not passed on; the message says why.

    Attributes:
        status: Status of the answer.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class _Operation:
    """Request that was parsed, in the one form that is passed on.

    Attributes:
        kinds: Kinds of all operations of the document, whichever of them is executed.
        changes: Names of the first fields of its mutations, for people.
        body: The request as JSON, without what was not checked.
    """

    kinds: frozenset[OperationType]
    changes: str
    body: dict[str, object]


class GraphQLGuard:
    """GraphQL over HTTP: POST with JSON alone; a mutation needs an operator and the session's token."""

    def __init__(self, app: ASGIApp, record: Recorder) -> None:
        self._app, self._record = app, record

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Record a mutation and pass a request on, or answer it with the reason why not."""
        viewer = viewer_of(HTTPConnection(scope))
        try:
            request = Request(scope, receive)
            operation = _parsed(await _body(request))
            if OperationType.SUBSCRIPTION in operation.kinds:
                raise _RefusedError("Subscriptions need a WebSocket.")
            if OperationType.MUTATION in operation.kinds:
                _check_mutation(viewer, request, operation)
                await _recorded(self._record, viewer, operation)
        except _RefusedError as refused:
            _logger.warning("Dagster: a request of %s is refused: %s", viewer.name, refused)
            answer = JSONResponse({"errors": [{"message": str(refused)}]}, refused.status)
            if refused.status == 405:
                answer.headers["Allow"] = "POST"
            await answer(scope, receive, send)
            return
        # What was checked is what Dagster reads: the same bytes, with neither a query nor another encoding beside.
        body = json.dumps(operation.body).encode()
        checked = {**scope, "query_string": b"", "headers": [*scope["headers"]]}
        headers = MutableHeaders(scope=checked)
        for name in ("transfer-encoding", "content-encoding"):
            del headers[name]
        headers["content-type"] = "application/json"
        headers["content-length"] = str(len(body))
        given = False

        async def receive_checked() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(checked, receive_checked, send)


class GraphQLSocketGuard:
    """GraphQL over WebSockets: subscriptions and queries alone."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass messages on, and close the connection at the first that is refused."""
        viewer = viewer_of(HTTPConnection(scope))
        closed = False

        async def receive_checked() -> Message:
            nonlocal closed
            message = await receive()
            if message["type"] != "websocket.receive":
                return message
            try:
                return {"type": "websocket.receive", "text": json.dumps(_checked_message(message))}
            except _RefusedError as refused:
                _logger.warning("Dagster: a message of %s is refused: %s", viewer.name, refused)
                closed = True
                await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": str(refused)})
                return {"type": "websocket.disconnect", "code": _POLICY_VIOLATION}

        async def send_open(message: Message) -> None:
            if not closed:
                await send(message)

        await self._app(scope, receive_checked, send_open)


def _check_mutation(viewer: Viewer, request: Request, operation: _Operation) -> None:
    if not viewer.may(Role.OPERATOR):
        raise _RefusedError(f"{operation.changes}: this needs the role operator. Ask whoever assigns the groups.", 403)
    # Bytes: other characters than ASCII are compared, too.
    given = request.headers.get(CSRF_HEADER, "").encode()
    if not viewer.csrf or not hmac.compare_digest(given, viewer.csrf.encode()):
        raise _RefusedError(
            f"{operation.changes}: the request has no valid token of your session. Reload the page.", 403
        )


async def _recorded(record: Recorder, viewer: Viewer, operation: _Operation) -> None:
    try:
        await run_in_threadpool(record, viewer, operation.changes)
    except MendableError as error:
        raise _RefusedError(
            f"{operation.changes}: nothing was done, since it can't be recorded. {error}", 503
        ) from None


async def _body(request: Request) -> str:
    if request.method != "POST":
        raise _RefusedError("GraphQL needs POST.", 405)
    kinds = request.headers.getlist("content-type")
    kind, _, parameters = (kinds[0] if len(kinds) == 1 else "").partition(";")
    if kind.strip().lower() != "application/json":
        raise _RefusedError("GraphQL needs the Content-Type application/json.", 415)
    if parameters.strip().lower().replace('"', "") not in ("", "charset=utf-8"):
        raise _RefusedError("GraphQL needs UTF-8.", 415)
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > _MOST_BYTES:
            raise _RefusedError(f"The request is longer than {_MOST_BYTES:,} bytes.", 413)
    try:
        return read.decode()
    except UnicodeDecodeError:
        raise _RefusedError("GraphQL needs UTF-8.") from None


def _read_object(text: str) -> dict[str, Any]:
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        raise _RefusedError("The request is not JSON.") from None
    if not isinstance(read, dict):
        raise _RefusedError("The request is not a JSON object. Send one operation a request.")
    return read


def _parsed(text: str) -> _Operation:
    return _operation(_read_object(text))


def _operation(asked: MutableMapping[str, Any]) -> _Operation:
    """Parse an operation.

    Raises:
        _RefusedError: It is not one that can be checked.
    """
    query, variables, name = asked.get("query"), asked.get("variables"), asked.get("operationName")
    if not isinstance(query, str):
        raise _RefusedError("The request has no text of a query. Stored queries are not supported.")
    if not isinstance(variables, dict | None) or not isinstance(name, str | None):
        raise _RefusedError("The request's variables are not an object, or its operationName is not a text.")
    try:
        document = parse(query, no_location=True, max_tokens=_MOST_TOKENS)
    except (GraphQLError, RecursionError):
        raise _RefusedError("The query is not valid GraphQL.") from None
    operations = _operations(document)
    fields = [
        field.name.value
        for found in operations
        if found.operation is OperationType.MUTATION
        for field in found.selection_set.selections
        if isinstance(field, FieldNode)
    ]
    return _Operation(
        frozenset(found.operation for found in operations),
        ", ".join(fields[:_MOST_NAMED]) or "A mutation",
        {"query": query, "variables": variables, "operationName": name},
    )


def _operations(document: DocumentNode) -> list[OperationDefinitionNode]:
    found = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    fragments = [each for each in document.definitions if isinstance(each, FragmentDefinitionNode)]
    if not found or len(found) + len(fragments) != len(document.definitions):
        raise _RefusedError("The query has no operation, or parts that are neither operations nor fragments.")
    return found


def _checked_message(message: Message) -> dict[str, object]:
    """Return a message of the protocols graphql-ws and graphql-transport-ws, without what was not checked.

    Raises:
        _RefusedError: It holds a mutation, or cannot be read.
    """
    text = message.get("text")
    if not isinstance(text, str) or len(text) > _MOST_BYTES:
        raise _RefusedError("The message is not text, or too long.")
    read = _read_object(text)
    kind, number, payload = read.get("type"), read.get("id"), read.get("payload")
    if not isinstance(kind, str) or not isinstance(number, str | int | None):
        raise _RefusedError("The message has no type, or a wrong id.")
    checked: dict[str, object] = {"type": kind}
    if number is not None:
        checked["id"] = number
    if kind in ("start", "subscribe"):
        if not isinstance(payload, dict):
            raise _RefusedError("The message has no operation.")
        operation = _operation(payload)
        if OperationType.MUTATION in operation.kinds:
            raise _RefusedError("Mutations need POST.")
        checked["payload"] = operation.body
    elif kind not in ("connection_init", "connection_terminate", "stop", "complete", "ping", "pong"):
        raise _RefusedError("The message's type is unknown.")
    return checked
