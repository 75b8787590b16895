"""Decisions on the routes of Dagster's web server: each route has one, and an upgrade's new route is refused."""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.workspace.context import WorkspaceProcessContext
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Host, Mount, Route
from starlette.types import ASGIApp

from console.access.roles import Role, Viewer
from console.dagster_ui.routes import DECISIONS, Decision, decided, route_name
from console.dagster_ui.webserver import ConsoleWebserver
from orchestration.shipped_files import shipped_text
from tests.support.asgi import called

OPERATOR = Viewer("operator@example.com", Role.OPERATOR, "the <session's> token")
ANALYST = Viewer("analyst@example.com", Role.ANALYST, "token")


def unrecorded(_viewer: Viewer, _text: str) -> None:
    raise AssertionError("there was a mutation")


@pytest.fixture(scope="module")
def webserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsoleWebserver]:
    storage = tmp_path_factory.mktemp("dagster")
    (storage / "dagster.yaml").write_text(shipped_text("dagster.yaml"), encoding="utf-8")
    instance = dg.DagsterInstance.from_config(str(storage))
    with instance, WorkspaceProcessContext(instance, None) as context:
        yield ConsoleWebserver(context, unrecorded)


@pytest.fixture(scope="module")
def app(webserver: ConsoleWebserver) -> ASGIApp:
    return Starlette(routes=[Mount("/dagster", webserver.app())])


def test_each_route_of_dagster_has_a_decision(webserver: ConsoleWebserver) -> None:
    """Prevents an upgrade of Dagster whose new endpoint nobody looked at.

    Read what a new route does. If people need it and it changes nothing, it is READ; else it is REFUSED.
    """
    [mounted, _redirect] = webserver.build_routes()
    assert sorted(route_name(route) for route in mounted.routes) == sorted(DECISIONS)


@pytest.mark.parametrize("name", [name for name, decision in DECISIONS.items() if decision is Decision.REFUSED])
def test_refused_routes_answer_nothing(app: ASGIApp, name: str) -> None:
    """Prevents reports of assets by whoever reaches the console, and pages with others' scripts."""
    path = name.replace("{asset_key:path}", "alerts") + ("/graphiql/graphiql.js" if name == "/vendor" else "")
    query = b"path=a.ipynb&repoLocName=uploadwatch"
    method = "POST" if name.startswith("/report_") else "GET"
    assert called(app, f"/dagster{path}", OPERATOR, method=method, query=query, body=b"{}").status == 404


def test_a_route_without_decision_is_refused() -> None:
    """Prevents a new endpoint from being open until somebody runs the tests."""

    async def endpoint(_request: object) -> None:
        raise AssertionError("it was reached")

    guarded = Starlette(routes=decided([Route("/new", endpoint, methods=["POST"])], unrecorded))
    assert called(guarded, "/new", OPERATOR, method="POST").status == 404
    unknown: list[BaseRoute] = [Host("example.com", guarded)]
    with pytest.raises(TypeError, match="unknown kind"):
        decided(unknown, unrecorded)


def test_only_operators_download_all_of_a_run(app: ASGIApp) -> None:
    """Prevents a route whose decision nobody carries out."""
    assert called(app, "/dagster/download_debug/none", ANALYST).status == 403
    with pytest.raises(Exception, match="run"):
        called(app, "/dagster/download_debug/none", OPERATOR)


def test_the_page_has_the_sessions_token_and_a_policy_that_lets_its_scripts_run(app: ASGIApp) -> None:
    """Prevents a page without token, one whose token breaks its markup, and one that others frame."""
    found = called(app, "/dagster/runs", OPERATOR, headers=[("accept", b"text/html")])
    page = found.body.decode()
    assert found.status == 200
    assert int(found.headers["content-length"]) == len(found.body)
    assert '<meta name="csrf" content="the &lt;session&#x27;s&gt; token">' in page
    policy = found.headers["content-security-policy"]
    nonce = policy.partition("'nonce-")[2].partition("'")[0]
    assert f'<script nonce="{nonce}" src="/static/dagster.js"></script>' in page
    assert page.index("/static/dagster.js") < page.index("/_next/static/chunks/")
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'self'" in policy
    assert '"telemetryEnabled": false' in page
    # Queries are sent by POST, too, and an analyst's need the token of the session as every POST does.
    assert '<meta name="csrf" content="token">' in called(app, "/dagster/", ANALYST).body.decode()
