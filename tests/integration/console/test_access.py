"""Access to the console over real HTTP: each kind of request that must not get through, and what protects answers."""

from __future__ import annotations

import http.client
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from common.clock import Clock
from common.errors import ConfigurationError
from console.access.gate import operating_user
from console.access.roles import Role, viewer_of
from console.app import create_app
from console.context import Deployment
from console.views import session as session_views
from lake.audit_log import read_acts
from tests.support.command import say
from tests.support.served_console import TOKEN, ServedConsole, served_console

PAGE = {"Accept": "text/html"}


def echo(request: Request) -> Response:
    return PlainTextResponse(f"{viewer_of(request).name}", headers={"Content-Security-Policy": "default-src 'self'"})


async def body(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


def broken(_request: Request) -> Response:
    raise RuntimeError("secret detail")


async def socket_of_dagster(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        pass


def add_routes(app: Starlette) -> None:
    methods = ["GET", "POST", "PUT"]
    dagster: list[BaseRoute] = [Route("/", echo, methods=methods), Route("/body", body, methods=methods)]
    dagster.append(WebSocketRoute("/graphql", socket_of_dagster))
    app.router.routes[:0] = [
        Mount("/dagster", routes=dagster),
        Route("/of-the-test/body", body, methods=["POST"]),
        Route("/of-the-test/broken", broken),
    ]


def by_oidc(url: str) -> dict[str, str]:
    return {
        "UPLOADWATCH_CONSOLE_URL": url,
        "UPLOADWATCH_OIDC_ISSUER": "http://127.0.0.1:9",
        "UPLOADWATCH_OIDC_CLIENT_ID": "console",
        "UPLOADWATCH_OIDC_CLIENT_SECRET": "secret",
        "UPLOADWATCH_CONSOLE_VIEWERS": "readers",
    }


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedConsole]:
    """A console for the person who started it."""
    with served_console(tmp_path_factory.mktemp("local") / "home", add_routes=add_routes) as console:
        yield console


@pytest.fixture(autouse=True)
def fresh_limit(local: ServedConsole) -> None:
    """Let no test run into the rate limit of those before."""
    local.clock.move(minutes=2)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedConsole]:
    """A console for people of an identity provider."""
    with served_console(tmp_path_factory.mktemp("shared") / "home", by_oidc, add_routes=add_routes) as console:
        yield console


def test_the_printed_address_signs_in_more_than_one_browser(local: ServedConsole) -> None:
    """Prevents a second browser, or a reload of the printed address, that is shut out."""
    for _ in range(3):
        browser = requests.Session()
        answer = browser.get(f"{local.url}/?state=open&token={TOKEN}", allow_redirects=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/?state=open")
        assert f"<span>{operating_user()}, operator</span>" in browser.get(f"{local.url}/").text


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "t", "é", f"{TOKEN}&token={TOKEN}"])
def test_a_wrong_token_is_refused(local: ServedConsole, token: str) -> None:
    """Prevents a sign-in by part of the token, and a comparison that fails on signs that are not ASCII."""
    answer = requests.Session().get(f"{local.url}/?token={token}", allow_redirects=False)
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert "uploadwatch console" in answer.text


def test_guesses_of_the_token_are_limited(local: ServedConsole) -> None:
    """Prevents guessing without end, and a limit that ends the sessions of those who are in."""
    browser = local.signed_in()
    codes = [requests.Session().get(f"{local.url}/?token=guess{each}").status_code for each in range(25)]
    assert set(codes) == {401, 429}
    answer = requests.Session().get(f"{local.url}/?token={TOKEN}", allow_redirects=False)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert browser.get(f"{local.url}/").status_code == 200


