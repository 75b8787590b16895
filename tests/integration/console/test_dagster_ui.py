"""Dagster's UI in the console: used by a person in a browser, attacked by pages of other origins, and ended.

The first console's requests have their role from a cookie; the second is the command with the code location of this
package, so that sign-in and all checks of requests are as people have them.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dagster as dg
import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Page, expect
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from console.dagster_ui.server import DagsterServer
from lake.audit_log import read_acts
from lake.store import Lake
from orchestration.code_server import Place
from orchestration.shipped_files import shipped_text
from tests.support import small_location
from tests.support.chromium import chromium, needs_chromium
from tests.support.dagster_console import command_console, role_console, served_app
from tests.support.waiting import PATIENCE_SECONDS, wait_until

PATIENCE = 1000 * PATIENCE_SECONDS
SECRET = "planted-secret-of-box"
DIRECT_LAUNCH = "run_coordinator: {module: dagster._core.run_coordinator, class: DefaultRunCoordinator}\n"
LIMIT = 'mutation { setConcurrencyLimit(concurrencyKey: "attacked", limit: 7) }'
LIMITS = "{ instance { concurrencyLimits { concurrencyKey } } }"

pytestmark = [needs_chromium, pytest.mark.sampled("module")]


def made_home(home: Path, more: str = "") -> Path:
    """A home without alerts, and its Dagster's settings."""
    (home / "lake").mkdir(parents=True)
    (home / "dagster").mkdir()
    (home / "dagster" / "dagster.yaml").write_text(shipped_text("dagster.yaml") + more, encoding="utf-8")
    return home


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


# --- A person at work ---


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_home(tmp_path_factory.mktemp("roles") / "home", DIRECT_LAUNCH)


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    location = {"relative_path": small_location.__file__, "location_name": "small"}
    workspace = home / "workspace.yaml"
    workspace.write_text(json.dumps({"load_from": [{"python_file": location}]}), encoding="utf-8")
    storage = home / "dagster"
    with role_console(home, DagsterServer(lambda: Place(storage, storage, {}), workspace)) as served:
        yield served


