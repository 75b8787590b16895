"""The doctor's checks against a sandbox with three weeks of history, with or without faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.doctor import Finding, State, examine
from tests.support.sandbox_server import Client, serving, uploads

PROVIDERS = ("box", "dropbox", "google_workspace", "office365")
TOKENS = {"google_workspace": "google_token"}
NOW = datetime(2026, 1, 25, 12, tzinfo=UTC)
FORTNIGHT = timedelta(days=14)
Fault = dict[str, Any]


def token_of(provider: str) -> str:
    return TOKENS.get(provider, f"{provider}_token")


def history(providers: Sequence[str], days: int, until: datetime = NOW) -> list[dict[str, Any]]:
    """Return an upload and a sign-in every three hours of this number of days."""
    rows = []
    for hours in range(1, days * 24, 3):
        stamp = f"{until - timedelta(hours=hours):%Y-%m-%dT%H:%M:%S}"
        for provider in providers:
            rows.append(uploads(provider, 1)[0] | {"time": stamp, "file_name": f"report {hours}.pdf"})
            rows.append({"provider": provider, "kind": "sign_in", "time": stamp, "user": "ann.lee@example.com"})
    return sorted(rows, key=lambda row: row["time"])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Serve all four providers with three weeks of history; Office 365's subscriptions are not started yet."""
    with serving(tmp_path_factory.mktemp("doctor"), history(PROVIDERS, 21), NOW.isoformat()) as client:
        yield client


@pytest.fixture
def sandbox(served: Client) -> Iterator[Client]:
    """Yield the sandbox, without faults before and after."""
    play(served)
    yield served
    play(served)


def play(client: Client, *faults: Fault) -> None:
    """Activate permanent faults."""
    plan = [{"times": "always", **fault} for fault in faults]
    client.plain.put(f"{client.url}/_sandbox/faults", json=plan).raise_for_status()


def settings(client: Client, **changed: str) -> dict[str, str]:
    """Return the variables that the sandbox wrote, without its rates, which are beyond any quota."""
    kept = {name: value for name, value in client.environment.items() if not name.endswith("REQUESTS_PER_MINUTE")}
    return kept | changed


def ask(
    client: Client,
    provider: str,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    now: datetime = NOW,
    seconds: float = 60,
    **changed: str,
) -> dict[str, Finding]:
    """Return the findings about one provider, by check."""
    found = examine(
        [provider], settings(client, **changed), now=now, clock=clock, activation=FORTNIGHT, seconds=seconds
    )
    assert {finding.provider for finding in found} == {provider}
    assert len({finding.check for finding in found}) == len(found)
    return {finding.check: finding for finding in found}


def states(found: Mapping[str, Finding]) -> dict[str, State]:
    return {check: finding.state for check, finding in found.items() if finding.state is not State.OK}


def not_checked(found: Mapping[str, Finding]) -> set[str]:
    return {check for check, state in states(found).items() if state is State.NOT_CHECKED}