def test_the_token_stands_in_no_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Prevents a token in the access log of the server, or in the audit log."""
    with caplog.at_level(logging.INFO), served_console(tmp_path / "home", access_log=True) as console:
        console.signed_in()
        requests.Session().get(f"{console.url}/?token=wrong-token")
    written = caplog.text + "".join(capfd.readouterr()) + str(read_acts(console.app.state.deployment.lake))
    assert "GET / HTTP" in written
    assert TOKEN not in written
    assert "wrong-token" not in written


def test_sign_ins_and_sign_outs_are_in_the_audit_log(tmp_path: Path) -> None:
    """Prevents a person who comes, is refused or goes without a record."""
    with served_console(tmp_path / "home") as console:
        browser = console.signed_in()
        requests.Session().get(f"{console.url}/?token=wrong")
        cookie = browser.cookies.copy()
        answer = console.post(browser, "/sign-out", data={"csrf": console.csrf(browser)})
        assert (answer.status_code, answer.headers["location"]) == (303, "/signed-out")
        assert requests.Session().get(f"{console.url}/", cookies=cookie).status_code == 401
        assert "signed out" in browser.get(f"{console.url}/signed-out").text
        acts = [(each.act, each.by) for each in read_acts(console.app.state.deployment.lake)]
    user = operating_user()
    assert acts == [("sign_out", user), ("sign_in_refused", "nobody"), ("sign_in", user)]


def test_sessions_end_when_idle_and_in_any_case(tmp_path: Path) -> None:
    """Prevents a session that lasts for good, also where a replay's time stands still."""
    variables = {
        "UPLOADWATCH_NOW": "2026-03-31T12:00:00+00:00",
        "UPLOADWATCH_CONSOLE_IDLE_MINUTES": "30",
        "UPLOADWATCH_CONSOLE_SESSION_HOURS": "2",
    }
    with served_console(tmp_path / "home", variables) as console:
        browser = console.signed_in()
        for _ in range(4):
            console.clock.move(minutes=29)
            assert browser.get(f"{console.url}/").status_code == 200
        console.clock.move(minutes=5)
        assert browser.get(f"{console.url}/").status_code == 401, "absolute timeout"
        browser = console.signed_in()
        console.clock.move(minutes=31)
        assert browser.get(f"{console.url}/").status_code == 401, "idle timeout"


def signed_in_as(console: ServedConsole, role: Role, name: str) -> requests.Session:
    """Return the browser of a person with a role."""
    browser = requests.Session()
    session_id, _ = console.app.state.gate.sessions.begin(f"id of {name}", name, role)
    browser.cookies.set(f"uploadwatch-{urlsplit(console.url).port}", session_id, domain="127.0.0.1")
    return browser


def test_an_operator_ends_the_sessions_of_a_person(shared: ServedConsole) -> None:
    """Prevents a list that hides a session, a person who stays signed in, and an act without a record."""
    operator = signed_in_as(shared, Role.OPERATOR, "root@example.com")
    ann, ann_too = (signed_in_as(shared, Role.ANALYST, "ann <b>lee</b>") for _ in range(2))
    page = operator.get(f"{shared.url}/sessions").text
    assert page.count("ann &lt;b&gt;lee&lt;/b&gt;</bdi>") == 2
    assert page.count("<strong>this session</strong>") == 1
    bob = signed_in_as(shared, Role.ANALYST, "bob@example.com")
    assert "ann &lt;b" not in bob.get(f"{shared.url}/sessions").text
    for person, status in ((bob, 404), (operator, 303)):
        data = {"csrf": shared.csrf(person), "name": "ann <b>lee</b>"}
        assert shared.post(person, "/sessions", data=data).status_code == status
    assert "Ended sessions of ann &lt;b&gt;lee&lt;/b&gt;: 2" in operator.get(f"{shared.url}/sessions").text
    for browser in (ann, ann_too):
        assert browser.get(f"{shared.url}/", headers=PAGE, allow_redirects=False).status_code == 303
    [act] = [each for each in read_acts(shared.app.state.deployment.lake) if each.act == "revoke_sessions"]
    assert (act.by, "of ann <b>lee</b>" in str(act.text)) == ("root@example.com", True)
    assert shared.post(bob, "/sessions", data={"csrf": shared.csrf(bob), "name": "bob@example.com"}).status_code == 303
    assert bob.get(f"{shared.url}/", headers=PAGE, allow_redirects=False).status_code == 303
    data = {"csrf": shared.csrf(operator), "name": "nobody"}
    assert shared.post(operator, "/sessions", data=data).status_code == 404


def test_the_command_ends_the_sessions_of_a_person(tmp_path: Path) -> None:
    """Prevents a stolen session that nobody can end while the console is down."""
    with served_console(tmp_path / "home") as console:
        browser = console.signed_in()
        user = operating_user()
        done = say("console", "--home", str(console.home), "--revoke", user)
        assert (done.status, "Ended sessions: 1" in done.out) == (0, True), done.err
        assert browser.get(f"{console.url}/").status_code == 401


