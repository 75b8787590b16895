"""Office 365: the blobs of one pull. A bad blob does not keep the others from landing.

A blob that can't be read is set aside after few attempts and requested again when all others have been read. If it
fails then, it becomes an open gap of its own. If the provider itself is down or refuses access, the pull stops.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from connectors.core.errors import AccessError, ConnectorError, NetworkError, SignInError, UnavailableError
from connectors.core.narrowing import BRIEF
from connectors.core.retries import USUAL, Patience
from connectors.core.time_ranges import SECOND
from connectors.core.types import Gap, Page

__all__ = ["FILES", "Blob", "Blobs", "ends_pull"]

FILES = "Audit.SharePoint"
"""Type of content with uploads to SharePoint and OneDrive; the others hold sign-ins and alerts."""

_ONCE = Patience(attempts=1)
_SUSPICIOUS = 3
"""Failures in a row after which a check shows whether the provider answers at all."""
_HOPELESS = 10
"""Failures in a row after which no further blob is requested, although the provider answers."""
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Blob:
    """A blob as its list names it.

    Attributes:
        kind: Type of content.
        id: The content's id.
        created: Time of publication, UTC; the start of the window if the list does not say.
        expires: Time until which it is kept, UTC; None if the list does not say.
    """

    kind: str
    id: str
    created: datetime
    expires: datetime | None = None

    @property
    def unit(self) -> str:
        """Return the unit of a gap that this blob leaves."""
        return f"{self.kind}/{self.id}"

    def gap(self, cause: str, *, final: bool) -> Gap:
        """Return the gap that it leaves if it can't be fetched."""
        return Gap(
            self.created, self.created + SECOND, f"content {self.id} {cause}", final, self.unit, self.kind == FILES
        )


class Blobs:
    """The blobs of one pull.

    Args:
        fetch: Requests a blob; returns its records, or a final gap if it is gone.
        answers: Checks whether the provider answers at all, within limits for retries.
    """

    def __init__(self, fetch: Callable[[Blob, Patience], Page | Gap], answers: Callable[[Patience], bool]) -> None:
        self._fetch = fetch
        self._answers = answers
        self._aside: list[tuple[Blob, ConnectorError]] = []
        self._some = False
        self._in_a_row = 0
        self._given_up: ConnectorError | None = None

    def read(self, blobs: Iterable[Blob]) -> Iterator[Page | Gap]:
        """Read blobs, and set aside those that can't be read.

        Raises:
            ConnectorError: Every blob would fail: the credentials are refused, the provider throttles, or this
                machine's network blocks the requests.
        """
        for blob in blobs:
            if self._given_up:
                self._aside.append((blob, self._given_up))
                continue
            try:
                answer = self._fetch(blob, BRIEF if self._in_a_row < _SUSPICIOUS else _ONCE)
            except ConnectorError as error:
                if ends_pull(error):
                    raise
                logger.warning("office365: content %s is set aside: %s", blob.id, error)
                self._aside.append((blob, error))
                self._count(error)
            else:
                self._some, self._in_a_row = True, 0
                yield answer

    def read_rest(self) -> Iterator[Page | Gap]:
        """Request those set aside again; yield a gap for each that still can't be read.

        Raises:
            ConnectorError: As for ``read``; or no blob could be read at all, and the blobs are not the cause.
        """
        waiting, self._aside, self._in_a_row = self._aside, [], 0
        first = waiting[0][1] if waiting else None
        if self._given_up and self._answers(BRIEF):
            self._given_up = None
        yield from self.read(blob for blob, _ in waiting)
        outside = all(isinstance(error, UnavailableError | AccessError) for _, error in self._aside)
        if (
            first
            and self._aside
            and not self._some
            and outside
            and (len(self._aside) >= _SUSPICIOUS or not self._answers(BRIEF))
        ):
            raise first
        for blob, error in self._aside:
            cause = f"can't be read: {error.cause.rstrip('.')}. It will be requested again, last"
            yield blob.gap(cause, final=False)

    def _count(self, error: ConnectorError) -> None:
        """Count a failure; raise it if the blobs are not the cause."""
        if not isinstance(error, UnavailableError | AccessError):
            # The provider answered, but not with a blob.
            self._in_a_row = 0
            return
        self._in_a_row += 1
        if self._in_a_row == _SUSPICIOUS and not self._answers(USUAL):
            self._given_up = error
        if self._in_a_row >= _HOPELESS:
            self._given_up = error


def ends_pull(error: ConnectorError) -> bool:
    """Return whether every other request of the pull would fail, too."""
    throttled = isinstance(error, UnavailableError) and error.throttled
    return throttled or isinstance(error, SignInError | NetworkError)
