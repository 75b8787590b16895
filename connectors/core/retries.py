"""Retries of temporary failures: how often, after which wait, and what is logged."""

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
"""Longest wait in seconds that a provider may ask for; beyond it the run fails and a later run tries again."""
LONGEST_BACKOFF = 60.0
_NUMBER = re.compile(r"\d{1,12}(\.\d{1,9})?")
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Patience:
    """Limits for retries of a request that fails although the provider does not throttle.

    Attributes:
        attempts: Upper bound on attempts.
        seconds: No attempt starts later than this after the first.
    """

    attempts: int = ATTEMPTS
    seconds: float = math.inf


USUAL = Patience()


class Again(Exception):  # noqa: N818 -- it becomes an error only when all attempts are used up
    """A failed attempt that may be retried.

    Attributes:
        error: The error to raise if it is not retried.
        wait: Seconds to wait before the retry, if the provider named them.
        throttled: Whether the provider throttled, rather than this request failed.
    """

    def __init__(self, error: ConnectorError, wait: float | None = None, *, throttled: bool = False) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait
        self.throttled = throttled


class _Stop(stop_base):
    """End of the attempts. For a provider that throttles the usual patience applies, not the request's own."""

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

    If the provider throttles or names a time to wait, all other requests of the limiter wait, too.

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


def seconds_in(value: object) -> float | None:
    """Return a provider's number of seconds, given as a number or a text; None if it is not a valid wait."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value.strip()) and value.isascii() else None
    if not isinstance(value, int | float):
        return None
    try:
        seconds = float(value)
    except OverflowError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


def retry_after(response: requests.Response) -> float | None:
    """Return the seconds in ``Retry-After``, a number or a date; None if it is missing or can't be read."""
    text = str(response.headers.get("Retry-After", "")).strip()
    if (seconds := seconds_in(text)) is not None:
        return seconds
    try:
        # A date is on the server's clock, which the header Date shows.
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
    seconds = again.wait if again else None
    return backoff(state.attempt_number) if seconds is None else seconds