def raw(
    console: ServedConsole, method: str, path: str, headers: Sequence[tuple[str, str]], content: bytes = b""
) -> tuple[int, dict[str, str]]:
    """Send a request with exactly these headers, some perhaps twice; return status and headers."""
    connection = http.client.HTTPConnection("127.0.0.1", urlsplit(console.url).port, timeout=60)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if content or method not in ("GET", "HEAD"):
            connection.putheader("Content-Length", str(len(content)))
        connection.endheaders(content or None)
        answer = connection.getresponse()
        answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}
    finally:
        connection.close()


@pytest.mark.parametrize(
    "hosts",
    [
        ["evil.example"],
        ["127.0.0.1"],
        ["127.0.0.1:1"],
        ["evil.example:{port}"],
        ["127.0.0.1.evil.example:{port}"],
        ["localhost.:{port}"],
        ["a@127.0.0.1:{port}"],
        [""],
    ],
)
def test_another_host_is_refused(local: ServedConsole, hosts: Sequence[str]) -> None:
    """Prevents DNS rebinding: a page of another name that reads the console as its own site."""
    browser, port = local.signed_in(), urlsplit(local.url).port
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    headers = [("Host", each.format(port=port)) for each in hosts]
    for path in ("/", "/static/console.css", f"/?token={TOKEN}", "/dagster/"):
        status, answered = raw(local, "GET", path, [*headers, ("Cookie", cookie)])
        assert status == 421
        assert "set-cookie" not in answered


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST"])
def test_a_local_console_answers_by_each_name_of_this_machine(local: ServedConsole, host: str) -> None:
    """Prevents a printed address that a browser can open, and a form on it that it cannot send."""
    port = urlsplit(local.url).port
    cookie = "; ".join(f"{name}={value}" for name, value in local.signed_in().cookies.items())
    assert raw(local, "GET", "/", [("Host", f"{host}:{port}"), ("Cookie", cookie)])[0] == 200


def test_a_form_carries_its_token_and_stays_readable(shared: ServedConsole) -> None:
    """Prevents a check that lets a request without the token through, or eats the form of the page behind it."""
    browser = signed_in_as(shared, Role.ANALYST, "ann@example.com")
    other = signed_in_as(shared, Role.ANALYST, "bob@example.com")
    token, others = shared.csrf(browser), shared.csrf(other)
    path = "/of-the-test/body"
    sent = {"csrf": token, "text": "x" * 100_000}
    answer = shared.post(browser, path, data=sent)
    assert (answer.status_code, int(answer.text)) == (200, len("csrf=&text=") + len(token) + 100_000)
    assert shared.post(browser, path, data=b"{}", headers={"X-CSRF-Token": token}).text == "2"
    for data in ({"csrf": others}, {"csrf": ""}, {}, {"csrf": [token, token]}, {"csrf": token[:-1]}, {"csrf": "é"}):
        assert shared.post(browser, path, data=data).status_code == 403, data
    assert shared.post(browser, path, data=sent, headers={"X-CSRF-Token": others}).status_code == 403
    assert shared.post(browser, path, files={"csrf": (None, token)}).status_code == 403
    assert shared.post(browser, f"{path}?csrf={token}").status_code == 403
    # Below Dagster only the header counts.
    assert shared.post(browser, "/dagster/", data=sent).status_code == 403
    assert shared.post(browser, "/dagster/", data=sent, headers={"X-CSRF-Token": token}).status_code == 200


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_refused(shared: ServedConsole, chunked: bool) -> None:
    """Prevents a request that fills the memory, whether or not it says how large it is."""
    browser = signed_in_as(shared, Role.ANALYST, "ann@example.com")
    for path, most in (("/of-the-test/body", 1 << 20), ("/dagster/body", 10 << 20)):
        for size, status in ((most, 200), (most + 1, 413)):
            content: Any = iter([b"x" * size]) if chunked else b"x" * size
            answer = shared.post(browser, path, data=content, headers={"X-CSRF-Token": shared.csrf(browser)})
            assert answer.status_code == status, (path, size)
    form = iter([b"csrf=" + b"x" * (1 << 20)])
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert shared.post(browser, "/of-the-test/body", data=form, headers=headers).status_code == 413


