"""Sign-ins under way at the identity provider, each for one browser and one answer."""

from __future__ import annotations

import secrets
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from common.clock import Clock
from common.digests import text_digest
from console.access.database import open_private

__all__ = ["Pending", "PendingSignIns"]

LIFETIME = timedelta(minutes=10)
_BYTES = 32
_MOST = 10_000
"""Most sign-ins under way; the oldest are dropped."""


class Pending(NamedTuple):
    """Sign-in under way.

    Attributes:
        state: State of the request, which the provider returns.
        nonce: Nonce that the ID token must carry.
        verifier: Code verifier (PKCE).
        target: Local address to lead to after it.
    """

    state: str
    nonce: str
    verifier: str
    target: str


class PendingSignIns:
    """Sign-ins under way, in the file of sessions.

    Args:
        path: The file.
        clock: Real time.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path, self._clock = path, clock

    def begin(self, browser: str, target: str) -> Pending:
        """Begin a sign-in.

        Args:
            browser: Secret of the browser's cookie: the answer must come from the same browser.
            target: Local address to lead to after it.
        """
        state, nonce, verifier = (secrets.token_urlsafe(_BYTES) for _ in range(3))
        made = Pending(state, nonce, verifier, target)
        now = self._clock.now().timestamp()
        with open_private(self._path) as con:
            con.execute("DELETE FROM pending WHERE until <= ?", [now])
            con.execute(
                "DELETE FROM pending WHERE state IN (SELECT state FROM pending ORDER BY until DESC LIMIT -1 OFFSET ?)",
                [_MOST],
            )
            con.execute(
                "INSERT INTO pending VALUES (?, ?, ?, ?, ?, ?)",
                [
                    text_digest(made.state),
                    text_digest(browser),
                    made.nonce,
                    made.verifier,
                    target,
                    now + LIFETIME.total_seconds(),
                ],
            )
        return made

    def take(self, browser: str, state: str) -> Pending | None:
        """Return the sign-in of a state once; None if there is none, it is too old, or of another browser."""
        with open_private(self._path) as con:
            row = con.execute(
                "DELETE FROM pending WHERE state = ? AND browser = ? AND until > ? RETURNING nonce, verifier, target",
                [text_digest(state), text_digest(browser), self._clock.now().timestamp()],
            ).fetchone()
        return Pending(state, *row) if row else None