def become(context: BrowserContext, address: str, role: str) -> None:
    context.add_cookies([{"name": "role", "value": role, "url": address}])


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A page of an operator that fails on scripts which its policy forbids."""
    with browser.new_context(base_url=address, viewport={"width": 1500, "height": 950}) as context:
        become(context, address, "OPERATOR")
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        refused: list[str] = []
        page.on("console", lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None)
        foreign: list[str] = []
        page.on("request", lambda sent: foreign.append(sent.url) if urlsplit(sent.url).netloc not in address else None)
        yield page
        assert refused == []
        assert [url for url in foreign if not url.startswith(("data:", "blob:"))] == []


def test_a_viewer_sees_nothing_of_dagster(address: str) -> None:
    """Prevents a role that is checked in the menu alone."""
    for path in ("/dagster/", "/dagster/runs", "/dagster/graphql", "/dagster/server_info"):
        assert requests.get(address + path, cookies={"role": "VIEWER"}, timeout=PATIENCE_SECONDS).status_code == 403


def test_the_ui_starts_at_its_first_use_and_shows_assets(page: Page) -> None:
    """Prevents a page that must be reloaded by hand, and a policy under which the UI is blank."""
    first = page.goto("/dagster/assets/quick")
    assert first is not None
    if first.status == 503:
        expect(page.get_by_role("heading", name="Dagster's UI is starting")).to_be_visible()
    expect(page.get_by_text("Do nothing.").first).to_be_visible(timeout=PATIENCE)
    for path, shown in (("/dagster/overview", "Timeline"), ("/dagster/assets", "slow"), ("/dagster/", "Overview")):
        page.goto(path)
        expect(page.get_by_text(shown).first).to_be_visible(timeout=PATIENCE)


def test_an_operator_launches_a_run_whose_log_streams(page: Page, home: Path) -> None:
    """Prevents mutations of the UI without the token, and logs that stand still until the page is reloaded."""
    received: list[str] = []

    def keep(frame: str | bytes) -> None:
        received.append(str(frame))

    page.on("websocket", lambda socket: socket.on("framereceived", keep))
    page.goto("/dagster/assets/slow")
    page.get_by_text("Materialize", exact=True).first.click()
    page.get_by_text("View", exact=True).first.click()
    expect(page.get_by_text("line 3 of slow").first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("line 6 of slow").first).to_be_visible(timeout=PATIENCE)
    assert any("line 6 of slow" in frame for frame in received)
    page.get_by_role("button", name="Terminate").first.click()
    page.get_by_role("button", name="Terminate 1 run").click()
    acts = wait_until(lambda: len(found := read_acts(Lake(str(home / "lake")))) == 2 and found, "both are recorded")
    assert [(act.by, act.act, act.text) for act in acts] == [
        ("operator@example.com", "dagster", "terminateRuns"),
        ("operator@example.com", "dagster", "launchPipelineExecution"),
    ]


def test_an_analyst_reads_and_the_ui_says_why_a_change_is_refused(page: Page, address: str, home: Path) -> None:
    """Prevents an analyst's change, and a button that does nothing without a word."""
    page.goto("/dagster/automation")
    switch = page.locator("label[class*=Switch]")
    expect(page.get_by_text("nightly", exact=True).first).to_be_visible(timeout=PATIENCE)
    # The role is taken away while the page is open and has asked what its person may do.
    page.wait_for_load_state("networkidle")
    become(page.context, address, "ANALYST")
    switch.click()
    page.get_by_text("View error info").first.click()
    expect(page.get_by_text("this needs the role operator").first).to_be_visible(timeout=PATIENCE)
    page.goto("/dagster/assets/quick")
    expect(page.get_by_role("button", name="Materialize").first).to_be_disabled(timeout=PATIENCE)
    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        assert instance.all_instigator_state() == []
    become(page.context, address, "OPERATOR")
    page.goto("/dagster/automation")
    switch.click()
    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        wait_until(lambda: [state.status.value for state in instance.all_instigator_state()] == ["RUNNING"], "it is on")


def test_a_ui_that_cannot_start_says_why(tmp_path: Path) -> None:
    """Prevents a page that starts forever, and a console that ends with Dagster."""
    home = made_home(tmp_path / "home")
    (home / "dagster" / "dagster.yaml").unlink()
    storage = home / "dagster"
    with role_console(home, DagsterServer(lambda: Place(storage, storage, {}))) as served:

        def get() -> str:
            cookies, headers = {"role": "ANALYST"}, {"Accept": "text/html"}
            url = f"{served}/dagster/"
            return requests.get(url, cookies=cookies, headers=headers, timeout=PATIENCE_SECONDS).text

        def failed() -> str:
            text = get()
            return text if "Dagster's UI can't start" in text else ""

        said = wait_until(failed, "the failure is shown")
        assert f"{storage} holds no dagster.yaml. Set DAGSTER_HOME to its directory." in said
        assert "is starting" in get(), "it is tried again"


# --- A page of another origin ---


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, subprocess.Popen[str], Path]]:
    """The command's console on a home of an organisation, at the address to sign in."""
    home = made_home(tmp_path_factory.mktemp("attacked") / "home")
    variables = {"BOX_CLIENT_ID": "planted-id", "BOX_CLIENT_SECRET": SECRET, "BOX_ENTERPRISE_ID": "1"}
    variables |= {"UPLOADWATCH_ORGANISATION_DOMAINS": "example.com"}
    with command_console(home, variables) as (sign_in, process):
        yield sign_in, process, home


