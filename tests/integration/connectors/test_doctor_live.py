"""The doctor against the sandbox: clocks, quotas, logs that are silent or young, what hangs, and the command."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.app import app
from connectors.doctor import State
from tests.support.doctor import (
    NOW,
    PROVIDERS,
    ask,
    history,
    play,
    sandbox,
    served,
    settings,
    states,
    token_of,
)
from tests.support.sandbox_server import Client, serving

__all__ = ["sandbox", "served"]


@pytest.mark.parametrize(
    ("provider", "seconds", "state"),
    [
        ("box", 50, None),
        ("box", -130, State.WARNING),
        ("dropbox", 130, State.WARNING),
        ("google_workspace", 400, State.FAILURE),
        ("office365", -400, State.FAILURE),
    ],
)
def test_a_clock_that_is_off_is_told(sandbox: Client, provider: str, seconds: int, state: State | None) -> None:
    """Prevents looking for a wrong key where the machine's clock makes Google refuse it."""
    ask(sandbox, provider)
    play(sandbox, *({"api": api, "kind": "clock_skew", "seconds": seconds} for api in (provider, token_of(provider))))
    found = ask(sandbox, provider)
    assert states(found) == ({"clock": state} if state else {})
    if state:
        assert ("behind" if seconds > 0 else "ahead") in found["clock"].found
        assert str(abs(seconds) // 10) in found["clock"].found


def test_the_clock_is_told_although_the_sign_in_is_refused(sandbox: Client) -> None:
    """Prevents hiding the cause: it is the clock that makes a sign-in fail."""
    play(sandbox, {"api": "google_token", "kind": "sign_in_refused"})
    found = ask(sandbox, "google_workspace", now=NOW - timedelta(minutes=10))
    assert found["sign_in"].state is State.FAILURE
    assert found["clock"].state is State.FAILURE
    assert "behind" in found["clock"].found


@pytest.mark.parametrize("provider", PROVIDERS)
def test_throttling_is_waited_for_once_and_told(sandbox: Client, provider: str) -> None:
    """Prevents a provider at its limit from being told as well, and a doctor that adds to the load."""
    ask(sandbox, provider)
    play(sandbox, {"api": provider, "kind": "throttled", "retry_after": 1, "times": 1})
    found = ask(sandbox, provider)
    assert states(found) == {"quota": State.WARNING}
    assert "asked to wait 1 s" in found["quota"].found
    assert "REQUESTS_PER_MINUTE" in found["quota"].to_do


def test_a_provider_that_throttles_for_long_is_not_waited_for(sandbox: Client) -> None:
    """Prevents a command that hangs for as long as a provider asks it to wait."""
    play(sandbox, {"api": "box", "kind": "throttled", "retry_after": 200})
    began = datetime.now(UTC)
    found = ask(sandbox, "box", seconds=150)
    assert datetime.now(UTC) - began < timedelta(seconds=100)
    assert states(found)["audit_log"] is State.FAILURE
    assert states(found)["quota"] is State.WARNING


def test_rates_above_the_quota_are_told(sandbox: Client) -> None:
    """Prevents a deployment that is throttled all day by its own setting."""
    found = ask(sandbox, "box", BOX_REQUESTS_PER_MINUTE="5000")
    assert states(found) == {"quota": State.WARNING}
    assert "Set BOX_REQUESTS_PER_MINUTE below 1,000" in found["quota"].to_do


def test_a_check_that_hangs_stops_no_other(sandbox: Client) -> None:
    """Prevents a provider that answers drop by drop from keeping the command."""
    play(sandbox, {"api": "dropbox", "kind": "slow", "path": "/features/", "seconds": 20})
    found = ask(sandbox, "dropbox", seconds=5)
    assert states(found) == {"plan": State.FAILURE}
    assert "no answer within 5 s" in found["plan"].found


def test_nobody_there_is_told(sandbox: Client) -> None:
    """Prevents a proxy or a firewall from looking like a wrong secret."""
    found = ask(sandbox, "box", BOX_API_URL="http://127.0.0.1:9")
    assert found["sign_in"].state is State.FAILURE
    assert "network" in found["sign_in"].to_do
    assert found["clock"].state is State.NOT_CHECKED


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_log_that_fell_silent_is_told(sandbox: Client, provider: str) -> None:
    """Prevents a log that stopped days ago from being green."""
    ask(sandbox, provider)
    later = NOW + timedelta(days=5)
    sandbox.set_clock(later.isoformat())
    try:
        found = ask(sandbox, provider, now=later)
    finally:
        sandbox.set_clock(NOW.isoformat())
    assert found["newest_event"].state is State.WARNING
    assert "5 days old" in found["newest_event"].found


def test_a_short_history_tells_when_alerts_begin(tmp_path: Path) -> None:
    """Prevents waiting for alerts without knowing how long."""
    begins = {f"{NOW + timedelta(days=days):%Y-%m-%d}" for days in (10, 11)}
    with serving(tmp_path, history(PROVIDERS, 4), NOW.isoformat()) as client:
        ask(client, "office365")
        for provider in PROVIDERS:
            found = ask(client, provider)
            assert states(found) == {"retention": State.WARNING}
            assert any(day in found["retention"].found for day in begins)


def test_office365_says_when_alerts_begin_although_it_keeps_a_week(sandbox: Client) -> None:
    """Prevents a warning that no operator can do anything about."""
    ask(sandbox, "office365")
    found = ask(sandbox, "office365")["retention"]
    assert found.state is State.OK
    assert "alerts begin about 2026-02-01" in found.found


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Return a function that runs ``uploadwatch doctor`` in an empty directory with nothing but the given variables."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith(("BOX_", "DROPBOX_", "GOOGLE_", "OFFICE365_", "UPLOADWATCH_")):
            monkeypatch.delenv(name)

    def run(values: Mapping[str, str], *options: str) -> Any:
        return CliRunner().invoke(app, ["doctor", *options], env={**values, "COLUMNS": "200"})

    return run


def test_the_command_tells_by_its_exit_status(sandbox: Client, command: Callable[..., Any]) -> None:
    """Prevents a warning from stopping a deployment, and a failure from passing; markup from outside stays text."""
    values = settings(sandbox, UPLOADWATCH_NOW=NOW.isoformat())
    ask(sandbox, "office365")
    warned = command({**values, "BOX_REQUESTS_PER_MINUTE": "5000"}, "--format", "json")
    findings = json.loads(warned.stdout)
    assert warned.exit_code == 0
    assert {finding["state"] for finding in findings} == {"ok", "warning"}
    assert set(findings[0]) == {"provider", "check", "state", "found", "to_do"}
    refused = {"type": "error", "code": "insufficient_scope", "message": "[bold red]pwned[/] [/x]"}
    play(sandbox, {"api": "box", "kind": "answer", "status": 403, "body": refused})
    failed = command(values, "--provider", "box")
    assert failed.exit_code == 1
    assert "[bold red]pwned[/] [/x]" in failed.stdout
    assert "Manage enterprise properties" in failed.stdout


def test_nothing_configured_is_a_failure(command: Callable[..., Any]) -> None:
    """Prevents an empty environment from passing for a good one."""
    told = command({})
    assert told.exit_code == 1
    assert "BOX_CLIENT_ID" in told.stdout
    unknown = command({}, "--provider", "icloud")
    assert unknown.exit_code == 2
    assert "icloud: not a provider" in unknown.output
