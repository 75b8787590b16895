"""Types that connectors return and accept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol, runtime_checkable

__all__ = ["Connector", "FileQuestion", "FileSize", "Gap", "Page", "Recovering", "Streaming", "Timekeeping"]


@dataclass(frozen=True)
class Page:
    """The events of one answer.

    Attributes:
        lines: Each event one JSON object and a line break, the bytes as received but for line breaks between tokens
            (a space) and what is no Unicode (U+FFFD). May be empty.
    """

    lines: bytes

    @property
    def events(self) -> list[bytes]:
        """Return the events, each without its line break."""
        return self.lines.splitlines()


@dataclass(frozen=True)
class Gap:
    """A time range with missing events.

    Attributes:
        start: UTC, inclusive.
        end: UTC, exclusive.
        cause: Why, for people to read.
        final: Whether the provider will never give these events, so that a new request is pointless.
        unit: What :meth:`Recovering.again` requests, as the connector names it: at Office 365 the content type, alone
            or with a slash and the content's id; at Google the application; empty where it is the time range itself.
        uploads: Whether uploads may be among them, or only what surrounds them, such as sign-ins.
    """

    start: datetime
    end: datetime
    cause: str
    final: bool = True
    unit: str = ""
    uploads: bool = True


@dataclass(frozen=True)
class FileQuestion:
    """A file whose size the log did not carry.

    Attributes:
        user: Account in whose name the request is made: an e-mail (Google), an account's id (Box), a team member's id
            (Dropbox); "" for the application's own (Office 365).
        file_id: The provider's id of the file.
        since: Time of the event, UTC.
        site_id: Office 365 only: the site's GUID.
        list_id: Office 365 only: the document library's GUID.
        folder_id: Folder of the upload: the folder's id (Box) or its path (Dropbox, "" for the root).
        version: The provider's id of the version that was uploaded; "" if the log does not say (all but Box).
        file_name: Its name, "" unknown; Office 365's recycle bin knows files by name and place alone.
        folder: Its folder as the log says, "" unknown.
        saves: Number of uploads of the file in the log on these days.
    """

    user: str
    file_id: str
    since: datetime
    site_id: str = ""
    list_id: str = ""
    folder_id: str = ""
    version: str = ""
    file_name: str = ""
    folder: str = ""
    saves: int = 1


@dataclass(frozen=True)
class FileSize:
    """Answer of the file API about a file, or about one of its versions.

    Attributes:
        file_id: As in the question.
        state: ``found`` (in the bin, too), ``gone`` (deleted for good, or visible to no account used), ``denied``, or
            ``failed`` if the provider did not accept the question. ``gone`` with a version: that version is missing
            from the list, and the next was made at ``modified_at``.
        bytes: Size of the version found; None if it has none or is not found.
        version: That version's id; "" unknown.
        modified_at: Time of that version, UTC.
        asked_version: ``version`` of the question.
    """

    file_id: str
    state: str
    bytes: int | None = None
    version: str = ""
    modified_at: datetime | None = None
    asked_version: str = ""


class Connector(Protocol):
    """One provider's audit API.

    Attributes:
        provider: Name of the provider.
        retention: Age of the oldest event that the API still gives.
        lateness: Allowed lateness: after this time beyond its end, the events of a window are final.
        overlap: Lookback: every poll run reads windows again that ended within this time.
        parallel_slices: Number of windows that may be read in parallel, each by its own thread.
    """

    provider: str
    retention: timedelta
    lateness: timedelta
    overlap: timedelta
    parallel_slices: int

    def pages(self, start: datetime, end: datetime) -> Iterator[Page | Gap]:
        """Yield the audit events of a window, one answer at a time. The next answer is requested when it is needed.

        Office 365 selects by publication, the others by the time of the event. A page may hold events from just
        outside the window, and an event may come twice, except at Dropbox, whose events have no id.

        Args:
            start: UTC with zone, inclusive.
            end: UTC with zone, exclusive. The future part is not requested.

        Yields:
            Pages, and a gap for each time range that could not be read.

        Raises:
            ConnectorError: The provider refused, was unreachable, or gave an answer that its documentation rules out.
        """
        ...

    def file_sizes(self, questions: Sequence[FileQuestion]) -> Iterator[FileSize]:
        """Look up sizes of files.

        Args:
            questions: Ordered by importance. The first are looked up first, together with others that the same request
                answers.

        Yields:
            Answers in no order. For a file whose present version may not be the upload's, one for each known version.
            A question without an answer may be asked again later.

        Raises:
            ConnectorError: The file API can't be used at all; answers given before stay valid.
            StoppedError: The caller was asked to stop; likewise.
        """
        ...


@runtime_checkable
class Streaming(Protocol):
    """A provider that also gives its events in the order in which it processed them, including late ones."""

    def streamed(self, position: str) -> Iterator[tuple[Mapping[datetime | None, Page], str]]:
        """Yield the events since a position, perhaps more than once; the events are those of ``pages``.

        Args:
            position: The position of the last answer that was stored; "" to start with events from now on.

        Yields:
            The events of each answer by the start of the slice in which they happened, UTC, see
            :func:`connectors.core.time_ranges.slice_start` (None where their time can't be read), and
            the position to continue from once they are stored.

        Raises:
            ConnectorError: As for ``pages``.
        """
        ...


@runtime_checkable
class Recovering(Protocol):
    """A provider whose smallest failed unit can be requested again."""

    def again(self, gap: Gap) -> Iterator[Page | Gap]:
        """Request again only what an open gap left out.

        Args:
            gap: A gap that :meth:`Connector.pages` or this method yielded, in this process or an earlier one.

        Yields:
            The events, and a gap if they still can't be read.

        Raises:
            ConnectorError: As for :meth:`Connector.pages`.
        """
        ...


@runtime_checkable
class Timekeeping(Protocol):
    """A provider whose answers carry its time."""

    @property
    def skew(self) -> timedelta | None:
        """Return the local clock minus the provider's ``Date`` header; None before an answer that has one."""
        ...

    def present(self) -> datetime:
        """Return the present by the provider's clock, UTC: the local clock, minus :attr:`skew` beyond two minutes.

        Signs in if no answer has shown the provider's time yet.

        Raises:
            ConnectorError: The provider could not be reached, or refused the credentials.
        """
        ...