def test_every_answer_carries_the_protecting_headers(local: ServedConsole) -> None:
    """Prevents a page, an error, a style sheet or a redirect that another site can frame, read or sniff."""
    browser = local.signed_in()
    policies = {
        "/": 200,
        "/none": 404,
        "/sessions": 200,
        "/static/console.css": 200,
        "/static/none": 404,
        "/pages/index.html": 303,
        "/of-the-test/broken": 500,
        "/dagster/": 200,
        "/signed-out": 200,
    }
    for path, status in policies.items():
        answer = browser.get(local.url + path, allow_redirects=False)
        assert answer.status_code == status, path
        given = answer.headers
        assert given["x-content-type-options"] == "nosniff"
        assert given["referrer-policy"] == "same-origin"
        assert given["cross-origin-opener-policy"] == "same-origin"
        assert given["cross-origin-resource-policy"] == "same-origin"
        assert "camera=()" in given["permissions-policy"]
        assert given["cache-control"] == ("no-cache" if path.startswith("/static/") else "no-store")
        assert "strict-transport-security" not in given
        policy = given["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert policy.startswith("default-src 'self'" if path == "/dagster/" else "default-src 'none'")
        assert "unsafe" not in policy
        assert "secret detail" not in answer.text
        assert "Traceback" not in answer.text
    assert requests.Session().get(local.url).headers["x-content-type-options"] == "nosniff"


def test_refusals_are_pages_for_people_and_json_for_programs(local: ServedConsole) -> None:
    """Prevents stack traces, and pages that a program has to parse."""
    browser = local.signed_in()
    for path, status in (("/none", 404), ("/of-the-test/broken", 500)):
        page = browser.get(local.url + path, headers=PAGE)
        assert (page.status_code, "<h1>" in page.text, "Sign out" in page.text) == (status, True, True)
        answer = browser.get(local.url + path, headers={"Accept": "application/json"})
        assert (answer.status_code, answer.json()["status"]) == (status, status)
    stranger = requests.Session().get(f"{local.url}/<script>", headers=PAGE)
    assert (stranger.status_code, "<h1>Sign in first</h1>" in stranger.text) == (401, True)
    assert requests.Session().get(local.url, headers={"Accept": "application/json"}).json()["status"] == 401


def test_a_page_of_another_site_may_link_but_not_load(local: ServedConsole) -> None:
    """Prevents a link in a chat that leads to a sign-in, and a page that other sites embed or measure."""
    browser = local.signed_in()
    for site, mode, status in (
        ("cross-site", "navigate", 200),
        ("same-site", "navigate", 200),
        ("none", "navigate", 200),
        ("cross-site", "no-cors", 403),
        ("cross-site", "cors", 403),
        ("same-site", "no-cors", 403),
        ("same-origin", "cors", 200),
    ):
        headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode}
        assert browser.get(local.url, headers=headers).status_code == status, (site, mode)


def opened(console: ServedConsole, browser: requests.Session, **options: Any) -> Any:
    cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    options = {"origin": console.url, "additional_headers": {"Cookie": cookie}, "proxy": None, **options}
    return connect(console.url.replace("http", "ws") + "/dagster/graphql", **options)


def test_websockets_pass_the_same_checks(shared: ServedConsole) -> None:
    """Prevents a page of another site that talks to Dagster's UI by a WebSocket: no browser forbids it."""
    analyst = signed_in_as(shared, Role.ANALYST, "ann@example.com")
    with opened(shared, analyst) as websocket:
        websocket.send("ping")
        assert websocket.recv(10) == "ping"
    viewer = signed_in_as(shared, Role.VIEWER, "eve@example.com")
    refused: list[tuple[requests.Session, dict[str, Any]]] = [
        (analyst, {"origin": None}),
        (analyst, {"origin": "https://evil.example"}),
        (analyst, {"origin": "null"}),
        (viewer, {}),
        (requests.Session(), {}),
        (requests.Session(), {"additional_headers": {"Cookie": "uploadwatch=x"}}),
    ]
    for browser, options in refused:
        with pytest.raises(InvalidStatus) as error, opened(shared, browser, **options):
            pass
        assert error.value.response.status_code == 403, options


def test_a_websocket_ends_with_its_session(shared: ServedConsole) -> None:
    """Prevents a person who was shut out, and still follows runs in Dagster's UI."""
    browser = signed_in_as(shared, Role.ANALYST, "gone@example.com")
    with opened(shared, browser) as websocket:
        shared.app.state.gate.sessions.revoke("gone@example.com")
        shared.clock.move(seconds=6)
        websocket.send("ping")
        with pytest.raises(ConnectionClosed) as error:
            websocket.recv(10)
    assert error.value.rcvd.code == 1008


