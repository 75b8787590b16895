"""Waits for other processes and threads, long enough for a busy machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["PATIENCE_SECONDS", "wait_until"]

PATIENCE_SECONDS = 600
"""Upper bound of a wait, which only a failing test reaches: under load, imports alone have taken minutes."""
T = TypeVar("T")


def wait_until(
    look: Callable[[], T], what: str, *, ended: Callable[[], object] = lambda: None, pause_seconds: float = 0.1
) -> T:
    """Poll until there is a result, and return it.

    Args:
        look: Returns something true once the wait is over.
        what: Expected result, for the message.
        ended: Returns something true, such as the reason, once no result can come: the awaited process has died.
        pause_seconds: Time between two polls.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()):
        assert not (why := ended()), f"waited until {what}, but it has ended: {why}"
        assert time.monotonic() < deadline, f"waited for {PATIENCE_SECONDS} seconds until {what}"
        time.sleep(pause_seconds)
    return found
