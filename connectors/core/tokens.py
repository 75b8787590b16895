"""Access tokens: kept in memory, renewed before they expire."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["Token"]

EARLY = 60.0
"""Seconds before its expiry that a token is renewed."""


class Token:
    """A bearer token, safe for any number of threads, requested when it is first needed.

    Args:
        sign_in: Returns a new token and its lifetime in seconds.
    """

    def __init__(self, sign_in: Callable[[], tuple[str, float]]) -> None:
        self._sign_in = sign_in
        self._lock = threading.Lock()
        self._value = ""
        self._renew_at = 0.0
        self._unused = False

    def value(self) -> str:
        """Return a token that is still valid.

        Raises:
            ConnectorError: Signing in failed.
        """
        with self._lock:
            # Lifetimes are measured on the monotonic clock: they are real seconds, even when time is simulated.
            if self._unused and self._value:
                self._unused = False
                return self._value
            if not self._value or time.monotonic() >= self._renew_at:
                self._value, life = self._sign_in()
                # Otherwise a token that is valid for less than two minutes would be renewed for every request.
                self._renew_at = time.monotonic() + life - min(EARLY, life / 2)
            return self._value

    def prepare(self) -> None:
        """Sign in before the first request, which then uses that token, however short its lifetime.

        Raises:
            ConnectorError: Signing in failed.
        """
        self.value()
        self._unused = True

    def forget(self, refused: str) -> None:
        """Make the next use sign in again, because the provider rejects this token; do nothing if it was renewed."""
        with self._lock:
            if self._value == refused:
                self._value = ""