def by_proxy(url: str, **others: str) -> dict[str, str]:
    return {
        "UPLOADWATCH_CONSOLE_URL": url,
        "UPLOADWATCH_PROXY_HEADER": "X-Forwarded-Email",
        "UPLOADWATCH_PROXY_GROUPS_HEADER": "X-Forwarded-Groups",
        "UPLOADWATCH_PROXY_ADDRESSES": "127.0.0.1",
        "UPLOADWATCH_CONSOLE_ANALYSTS": "soc",
        "UPLOADWATCH_CONSOLE_OPERATORS": "root@example.com",
        **others,
    }


def test_a_trusted_proxy_says_who_somebody_is(tmp_path: Path) -> None:
    """Prevents a person who keeps the session, or the role, of the one before behind the same proxy."""
    with served_console(tmp_path / "home", by_proxy) as console:
        browser = requests.Session()
        ann = {"X-Forwarded-Email": "ann@example.com", "X-Forwarded-Groups": "other, soc"}
        page = browser.get(console.url, headers=ann)
        assert "ann@example.com, analyst<" in page.text
        token = page.text.partition('name="csrf" value="')[2].partition('"')[0]
        again = browser.get(console.url, headers=ann)
        assert "set-cookie" not in again.headers
        bob = {"X-Forwarded-Email": "bob@example.com", "X-Forwarded-Groups": "soc"}
        assert console.post(browser, "/sign-out", data={"csrf": token}, headers=bob).status_code == 401
        assert "bob@example.com, analyst<" in browser.get(console.url, headers=bob).text
        root = {"X-Forwarded-Email": "Root@example.com"}
        assert "Root@example.com, operator<" in browser.get(console.url, headers=root).text
        lost = {**ann, "X-Forwarded-Groups": "other"}
        assert browser.get(console.url, headers=lost).status_code == 403
        for headers in ({}, {"X-Forwarded-Email": ""}, {"X-Forwarded-Email": "a" * 400}):
            assert browser.get(console.url, headers=headers).status_code == 401
        host = ("Host", urlsplit(console.url).netloc)
        twice = [host, ("X-Forwarded-Email", "root@example.com"), ("X-Forwarded-Email", "ann@example.com")]
        assert raw(console, "GET", "/", twice)[0] == 401


def test_the_header_of_a_proxy_counts_from_nobody_else(tmp_path: Path, local: ServedConsole) -> None:
    """Prevents that anybody who reaches the port names themselves."""
    named = {"X-Forwarded-Email": "root@example.com", "X-Forwarded-For": "10.0.0.1"}
    untrusted = served_console(tmp_path / "home", lambda url: by_proxy(url, UPLOADWATCH_PROXY_ADDRESSES="10.0.0.0/8"))
    with untrusted as console:
        assert requests.Session().get(console.url, headers=named).status_code == 403
    assert requests.Session().get(local.url, headers=named).status_code == 401


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"UPLOADWATCH_PROXY_HEADER": "X-User", "UPLOADWATCH_PROXY_ADDRESSES": "10.0.0.1"}, "both set"),
        ({"UPLOADWATCH_OIDC_CLIENT_SECRET": ""}, "needs"),
        ({"UPLOADWATCH_OIDC_ISSUER": ""}, "needs"),
        ({"UPLOADWATCH_OIDC_ISSUER": "http://id.example.com"}, "no https"),
        ({"UPLOADWATCH_CONSOLE_URL": ""}, "UPLOADWATCH_CONSOLE_URL"),
        ({"UPLOADWATCH_CONSOLE_URL": "http://console.example.com"}, "UPLOADWATCH_CONSOLE_URL"),
        ({"UPLOADWATCH_CONSOLE_URL": "https://console.example.com/path"}, "UPLOADWATCH_CONSOLE_URL"),
        ({"UPLOADWATCH_CONSOLE_VIEWERS": " , "}, "Nobody could sign in"),
        ({"UPLOADWATCH_CONSOLE_IDLE_MINUTES": "0"}, "UPLOADWATCH_CONSOLE_IDLE_MINUTES"),
        ({"UPLOADWATCH_CONSOLE_SESSION_HOURS": "100"}, "UPLOADWATCH_CONSOLE_SESSION_HOURS"),
        ({"UPLOADWATCH_PROXY_GROUPS_HEADER": "X-Groups"}, "no effect"),
        ({"UPLOADWATCH_PROXY_ADDRESSES": "10.0.0.1/8"}, "10.20.0.0/28"),
    ],
    ids=str,
)
def test_settings_that_contradict_each_other_are_refused(tmp_path: Path, changed: dict[str, str], message: str) -> None:
    """Prevents a console that starts with a weaker way to sign in than was meant."""
    variables = {**by_oidc("https://console.example.com"), **changed}
    with pytest.raises(ConfigurationError, match=message) as error:
        create_app(Deployment.read(tmp_path, variables), TOKEN, clock=Clock())
    assert "secret" not in str(error.value).replace("CLIENT_SECRET", "").replace("_secret", "")


