"""Office 365: the blobs of one pull, of which a bad one keeps no other from landing.

A blob that can't be read is put aside after few attempts and asked for once more when all others have been read. What
fails then is an open gap of its own. Where the provider itself is down, or lets nobody in, the others are not asked.
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
"""Type of content that holds uploads to SharePoint and to OneDrive; the others tell of sign-ins and alerts."""

_ONCE = Patience(attempts=1)
_SUSPICIOUS = 3
"""After so many failures in a row the provider is asked whether it answers at all."""
_HOPELESS = 10
"""After so many in a row no further blob is asked for, though the provider answers."""
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Blob:
    """A blob as its list names it.

    Attributes:
        kind: Type of content.
        id: The content's id.
        created: When it was published, UTC; the start of the window where its list does not tell.
        expires: Until when it is kept, UTC; None where its list does not tell.
    """

    kind: str
    id: str
    created: datetime
    expires: datetime | None = None

    @property
    def unit(self) -> str:
        """The unit of a gap that this blob leaves."""
        return f"{self.kind}/{self.id}"

    def gap(self, cause: str, *, final: bool) -> Gap:
        """Return the gap that it leaves where it can't be had."""
        return Gap(
            self.created, self.created + SECOND, f"content {self.id} {cause}", final, self.unit, self.kind == FILES
        )


class Blobs:
    """The blobs of one pull.

    Args:
        fetch: Asks for a blob: its records, or a final gap where it is gone.
        answers: Whether the provider answers at all, asked with some patience.
    """

    def __init__(self, fetch: Callable[[Blob, Patience], Page | Gap], answers: Callable[[Patience], bool]) -> None:
        self._fetch = fetch
        self._answers = answers
        self._aside: list[tuple[Blob, ConnectorError]] = []
        self._some = False
        self._in_a_row = 0
        self._given_up: ConnectorError | None = None

    def read(self, blobs: Iterable[Blob]) -> Iterator[Page | Gap]:
        """Read blobs, and put aside those that can't be.

        Raises:
            ConnectorError: No other blob would fare better: the credentials are refused, the provider throttles, or
                this machine's network stands in the way.
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
                logger.warning("office365: content %s is put aside: %s", blob.id, error)
                self._aside.append((blob, error))
                self._count(error)
            else:
                self._some, self._in_a_row = True, 0
                yield answer

    def read_rest(self) -> Iterator[Page | Gap]:
        """Ask once more for those put aside; what still can't be read is a gap.

        Raises:
            ConnectorError: As for ``read``; or no blob could be read at all, and that is not the blobs' doing.
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
            cause = f"can't be read: {error.cause.rstrip('.')}. It is asked for again, last"
            yield blob.gap(cause, final=False)

    def _count(self, error: ConnectorError) -> None:
        """Note a failure, and give up where the blobs are not to blame."""
        if not isinstance(error, UnavailableError | AccessError):
            # It answered, only not with a blob.
            self._in_a_row = 0
            return
        self._in_a_row += 1
        if self._in_a_row == _SUSPICIOUS and not self._answers(USUAL):
            self._given_up = error
        if self._in_a_row >= _HOPELESS:
            self._given_up = error


def ends_pull(error: ConnectorError) -> bool:
    """Return whether no other request of the pull would fare better."""
    throttled = isinstance(error, UnavailableError) and error.throttled
    return throttled or isinstance(error, SignInError | NetworkError)
