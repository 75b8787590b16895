"""Faults that pass: a run rides them out, and its lake holds what a calm run's does, event for event."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.faulty import PROVIDERS, Fault, Provider, Pulled, of, token_of

pytestmark = pytest.mark.sampled

SHORT = {"kind": "short_page", "events": 9, "times": "always"}
"""Fault that shortens pages, so that a day has several."""
AT_ONCE: dict[str, Fault] = {
    "429 with Retry-After": {"kind": "throttled", "retry_after": 0},
    "429 as text": {"kind": "throttled", "form": "text", "retry_after": 0},
    "500": {"kind": "failing", "status": 500, "retry_after": 0},
    "502 of a proxy": {"kind": "failing", "status": 502, "retry_after": 0},
    "503": {"kind": "failing", "status": 503, "retry_after": 0},
    "token expired": {"kind": "token_expired"},
    "slow bytes": {"kind": "slow", "seconds": 0.3},
    "any order": {"kind": "disorder", "times": "always"},
}
AFTER_A_WAIT: dict[str, Fault] = {
    "429 without Retry-After": {"kind": "throttled"},
    "connection reset in the body": {"kind": "reset"},
    "truncated JSON": {"kind": "truncated"},
}
FORBIDDEN = {"kind": "throttled", "form": "forbidden", "retry_after": 0}


@of(*PROVIDERS)
@pytest.mark.parametrize("fault", [*AT_ONCE.values(), *AFTER_A_WAIT.values()], ids=[*AT_ONCE, *AFTER_A_WAIT])
def test_a_run_goes_on_and_loses_nothing(served: tuple[Provider, Pulled], fault: Fault, tmp_path: Path) -> None:
    """Prevents a passing trouble, in the middle of a chain of pages, from costing or doubling an event."""
    day, calm = served
    day.play({**fault, "pass_first": 2}, SHORT)
    pulled = day.pull(tmp_path)
    assert day.played()[0] > 0
    assert pulled.failure == ""
    assert pulled.events == calm.events
    assert sum(calm.events.values()) >= 91


@of(*PROVIDERS)
def test_many_at_once_are_ridden_out_too(served: tuple[Provider, Pulled], tmp_path: Path) -> None:
    """Prevents retries that hold for one kind of failure only: here each attempt fails in another way."""
    day, calm = served
    sign_in = {"api": token_of(day.provider), "kind": "failing", "retry_after": 0}
    faults = [{**fault, "pass_first": 3} for fault in (*AT_ONCE.values(), FORBIDDEN)]
    if day.provider in ("box", "dropbox"):
        faults.pop()
    # Google's library repeats a failed sign-in by itself, after seconds.
    day.play(*faults, SHORT, *([] if day.provider == "google_workspace" else [sign_in]))
    pulled = day.pull(tmp_path)
    assert all(day.played())
    assert pulled.failure == ""
    assert pulled.events == calm.events


@of("google_workspace", "office365")
def test_forbidden_that_means_throttled_is_waited_out(served: tuple[Provider, Pulled], tmp_path: Path) -> None:
    """Prevents Office 365's 403 in single quotes and Google's userRateLimitExceeded from passing for a refusal."""
    day, calm = served
    day.play({**FORBIDDEN, "every": 2, "times": 3}, SHORT)
    pulled = day.pull(tmp_path)
    assert day.played()[0] == 3
    assert pulled.events == calm.events