def test_a_proxy_without_addresses_is_refused(tmp_path: Path) -> None:
    """Prevents a header that anybody may send."""
    variables = by_proxy("https://console.example.com", UPLOADWATCH_PROXY_ADDRESSES="")
    with pytest.raises(ConfigurationError, match="UPLOADWATCH_PROXY_ADDRESSES"):
        create_app(Deployment.read(tmp_path, variables), TOKEN)


def test_other_machines_need_a_way_to_sign_in(tmp_path: Path) -> None:
    """Prevents a token in clear on the network."""
    (tmp_path / "home" / "lake").mkdir(parents=True)
    done = say("console", "--home", str(tmp_path / "home"), "--host", "0.0.0.0")  # noqa: S104 -- refused
    assert done.status == 1
    assert "docs/console-sign-in.md" in " ".join(done.err.split())


def test_cookies_on_https_belong_to_the_host_alone(tmp_path: Path) -> None:
    """Prevents a cookie that another host of the domain sets or reads, or that travels in clear."""
    variables = by_proxy("https://console.example.com:443")
    with served_console(tmp_path / "home", variables, add_routes=add_routes) as console:
        headers = [("Host", "console.example.com"), ("X-Forwarded-Email", "root@example.com")]
        status, answered = raw(console, "GET", "/", headers)
        assert status == 200
        cookie = answered["set-cookie"]
        assert cookie.startswith("__Host-uploadwatch=")
        assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
        assert "Domain" not in cookie
        assert answered["strict-transport-security"] == "max-age=31536000"
        signed_in = [*headers, ("Cookie", cookie.partition(";")[0])]
        assert raw(console, "GET", "/dagster", signed_in)[1]["location"] == "https://console.example.com/dagster/"
        clear = [*headers, ("Cookie", cookie.partition(";")[0]), ("Origin", "http://console.example.com")]
        assert raw(console, "POST", "/sign-out", clear)[0] == 403


@pytest.mark.parametrize("replacement", [{}, {"X-Forwarded-For": "10.9.9.9"}])
def test_people_behind_a_reverse_proxy_have_limits_of_their_own(tmp_path: Path, replacement: dict[str, str]) -> None:
    """Prevents one peer who shuts out all others, and one who escapes the limit by a made-up address."""
    given = {**by_oidc("http://127.0.0.1:1"), "UPLOADWATCH_PROXY_ADDRESSES": "127.0.0.0/8"}
    with served_console(tmp_path / "home", lambda url: {**given, "UPLOADWATCH_CONSOLE_URL": url}) as console:
        path = f"{console.url}/sign-in/callback"
        codes = []
        for each in range(21):
            forged = replacement.get("X-Forwarded-For", f"10.0.0.{each}")
            codes.append(requests.Session().get(path, headers={"X-Forwarded-For": f"{forged}, 10.1.1.1"}).status_code)
        assert codes == [401] * 20 + [429]
        other = requests.Session().get(path, headers={"X-Forwarded-For": "10.1.1.2"})
        assert other.status_code == 401


METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
ORIGINS = [
    "{url}",
    "",
    "null",
    "https://evil.example",
    "{url}.evil.example",
    "https://{host}",
    "http://127.0.0.1:1",
    "{url}/",
]
HOSTS = ["{host}", "", "evil.example", "127.0.0.1", "{host}.evil.example", "localhost:{port}", "[::1]:{port}"]
SESSIONS = ["viewer", "analyst", "operator", "none", "unknown", "ended", "of the csrf token"]
TOKENS = ["header", "form", "none", "wrong", "of another", "both wrong and right"]
SITES = ["", "same-origin", "cross-site", "same-site", "none"]
EXAMPLES = {"case_id": "c" * 64, "alert_id": "a" * 64, "key": "x", "path": "x"}


