"""Waiting for what another process or thread does, as long as a busy machine may need for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

__all__ = ["PATIENCE_SECONDS", "wait_until"]

PATIENCE_SECONDS = 600
"""Upper bound of a wait, which only a test that fails comes to: under load, imports alone have taken minutes."""
T = TypeVar("T")


def wait_until(
    look: Callable[[], T], what: str, *, ended: Callable[[], object] = lambda: None, pause_seconds: float = 0.1
) -> T:
    """Look until there is something, and return it.

    Args:
        look: Returns something true once the wait is over.
        what: What is waited for, for the message.
        ended: Returns something true, such as why, once nothing more can come; the process that is waited for has died.
        pause_seconds: Time between two looks.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()):
        assert not (why := ended()), f"waited until {what}, but it has ended: {why}"
        assert time.monotonic() < deadline, f"waited for {PATIENCE_SECONDS} seconds until {what}"
        time.sleep(pause_seconds)
    return found
