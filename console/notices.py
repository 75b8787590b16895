"""Notices about what an act did, shown once on the next page of the session."""

from __future__ import annotations

from collections import defaultdict
from threading import Lock
from typing import NamedTuple

__all__ = ["Notice", "Notices"]

_KEPT = 10
_SESSIONS = 1000


class Notice(NamedTuple):
    """Notice about an act: whether it failed, and a sentence."""

    failed: bool
    text: str


class Notices:
    """Notices that are waiting, by the token of the session that they belong to."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Notice]] = defaultdict(list)
        self._lock = Lock()

    def add(self, session: str, text: str, *, failed: bool = False) -> None:
        """Add a notice for the next page."""
        with self._lock:
            self._waiting[session] = [*self._waiting[session], Notice(failed, text)][-_KEPT:]
            while len(self._waiting) > _SESSIONS:
                self._waiting.pop(next(iter(self._waiting)))

    def take(self, session: str) -> list[Notice]:
        """Return the notices of a session, and forget them."""
        with self._lock:
            return self._waiting.pop(session, [])
