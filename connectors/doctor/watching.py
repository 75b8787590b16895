"""What answers tell beside what was asked for: the time of the server, and whether it wants to be asked less often."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import requests

from connectors.http import Api
from connectors.limits import Limiter, Limits

__all__ = ["Watch"]

PATIENCE = 3.0
"""Seconds within which a request that failed is repeated: someone waits in front of a screen."""
REQUESTS = 120
"""Requests a minute at most, below the quota of every provider."""


class Watch(Limits):
    """Limits for the few requests of a diagnosis, and the notes taken of their answers.

    Args:
        clock: This machine's clock, UTC with zone, whatever time is played out.

    Attributes:
        skews: Seconds by which the server's clock was ahead of this machine's, one for each answer.
        waits: Seconds that were waited before a request was repeated because the provider asked for it.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        super().__init__(None)
        self._clock = clock
        self.skews: list[float] = []
        self.waits: list[float] = []

    def per_minute(self, api: str, requests: int) -> Limiter:
        """A limiter of the diagnosis's own, of little patience; the quota of the deployment is not used up by it."""
        return _Noting(self.waits)

    def attend(self, *apis: Api) -> None:
        """Takes notes of all that these APIs and their sign-in answer from here on, refusals among it."""
        for api in apis:
            api.client.session.hooks["response"].append(self._note)

    def _note(self, response: requests.Response, *_: object, **__: object) -> None:
        try:
            told = parsedate_to_datetime(response.headers.get("Date", ""))
        except ValueError:
            return
        # The header was written about half the way through the exchange, and leaves out the fraction of a second.
        written = self._clock() - response.elapsed / 2
        server = told.replace(tzinfo=told.tzinfo or UTC) + timedelta(seconds=0.5)
        self.skews.append((server - written).total_seconds())


class _Noting(Limiter):
    """A limiter that notes what it is told to wait."""

    def __init__(self, waits: list[float]) -> None:
        super().__init__(None, REQUESTS, timedelta(minutes=1), patience=PATIENCE)
        self._waits = waits

    def pause(self, seconds: float) -> None:
        """As ``Limiter.pause``."""
        self._waits.append(seconds)
        super().pause(seconds)
