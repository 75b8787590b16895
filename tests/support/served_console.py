"""Console over real HTTP, in a thread of the test, with a clock that the test sets."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
import uvicorn
from starlette.applications import Starlette

from common.clock import Clock
from console.app import create_app
from console.context import Deployment
from tests.support.waiting import wait_until

TOKEN = "t" * 43
NO_VARIABLES: Mapping[str, str] = {}


class SetClock(Clock):
    """Clock that runs, and that a test moves."""

    ahead: timedelta

    def __init__(self) -> None:
        object.__setattr__(self, "ahead", timedelta())

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def move(self, **by: float) -> None:
        object.__setattr__(self, "ahead", self.ahead + timedelta(**by))


@dataclass
class ServedConsole:
    """A served console.

    Attributes:
        url: Its address.
        home: Its home.
        app: The application.
        clock: Its real time.
    """

    url: str
    home: Path
    app: Starlette
    clock: SetClock

    def signed_in(self) -> requests.Session:
        """Return the browser of a person who signed in with the token."""
        browser = requests.Session()
        answer = browser.get(f"{self.url}/?token={TOKEN}", allow_redirects=False)
        assert answer.status_code == 303, answer.text
        return browser

    def csrf(self, browser: requests.Session) -> str:
        """Return the CSRF token of a browser's session."""
        page = browser.get(f"{self.url}/", allow_redirects=False)
        assert page.status_code == 200, page.text
        return page.text.partition('name="csrf" value="')[2].partition('"')[0]

    def post(self, browser: requests.Session, path: str, **options: Any) -> requests.Response:
        """Send a form as a page of the console does; `headers` replace those, and None removes one."""
        headers = {"Origin": self.url, "Sec-Fetch-Site": "same-origin", **options.pop("headers", {})}
        return browser.post(self.url + path, headers=headers, allow_redirects=False, **options)


@contextmanager
def served_console(
    home: Path,
    variables: Mapping[str, str] | Callable[[str], Mapping[str, str]] = NO_VARIABLES,
    *,
    access_log: bool = False,
    add_routes: Callable[[Starlette], None] = lambda _app: None,
) -> Iterator[ServedConsole]:
    """Serve the console of a home, which is made if it is missing.

    Args:
        home: The home.
        variables: Variables of the deployment, or a function that gives them for an address.
        access_log: Whether the server logs requests.
        add_routes: Function that adds routes of the test.
    """
    (home / "lake").mkdir(parents=True, exist_ok=True)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        values = variables(url) if callable(variables) else variables
        clock = SetClock()
        app = create_app(Deployment.read(home, values), TOKEN, clock=clock)
        add_routes(app)
        level = "info" if access_log else "critical"
        config = uvicorn.Config(app, log_level=level, access_log=access_log, proxy_headers=False, log_config=None)
        server = uvicorn.Server(config)
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        try:
            wait_until(lambda: server.started, "the console serves", pause_seconds=0.01)
            yield ServedConsole(url, home, app, clock)
        finally:
            server.should_exit = True
            server.force_exit = True
            thread.join(10)
