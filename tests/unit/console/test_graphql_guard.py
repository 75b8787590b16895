"""The guard before Dagster's GraphQL: no form of a request may get a mutation past its conditions.

Behind the guard is the real server of Dagster's web server, which reads requests as it does in the console, with a
schema of one field a kind.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from urllib.parse import urlencode

import graphene
import pytest
from dagster_webserver.graphql import GraphQLServer
from graphql import OperationType, parse
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from common.errors import MendableError
from console.access.roles import Role, Viewer
from console.dagster_ui.graphql_guard import GraphQLSocketGuard
from console.dagster_ui.routes import decided
from tests.support.asgi import Answer, called, talked

TOKEN = "the-session's-token"
OPERATOR = Viewer("operator@example.com", Role.OPERATOR, TOKEN)
ANALYST = Viewer("analyst@example.com", Role.ANALYST, TOKEN)
changes: list[str] = []
"""Names of the mutations that were executed."""


recorded: list[str] = []
"""Mutations that were recorded, with the person."""


def keep(viewer: Viewer, text: str) -> None:
    recorded.append(f"{viewer.name}: {text}")


def lose(_viewer: Viewer, _text: str) -> None:
    raise MendableError("The disk is full.")


class Read(graphene.ObjectType):
    value = graphene.Int()

    def resolve_value(self, _info: Any) -> int:
        return 1


class Change(graphene.ObjectType):
    change = graphene.Int()
    other = graphene.Int()

    def resolve_change(self, _info: Any) -> int:
        changes.append("change")
        return 1

    def resolve_other(self, _info: Any) -> int:
        changes.append("other")
        return 1


class Watch(graphene.ObjectType):
    ticks = graphene.Int()

    async def subscribe_ticks(self, _info: Any) -> AsyncIterator[int]:
        yield 7


class Server(GraphQLServer[AbstractContextManager[None]]):
    """Dagster's server with a schema of three fields."""

    def build_graphql_schema(self) -> graphene.Schema:
        return graphene.Schema(query=Read, mutation=Change, subscription=Watch)

    def build_graphql_middleware(self) -> list[Any]:
        return []

    def build_middleware(self) -> list[Middleware]:
        return []

    def _make_request_context(self, conn: HTTPConnection) -> AbstractContextManager[None]:
        return nullcontext()

    def build_routes(self) -> list[BaseRoute]:
        return [
            Route("/graphql", self.graphql_http_endpoint, methods=["GET", "POST"]),
            WebSocketRoute("/graphql", self.graphql_ws_endpoint),
        ]


SERVER = Server()
APP = Starlette(routes=decided(SERVER.build_routes(), keep))
UNRECORDED = Starlette(routes=decided(SERVER.build_routes(), lose))
OPEN = Starlette(routes=Server().build_routes())
JSON = ("content-type", b"application/json")
GIVEN = ("x-csrf-token", TOKEN.encode())


def posted(asked: object, viewer: Viewer = OPERATOR, app: ASGIApp = APP) -> Answer:
    body = json.dumps(asked if isinstance(asked, dict) else {"query": asked}).encode()
    return called(app, "/graphql", viewer, method="POST", headers=[JSON, GIVEN], body=body)