@pytest.fixture(scope="module")
def signed_in(browser: Browser, attacked: tuple[str, subprocess.Popen[str], Path]) -> Iterator[Page]:
    """A page of the operator, with Dagster's UI of this package's code location."""
    sign_in, _process, _home = attacked
    with browser.new_context() as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        began = time.monotonic()
        page.goto(sign_in)
        assert time.monotonic() - began < 10, "the first page waits for Dagster"
        page.goto(f"{origin_of(sign_in)}/dagster/locations")
        expect(page.get_by_text("uploadwatch").first).to_be_visible(timeout=PATIENCE)
        yield page


def origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def asked(page: Page, query: str) -> dict[str, Any]:
    """Send what the UI's own scripts would send."""
    script = """async (query) => (await fetch('/dagster/graphql', {
        method: 'POST', headers: {'content-type': 'application/json'}, body: JSON.stringify({query})})).json()"""
    return page.evaluate(script, query)


ATTACK = """async ([target, query]) => {
    const url = `${target}/dagster/graphql`, body = JSON.stringify({query}), seen = [];
    const form = (action, enctype, fields) => new Promise(done => {
        const made = Object.assign(document.createElement('form'), {method: 'POST', action, enctype, target: 'sink'});
        for (const [name, value] of fields)
            made.append(Object.assign(document.createElement('input'), {name, value}));
        document.body.append(made);
        document.querySelector('iframe[name=sink]').onload = done;
        made.submit();
        setTimeout(done, 3000);
    });
    document.body.innerHTML = '<iframe name=sink></iframe>';
    const image = new Image();
    await new Promise(done => { image.onerror = done; image.src = `${url}?query=${encodeURIComponent(query)}`; });
    await form(url, 'text/plain', [[body.slice(0, -1) + ', "a": "', '"}']]);
    await form(`${url}?query=${encodeURIComponent(query)}`, 'application/x-www-form-urlencoded', [['query', query]]);
    await form(url, 'multipart/form-data', [['query', query], ['operations', body]]);
    const tries = [
        {mode: 'no-cors', headers: {'content-type': 'text/plain'}},
        {mode: 'cors', headers: {'content-type': 'text/plain'}},
        {mode: 'cors', headers: {'content-type': 'application/json'}},
        {mode: 'cors', headers: {'content-type': 'application/json', 'X-CSRF-Token': 'guessed'}},
    ];
    for (const one of tries)
        try {
            const answer = await fetch(url, {method: 'POST', body, credentials: 'include', ...one});
            seen.push(await answer.text());
        } catch (error) {}
    try { seen.push(await (await fetch(`${target}/dagster/`, {credentials: 'include'})).text()); } catch (error) {}
    return seen.filter(text => text);
}"""

SOCKET_ATTACK = """async ([target, query]) => new Promise(done => {
    const seen = [], socket = new WebSocket(`${target.replace('http', 'ws')}/dagster/graphql`, 'graphql-ws');
    socket.onopen = () => {
        socket.send(JSON.stringify({type: 'connection_init'}));
        socket.send(JSON.stringify({type: 'start', id: '1', payload: {query}}));
    };
    socket.onmessage = message => seen.push(message.data);
    socket.onerror = socket.onclose = () => done(seen);
    setTimeout(() => done(seen), 2000);
})"""


