"""A home with made cases, and the console that serves it over HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import requests

from common.digests import text_digest
from console.context import Deployment
from detection.rule import RULE
from tests.support.published_alerts import NOON, Made, Published
from tests.support.served_console import TOKEN, served_console

__all__ = ["NOW", "TOKEN", "Console", "made_key", "make_cases", "served"]

NOW = datetime(2026, 3, 4, 9, tzinfo=UTC)
HOSTILE = '"><script>alert(1)</script>\u202eevil@example.com'


def made_key(number: int) -> str:
    """Return the id of a made alert."""
    return text_digest(f"made {number}")


def make_cases(home: Path, number: int = 12) -> Published:
    """Make cases of as many people, a severe one and one of a hostile name among them."""
    made = Published(home / "lake", now=NOW)
    low = RULE.variations.suspicious_user.severity
    made.write(
        *(
            Made(
                made_key(n),
                NOON - timedelta(days=n % 28, hours=n // 28 % 20),
                user=HOSTILE if n == 1 else f"user{n:04}@example.com",
                files=100 + n,
                bytes=None if n == 2 else 10**9 + n,
                severity=low if n % 5 == 0 else RULE.severity,
                one_in=500 + n,
            )
            for n in range(number)
        )
    )
    return made


class Console(NamedTuple):
    """A console at work.

    Attributes:
        address: Its address, without a slash at the end.
        deployment: What it shows.
    """

    address: str
    deployment: Deployment

    def signed_in(self) -> requests.Session:
        """Return a session of the person who started it, which sends the Origin of its pages."""
        session = requests.Session()
        session.headers["Origin"] = self.address
        assert session.get(f"{self.address}/?token={TOKEN}", timeout=30).status_code == 200
        return session

    def csrf(self, session: requests.Session) -> str:
        """Return the token of the session's forms."""
        page = session.get(f"{self.address}/", timeout=30).text
        return page.partition('name="csrf" value="')[2].partition('"')[0]

    def post(self, session: requests.Session, path: str, **fields: str | Sequence[str]) -> requests.Response:
        """Send a form as a page of the console would."""
        data = {"csrf": self.csrf(session), **fields}
        return session.post(f"{self.address}{path}", data=data, timeout=60)


@contextmanager
def served(home: Path, values: Mapping[str, str] | None = None) -> Iterator[Console]:
    """Serve the console of a home at :data:`NOW`, or at the time of the given variables."""
    with served_console(home, {"UPLOADWATCH_NOW": NOW.isoformat(), **(values or {})}) as console:
        yield Console(console.url, console.app.state.deployment)