FIELDS = {"query": ["value"], "mutation": ["change", "other"], "subscription": ["ticks"]}
TYPES = {"query": "Read", "mutation": "Change", "subscription": "Watch"}
NAMES = st.sampled_from(["A", "B", "mutation", "query", "C_1"])
SPACE = st.sampled_from([" ", "\n", ",", " # mutation { change }\n", "\t", "﻿", ' # "\n'])


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A document of operations and fragments in any order, and the names of its operations."""
    parts, names = [], []
    for number in range(draw(st.sampled_from([1, 1, 2, 3]))):
        kind = draw(st.sampled_from(["mutation", *FIELDS]))
        field = draw(st.sampled_from(FIELDS[kind]))
        form = draw(st.sampled_from(["plain", "alias", "fragment", "inline", "directive"]))
        if form == "alias":
            field = f"query: {field}"
        elif form == "fragment":
            parts.append(f"fragment F{number} on {TYPES[kind]} {{ {field} }}")
            field = f"...F{number}"
        elif form == "inline":
            field = f"... on {TYPES[kind]} {{ {field} }}"
        elif form == "directive":
            field = f"{field} @include(if: true)"
        name = draw(st.just("") | NAMES)
        names.append(name)
        head = "" if kind == "query" and not name and draw(st.booleans()) else f"{kind} {name}"
        parts.append(f"{head}{draw(SPACE)}{{{draw(SPACE)}{field}{draw(SPACE)}}}")
    parts = draw(st.permutations(parts))
    return draw(SPACE).join(["", *parts]), names


@st.composite
def requests(draw: st.DrawFn) -> dict[str, Any]:
    """A request in any form that a server might read as GraphQL."""
    document, names = draw(documents())
    name = draw(st.none() | st.sampled_from([*names, "", "unknown"]))
    asked: dict[str, Any] = {"query": document, "operationName": name, "variables": draw(st.sampled_from([None, {}]))}
    form = draw(st.sampled_from(["json"] * 12 + ["doubled", "batch", "graphql", "form", "multipart", "nothing"]))
    encoding = draw(st.sampled_from(["utf-8"] * 12 + ["utf-16", "utf-8-sig", "utf-32"]))
    text = json.dumps(asked)
    if form == "doubled":
        # Readers differ in which of two equal keys they take.
        text = '{"query": "{ value }", ' + text[1:-1] + draw(st.sampled_from(["}", ', "query": "{ value }"}']))
    elif form == "batch":
        text = json.dumps([{"query": "{ value }"}, asked])
    elif form == "graphql":
        text = document
    elif form == "form":
        text = urlencode({key: value for key, value in asked.items() if isinstance(value, str)})
    elif form == "multipart":
        text = f'--x\r\nContent-Disposition: form-data; name="operations"\r\n\r\n{text}\r\n--x--\r\n'
    kinds = st.sampled_from(
        [b"application/json"] * 12
        + [b"application/json; charset=utf-8", b"Application/JSON", b"application/graphql", b"text/plain"]
        + [b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=x", b"text/plain; application/json"]
    )
    number = draw(st.sampled_from([1] * 6 + [0, 2]))
    headers = [("content-type", kind) for kind in draw(st.lists(kinds, min_size=number, max_size=number))]
    if draw(st.sampled_from([True, True, False])):
        headers.append(("x-csrf-token", draw(st.sampled_from([TOKEN] * 4 + ["", "guessed", "é"])).encode()))
    return {
        "viewer": draw(st.sampled_from([OPERATOR, OPERATOR, ANALYST])),
        "method": draw(st.sampled_from(["POST"] * 8 + ["GET", "GET", "HEAD", "PUT"])),
        "query": urlencode(asked).encode() if draw(st.booleans()) else b"",
        "headers": headers,
        "body": b"" if form == "nothing" else text.encode(encoding),
    }


@settings(max_examples=500)
@given(requests())
def test_no_mutation_is_executed_without_post_token_and_operator(request_: dict[str, Any]) -> None:
    """Prevents a mutation by a page of another origin, or of a person who may only read, in any form of request."""
    changes.clear()
    called(APP, "/graphql", **request_)
    if changes:
        given_headers = request_["headers"]
        assert request_["method"] == "POST"
        assert request_["viewer"].may(Role.OPERATOR)
        assert ("x-csrf-token", TOKEN.encode()) in given_headers
        [kind] = [value for name, value in given_headers if name == "content-type"]
        assert kind.lower().startswith(b"application/json")


@settings(max_examples=200)
@given(documents(), st.none() | NAMES)
def test_what_an_operator_sends_is_answered_as_without_the_guard(document: tuple[str, list[str]], name: str) -> None:
    """Prevents a guard that changes the requests which it lets pass."""
    text, _names = document
    if "subscription" in text.replace("# ", ""):
        return
    changes.clear()
    guarded = posted({"query": text, "operationName": name})
    done = [*changes]
    changes.clear()
    free = posted({"query": text, "operationName": name}, app=OPEN)
    assert (guarded.status, guarded.body, done) == (free.status, free.body, changes)


@given(documents(), st.sampled_from(["start", "subscribe"]), st.none() | NAMES, st.sampled_from(["text", "bytes"]))
@example(("{ value }", []), "start", None, "bytes")
def test_no_mutation_passes_a_websocket(document: tuple[str, list[str]], kind: str, name: str, form: str) -> None:
    """Prevents mutations over a connection on which no token is sent."""
    passed: list[str] = []

    async def server(_scope: Scope, receive: Receive, _send: Send) -> None:
        while (message := await receive())["type"] != "websocket.disconnect":
            if message["type"] == "websocket.receive":
                payload = json.loads(message["text"]).get("payload", {})
                passed.append(payload.get("query", ""))

    payload = {"query": document[0], "operationName": name, "extensions": {"query": "mutation { change }"}}
    text = json.dumps({"type": kind, "id": "1", "payload": payload})
    sent = {"text": text} if form == "text" else {"bytes": text.encode()}
    answered = talked(GraphQLSocketGuard(server), "/graphql", OPERATOR, [{"type": "websocket.receive", **sent}])
    for text in passed:
        assert OperationType.MUTATION not in {getattr(each, "operation", None) for each in parse(text).definitions}
    assert bool(passed) is not any(each["type"] == "websocket.close" for each in answered)


def socket_messages(*sent: object) -> list[dict[str, Any]]:
    return [{"type": "websocket.receive", "text": json.dumps(each)} for each in sent]


def test_a_subscription_is_answered_and_a_mutation_ends_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    """Prevents logs of runs that do not stream, and a refused mutation that nobody hears of."""
    begin = {"type": "connection_init", "payload": {}}
    watch = {"type": "start", "id": "1", "payload": {"query": "subscription { ticks }", "variables": {}}}
    change = {"type": "start", "id": "2", "payload": {"query": "mutation { change }"}}
    changes.clear()
    sent = talked(APP, "/graphql", ANALYST, socket_messages(begin, watch))
    assert [json.loads(each["text"])["type"] for each in sent[1:]] == ["connection_ack", "data", "complete"]
    sent = talked(APP, "/graphql", OPERATOR, socket_messages(begin, change, watch))
    assert sent[-1]["type"] == "websocket.close"
    assert sent[-1]["code"] == 1008
    assert changes == []
    assert "operator@example.com is refused: Mutations need POST." in caplog.text


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{", "7", '{"type": 1}', '{"type": "unknown"}', '{"type": "stop", "id": {}}', "[" * 100_000),
        *('{"type": "start"}', '{"type": "start", "payload": []}', '{"type": "start", "payload": {"query": "{"}}'),
    ],
)
def test_a_message_that_cannot_be_read_ends_the_connection(text: str) -> None:
    """Prevents messages that the guard does not understand and Dagster does."""
    sent = talked(APP, "/graphql", OPERATOR, [{"type": "websocket.receive", "text": text}])
    assert sent[-1]["type"] == "websocket.close"


def test_an_operator_changes_and_an_analyst_reads() -> None:
    """Prevents a guard that refuses everything, and one that does not say why."""
    changes.clear()
    recorded.clear()
    assert posted("mutation M { a: change ...F } fragment F on Change { other }").status == 200
    assert changes == ["change", "other"]
    assert recorded == ["operator@example.com: change"]
    assert json.loads(posted("{ value }", ANALYST).body) == {"data": {"value": 1}}
    changes.clear()
    refused = posted("mutation { change }", ANALYST)
    assert refused.status == 403
    assert json.loads(refused.body)["errors"][0]["message"].startswith("change: this needs the role operator")
    assert changes == []


def test_what_cannot_be_recorded_is_not_done() -> None:
    """Prevents a change without a trace of who made it."""
    changes.clear()
    refused = posted("mutation { change }", app=UNRECORDED)
    assert (refused.status, changes) == (503, [])
    assert "The disk is full." in refused.body.decode()
    assert posted("{ value }", app=UNRECORDED).status == 200


def test_the_token_is_the_sessions() -> None:
    """Prevents a mutation with no token, or another one, by a person who may make it."""
    changes.clear()
    for token in ([], [("x-csrf-token", b"")], [("x-csrf-token", b"\xff")], [("x-csrf-token", b"other")]):
        body = b'{"query": "mutation { change }"}'
        answer = called(APP, "/graphql", OPERATOR, method="POST", headers=[JSON, *token], body=body)
        assert answer.status == 403
    empty = Viewer("nobody@example.com", Role.OPERATOR, "")
    headers = [JSON, ("x-csrf-token", b"")]
    assert called(APP, "/graphql", empty, method="POST", headers=headers, body=body).status == 403
    assert changes == []


@pytest.mark.parametrize(
    ("query", "more"),
    [
        (None, {}),
        (7, {}),
        ("", {}),
        ("{", {}),
        ("subscription { ticks }", {}),
        ("type Query { value: Int }", {}),
        ("{ value } type Query { value: Int }", {}),
        ("fragment F on Change { change }", {}),
        ("{" * 5_000, {}),
        ("{" + "value " * 60_000 + "}", {}),
        ("{ value }", {"variables": "{}"}),
        ("{ value }", {"variables": []}),
        ("{ value }", {"operationName": 7}),
        (None, {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "0" * 64}}}),
    ],
)
def test_what_cannot_be_parsed_is_refused(query: object, more: dict[str, object]) -> None:
    """Prevents requests that only Dagster understands."""
    answer = posted({"query": query, **more})
    assert answer.status == 400
    assert json.loads(answer.body)["errors"]


def test_other_forms_have_the_status_that_says_so() -> None:
    """Prevents a client that cannot see what is wrong with its request, and one that fills the memory."""
    assert called(APP, "/graphql", OPERATOR, query=b"query={value}").status == 405
    body = b'{"query": "{ value }"}'
    plain = called(APP, "/graphql", OPERATOR, method="POST", headers=[("content-type", b"text/plain")], body=body)
    assert plain.status == 415
    latin = [("content-type", b"application/json; charset=latin-1")]
    assert called(APP, "/graphql", OPERATOR, method="POST", headers=latin, body=body).status == 415
    assert called(APP, "/graphql", OPERATOR, method="POST", headers=[JSON], body=b" " * 6_000_000).status == 413
    assert called(APP, "/graphql", OPERATOR, method="POST", headers=[JSON], body=b'"\xff"').status == 400
