"""HTTP requests to addresses that are secrets: no log or error shows the address, and no redirect is followed."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import requests

from connectors.core.retries import retry_after

__all__ = ["Answer", "UnansweredError", "quiet", "request"]

_TIMEOUTS = (5.0, 10.0)
"""Seconds allowed for connecting, and until the answer begins."""


class UnansweredError(Exception):
    """No answer came; the message says why, without the address."""


class Answer(NamedTuple):
    """Answer to a request.

    Attributes:
        status: Its status.
        wait: Seconds after which the receiver asks for a retry; None if it does not say.
    """

    status: int
    wait: float | None


def request(
    session: requests.Session, method: str, url: str, *, headers: Mapping[str, str], data: bytes | None = None
) -> Answer:
    """Send a request, and read nothing of the answer's body.

    Raises:
        UnansweredError: No answer came.
    """
    try:
        with (
            quiet(),
            session.request(
                method,
                url,
                data=data,
                headers=headers,
                timeout=_TIMEOUTS,
                allow_redirects=False,
                stream=True,
                auth=_as_is,
            ) as answer,
        ):
            return Answer(answer.status_code, retry_after(answer))
    except requests.Timeout:
        raise UnansweredError("no answer in time") from None
    except requests.exceptions.SSLError:
        raise UnansweredError("its TLS certificate was refused") from None
    except requests.RequestException as error:
        # The error's text contains the address.
        raise UnansweredError(f"it cannot be reached ({type(error).__name__})") from None


def _as_is(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
    """Return the request unchanged, so that ``requests`` does not send credentials from ``.netrc``."""
    return prepared


class _Kept(logging.Handler):
    """Log handler that keeps warnings."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


@contextmanager
def quiet() -> Iterator[list[str]]:
    """Keep messages of apprise and the HTTP client out of every log: they contain URLs. Yield apprise's warnings."""
    kept = _Kept()
    loggers = [logging.getLogger(name) for name in ("apprise", "urllib3")]
    before = [(logger.handlers, logger.propagate, logger.level) for logger in loggers]
    for logger in loggers:
        logger.handlers = [kept if logger.name == "apprise" else logging.NullHandler()]
        logger.propagate = False
        logger.setLevel(logging.WARNING)
    try:
        yield kept.said
    finally:
        for logger, (handlers, propagate, level) in zip(loggers, before, strict=True):
            logger.handlers, logger.propagate = handlers, propagate
            logger.setLevel(level)
