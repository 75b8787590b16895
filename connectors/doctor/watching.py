"""Record of whether the provider asks for fewer requests during a diagnosis."""

from __future__ import annotations

from datetime import timedelta

from connectors.core.rate_limits import Limiter, Limits

__all__ = ["Watch"]

PATIENCE = 3.0
"""Seconds within which a failed request is retried: short, since a person is waiting."""
REQUESTS = 120
"""Upper bound on requests per minute, below the quota of every provider."""


class Watch(Limits):
    """Limits for the few requests of a diagnosis; records the waits.

    Attributes:
        waits: Seconds that were waited before a request was repeated because the provider asked for it.
    """

    def __init__(self) -> None:
        super().__init__(None)
        self.waits: list[float] = []

    def per_minute(self, api: str, requests: int) -> Limiter:
        """Return a limiter with few retries that does not count against the deployment's quota."""
        return _Noting(self.waits)


class _Noting(Limiter):
    """Limiter that records the waits that providers ask for."""

    def __init__(self, waits: list[float]) -> None:
        super().__init__(None, REQUESTS, timedelta(minutes=1), patience=PATIENCE)
        self._waits = waits

    def pause(self, seconds: float) -> None:
        """Record the wait, then pause as ``Limiter.pause`` does."""
        self._waits.append(seconds)
        super().pause(seconds)