@pytest.fixture(scope="module", params=["127.0.0.1", "localhost"])
def attacker(signed_in: Page, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page that another server on this machine serves, in the operator's browser.

    Cookies of the same site are sent from 127.0.0.1, whatever the port; from localhost they are not.
    """
    with served_app(Starlette(routes=[Route("/", lambda _request: HTMLResponse("<body></body>"))])) as address:
        page = signed_in.context.new_page()
        page.goto(address.replace("127.0.0.1", request.param))
        yield page
        page.close()


def test_a_foreign_page_changes_and_reads_nothing(attacker: Page, signed_in: Page) -> None:
    """Prevents a page that is open in the same browser from acting with the operator's session."""
    target = origin_of(signed_in.url)
    assert attacker.evaluate(ATTACK, [target, LIMIT]) == []
    attacker.evaluate(SOCKET_ATTACK, [target, LIMIT])
    assert asked(signed_in, LIMITS) == {"data": {"instance": {"concurrencyLimits": []}}}


def test_a_foreign_page_reads_nothing_by_a_websocket(signed_in: Page) -> None:
    """Prevents subscriptions to the runs' logs by pages of the same site, to which the browser gives the cookie."""
    with served_app(Starlette(routes=[Route("/", lambda _request: HTMLResponse("<body></body>"))])) as address:
        page = signed_in.context.new_page()
        page.goto(address)
        assert page.evaluate(SOCKET_ATTACK, [origin_of(signed_in.url), LIMITS]) == []
        page.close()


def test_another_hosts_name_reads_nothing(signed_in: Page) -> None:
    """Prevents a page whose host's name was made to lead here (DNS rebinding) from being of the same origin."""
    cookies = {str(each["name"]): str(each["value"]) for each in signed_in.context.cookies()}
    target = origin_of(signed_in.url)
    for path in ("/dagster/", "/dagster/server_info"):
        headers = {"Host": "attacker.example"}
        got = requests.get(target + path, cookies=cookies, headers=headers, timeout=PATIENCE_SECONDS)
        assert got.status_code >= 400


def test_no_page_frames_the_ui(attacker: Page, signed_in: Page) -> None:
    """Prevents clicks on a button of Dagster's that a page shows as its own."""
    target = origin_of(signed_in.url)
    attacker.evaluate("(url) => { document.body.innerHTML = `<iframe src='${url}'></iframe>` }", f"{target}/dagster/")
    attacker.wait_for_timeout(1000)
    assert len(attacker.frames) == 2
    assert "/_next/" not in attacker.frames[1].content()


def test_the_operators_page_changes_what_attacks_did_not(signed_in: Page) -> None:
    """Prevents attacks that fail only since the mutation does nothing, and records without the mutation."""
    assert asked(signed_in, LIMIT) == {"data": {"setConcurrencyLimit": True}}
    assert asked(signed_in, LIMITS)["data"]["instance"]["concurrencyLimits"] == [{"concurrencyKey": "attacked"}]


def test_no_secret_is_in_what_the_ui_shows(signed_in: Page) -> None:
    """Prevents credentials of the environment in the pages about the deployment."""
    fields = "name loadStatus locationOrLoadError { ... on RepositoryLocation { name } ... on PythonError { message } }"
    said = asked(
        signed_in,
        f"{{ instance {{ info }} workspaceOrError {{ ... on Workspace {{ locationEntries {{ {fields} }} }} }} }}",
    )
    assert '"uploadwatch"' in json.dumps(said)
    assert "PythonError" not in json.dumps(said)
    signed_in.goto(f"{origin_of(signed_in.url)}/dagster/deployment/config")
    expect(signed_in.get_by_text("run_storage").first).to_be_visible(timeout=PATIENCE)
    assert SECRET not in json.dumps(said) + signed_in.content()


def children(process: subprocess.Popen[str]) -> set[int]:
    """Return the processes that descend from one."""
    parents = {}
    for found in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(found.parent.name)] = int(found.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    descend = {process.pid}
    while more := {pid for pid, parent in parents.items() if parent in descend} - descend:
        descend |= more
    return descend - {process.pid}


def test_the_end_of_the_console_ends_its_code_server(
    signed_in: Page, attacked: tuple[str, subprocess.Popen[str], Path]
) -> None:
    """Prevents code servers that go on with secrets in memory, and a console that an open page keeps alive."""
    _sign_in, process, _home = attacked
    started = children(process)
    assert started, "there is no code server"
    process.terminate()
    process.wait(timeout=PATIENCE_SECONDS)
    assert [pid for pid in started if Path(f"/proc/{pid}").exists()] == []