def pages(app: Starlette) -> dict[str, tuple[Role | None, set[str]]]:
    """Return an example of each path of the app, with the role that it needs (None for an open one) and its methods."""
    found: dict[str, tuple[Role | None, set[str]]] = {"/none": (Role.VIEWER, {"GET"})}
    for route in app.routes:
        if isinstance(route, Mount):
            if route.path == "/dagster":
                found["/dagster/"] = (Role.ANALYST, {"GET", "POST", "PUT"})
            continue
        assert isinstance(route, Route)
        path = route.path
        for name in route.param_convertors:
            path = path.replace(f"{{{name}}}", EXAMPLES[name]).replace(f"{{{name}:path}}", EXAMPLES[name])
        role = getattr(route.endpoint, "least_role", None)
        known = found.get(path, (role, set()))
        found[path] = (role, known[1] | set(route.methods or ()))
    return found


OPEN = {session_views.sign_in, session_views.callback, session_views.signed_out}


def test_every_page_names_the_role_that_it_needs(shared: ServedConsole) -> None:
    """Prevents a new page that forgets its role."""
    without = {
        route.endpoint.__name__
        for route in shared.app.routes
        if isinstance(route, Route) and not hasattr(route.endpoint, "least_role") and route.endpoint not in OPEN
    }
    # Those of this test, the style sheet, and signing out, which every signed-in person may.
    assert without <= {"body", "broken", "page_style", "sign_out"}


@settings(max_examples=250)
@given(data=st.data())
def test_nothing_but_a_request_of_ones_own_page_gets_through(shared: ServedConsole, data: st.DataObject) -> None:
    """Prevents any combination of method, path, host, origin, session, role and token that was not thought of."""
    port = urlsplit(shared.url).port
    names = {"url": shared.url, "host": urlsplit(shared.url).netloc, "port": port}

    def chosen(values: Sequence[str]) -> str:
        # Half of the time the right one: else hardly a request is wrong in one respect alone.
        return data.draw(st.one_of(st.just(values[0]), st.sampled_from(values)))

    table = {path: rule for path, rule in pages(shared.app).items() if rule[0]}
    path = data.draw(st.sampled_from(sorted(table)))
    role, methods = table[path]
    assert role
    method = data.draw(st.one_of(st.sampled_from(sorted(methods)), st.sampled_from(METHODS)))
    host, origin, site = chosen(HOSTS).format(**names), chosen(ORIGINS).format(**names), chosen(SITES)
    who, token = data.draw(st.sampled_from(SESSIONS)), chosen(TOKENS)
    gate = shared.app.state.gate
    held = Role[who.upper()] if who in ("viewer", "analyst", "operator") else Role.OPERATOR
    session_id, session = gate.sessions.begin("generated", "generated", held)
    csrf = session.viewer(session_id).csrf
    cookie = {"none": "", "unknown": "A" * 43, "of the csrf token": csrf}.get(who, session_id)
    if who == "ended":
        gate.sessions.end(session_id)
    headers = [("Accept", "text/html"), *([("Host", host)] if host else [])]
    headers += [("Origin", origin)] if origin else []
    headers += [("Sec-Fetch-Site", site)] if site else []
    headers += [("Cookie", f"uploadwatch-{port}={cookie}")] if cookie else []
    content = b""
    if token in ("header", "wrong", "of another", "both wrong and right"):
        value = {"header": csrf, "of another": "b" * 64}.get(token, "wrong")
        headers.append(("X-CSRF-Token", value))
    if token in ("form", "both wrong and right"):
        content = f"csrf={csrf}".encode()
        headers.append(("Content-Type", "application/x-www-form-urlencoded"))
    is_safe = method in ("GET", "HEAD")
    is_theirs = host == names["host"] and who in ("viewer", "analyst", "operator") and held >= role
    carries = token == "header" or (token == "form" and not path.startswith("/dagster"))
    is_own = origin == shared.url and site in ("", "same-origin") and carries
    may = is_theirs and (site in ("", "same-origin", "none") if is_safe else is_own)
    assume(not (may and not is_safe))
    status, answered = raw(shared, method, path, headers, content)
    if may:
        assert status not in (401, 403, 421), (method, path)
    elif status == 303:
        assert is_safe
        assert answered["location"].startswith("/sign-in?next=")
    else:
        assert 400 <= status < 500, (method, path, status)
