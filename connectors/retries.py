"""Repeating what failed in passing: how often, after how long, and what is logged meanwhile."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import TypeVar

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, stop_before_delay

from connectors.errors import ConnectorError
from connectors.limits import Limiter

__all__ = ["ATTEMPTS", "LONGEST_WAIT", "Again", "backoff", "retry_after", "retrying"]

T = TypeVar("T")

ATTEMPTS = 7
LONGEST_WAIT = 300.0
"""Seconds that a provider may ask for before another attempt; a run that sleeps longer had better come back later."""
LONGEST_BACKOFF = 60.0
logger = logging.getLogger(__name__)


class Again(Exception):  # noqa: N818 -- no error yet: it is one when all attempts are used up
    """The attempt may be repeated.

    Attributes:
        error: What it comes to if it is not.
        wait: Seconds to wait before, where the provider named them.
        throttled: Whether the provider had too many requests, not only this one to fail.
    """

    def __init__(self, error: ConnectorError, wait: float | None = None, *, throttled: bool = False) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait
        self.throttled = throttled


def retrying(attempt: Callable[[], T], limiter: Limiter) -> T:
    """Calls ``attempt`` until it no longer raises ``Again``, or the attempts or the limiter's patience are used up.

    Where the provider throttles or names a time to wait, all others that the limiter keeps back wait, too.

    Raises:
        ConnectorError: The error within the last ``Again``.
        StoppedError: The caller was asked to stop.
    """

    def pause(state: RetryCallState) -> None:
        again = state.outcome.exception() if state.outcome else None
        seconds = state.next_action.sleep if state.next_action else 0.0
        logger.warning(
            "attempt %d of %d failed, the next in %.1f s: %s", state.attempt_number, ATTEMPTS, seconds, again
        )
        if isinstance(again, Again) and (again.throttled or again.wait):
            limiter.pause(seconds)

    retry = Retrying(
        stop=stop_after_attempt(ATTEMPTS) | stop_before_delay(limiter.patience),
        wait=_wait,
        retry=retry_if_exception_type(Again),
        before_sleep=pause,
        sleep=limiter.rest,
        reraise=True,
    )
    try:
        return retry(attempt)
    except Again as again:
        raise again.error from None


def backoff(attempt: int) -> float:
    """Seconds to wait after the ``attempt``-th failure (from 1): 1, 2, 4 ... 60, less a random part up to half."""
    return min(LONGEST_BACKOFF, 2.0 ** (attempt - 1)) * random.uniform(0.5, 1.0)  # noqa: S311 -- no secret


def retry_after(response: requests.Response) -> float | None:
    """Seconds in ``Retry-After``, be it a number or a date; None where there is none."""
    text = response.headers.get("Retry-After", "").strip()
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        # A date counts on the server's clock, which the header Date tells.
        until, now = parsedate_to_datetime(text), parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError:
        return None
    return max(0.0, (until - now).total_seconds())


def _wait(state: RetryCallState) -> float:
    again = state.outcome.exception() if state.outcome else None
    told = again.wait if isinstance(again, Again) else None
    return backoff(state.attempt_number) if told is None else told
