"""Side information in answers: whether the provider wants fewer requests."""

from __future__ import annotations

from datetime import timedelta

from connectors.core.rate_limits import Limiter, Limits

__all__ = ["Watch"]

PATIENCE = 3.0
"""Seconds within which a request that failed is repeated: someone waits in front of a screen."""
REQUESTS = 120
"""Requests a minute at most, below the quota of every provider."""


class Watch(Limits):
    """Limits for the few requests of a diagnosis, and the notes taken of them.

    Attributes:
        waits: Seconds that were waited before a request was repeated because the provider asked for it.
    """

    def __init__(self) -> None:
        super().__init__(None)
        self.waits: list[float] = []

    def per_minute(self, api: str, requests: int) -> Limiter:
        """A limiter of the diagnosis's own, of little patience; the quota of the deployment is not used up by it."""
        return _Noting(self.waits)


class _Noting(Limiter):
    """A limiter that notes what it is told to wait."""

    def __init__(self, waits: list[float]) -> None:
        super().__init__(None, REQUESTS, timedelta(minutes=1), patience=PATIENCE)
        self._waits = waits

    def pause(self, seconds: float) -> None:
        """As ``Limiter.pause``."""
        self._waits.append(seconds)
        super().pause(seconds)
