"""Repeating what failed in passing: how often, after how long, and what is logged meanwhile."""

from __future__ import annotations

import logging
import math
import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TypeVar

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception_type
from tenacity.stop import stop_base

from connectors.core.errors import ConnectorError
from connectors.core.rate_limits import Limiter

__all__ = [
    "ATTEMPTS",
    "LONGEST_WAIT",
    "USUAL",
    "Again",
    "Patience",
    "backoff",
    "retry_after",
    "retrying",
    "seconds_in",
]

T = TypeVar("T")

ATTEMPTS = 7
LONGEST_WAIT = 300.0
"""Seconds that a provider may ask for before another attempt; a run that sleeps longer had better come back later."""
LONGEST_BACKOFF = 60.0
_NUMBER = re.compile(r"\d{1,12}(\.\d{1,9})?")
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patience:
    """Limits for repeating a request that fails though the provider does not throttle.

    Attributes:
        attempts: Attempts at most.
        seconds: No attempt begins later than this after the first.
    """

    attempts: int = ATTEMPTS
    seconds: float = math.inf


USUAL = Patience()


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


class _Stop(stop_base):
    """Ends the attempts; a provider that throttles has the usual patience, whatever the request's own is."""

    def __init__(self, patience: Patience, longest: float) -> None:
        self._patience = patience
        self._longest = longest

    def __call__(self, retry_state: RetryCallState) -> bool:
        """Return whether no further attempt is made."""
        patience = _patience(retry_state, self._patience)
        begins = (retry_state.seconds_since_start or 0.0) + retry_state.upcoming_sleep
        return retry_state.attempt_number >= patience.attempts or begins >= min(patience.seconds, self._longest)


def retrying(attempt: Callable[[], T], limiter: Limiter, patience: Patience = USUAL) -> T:
    """Call ``attempt`` until it no longer raises ``Again``, or the attempts or the limiter's patience are used up.

    Where the provider throttles or names a time to wait, all others that the limiter keeps back wait, too.

    Raises:
        ConnectorError: The error within the last ``Again``.
        StoppedError: The caller was asked to stop.
    """

    def pause(state: RetryCallState) -> None:
        again = _again(state)
        seconds = state.next_action.sleep if state.next_action else 0.0
        attempts = _patience(state, patience).attempts
        logger.warning(
            "attempt %d of %d failed, the next in %.1f s: %s", state.attempt_number, attempts, seconds, again
        )
        if again and (again.throttled or again.wait):
            limiter.pause(seconds)

    retry = Retrying(
        stop=_Stop(patience, limiter.patience),
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
    """Return the seconds to wait after failure ``attempt`` (from 1): 1, 2, 4 ... 60, less a random part up to half."""
    return min(LONGEST_BACKOFF, 2.0 ** (attempt - 1)) * random.uniform(0.5, 1.0)  # noqa: S311 -- no secret


def seconds_in(told: object) -> float | None:
    """Return a number of seconds as a provider tells it, a number or a text; None where it is none that can be."""
    if isinstance(told, bool):
        return None
    if isinstance(told, str):
        return float(told) if _NUMBER.fullmatch(told.strip()) and told.isascii() else None
    if not isinstance(told, int | float):
        return None
    try:
        seconds = float(told)
    except OverflowError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def retry_after(response: requests.Response) -> float | None:
    """Return the seconds in ``Retry-After``, a number or a date; None where it is missing or can't be read."""
    text = str(response.headers.get("Retry-After", "")).strip()
    if (seconds := seconds_in(text)) is not None:
        return seconds
    try:
        # A date counts on the server's clock, which the header Date tells.
        until, now = parsedate_to_datetime(text), parsedate_to_datetime(str(response.headers.get("Date", "")))
        return max(0.0, (until - now).total_seconds())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _again(state: RetryCallState) -> Again | None:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, Again) else None


def _patience(state: RetryCallState, own: Patience) -> Patience:
    again = _again(state)
    return USUAL if again and again.throttled else own


def _wait(state: RetryCallState) -> float:
    again = _again(state)
    told = again.wait if again else None
    return backoff(state.attempt_number) if told is None else told
