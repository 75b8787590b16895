"""The types that connectors hand out and take."""

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
        """The events, each without its line break."""
        return self.lines.splitlines()


@dataclass(frozen=True)
class Gap:
    """A time range of which events are missing.

    Attributes:
        start: UTC, inclusive.
        end: UTC, exclusive.
        cause: Why, for a person.
        final: Whether the provider will never give these events, so that asking again is pointless.
        unit: What :meth:`Recovering.again` asks for, as the connector names it: at Office 365 the content type, alone
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
        user: In whose name to ask: an e-mail (Google), an account's id (Box), a team member's id (Dropbox); "" for
            the application's own (Office 365).
        file_id: The provider's id of the file.
        since: Time of the event, UTC.
        site_id: Office 365 only: the site's GUID.
        list_id: Office 365 only: the document library's GUID.
        folder_id: Where the file went: the folder's id (Box) or its path (Dropbox, "" for the root).
        version: The provider's id of the version that was uploaded; "" where the log does not tell (all but Box).
        file_name: Its name, "" unknown; Office 365's recycle bin knows files by name and place alone.
        folder: Where the log says it lies, "" unknown.
        saves: How many uploads of the file the log has on these days.
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
        state: ``found`` (in the bin, too), ``gone`` (deleted for good, or visible to nobody asked), ``denied``, or
            ``failed`` where the provider did not take the question. ``gone`` with a version: that version is missing
            from the list, and the next was made at ``modified_at``.
        bytes: Size of the version found; None where it has none or is not found.
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
        lateness: The lateness horizon: this long after its end, the events of a window are final.
        overlap: Windows that ended no longer ago than this are worth another look at every tick.
        parallel_slices: So many windows may be asked for at once, each by a thread of its own.
    """

    provider: str
    retention: timedelta
    lateness: timedelta
    overlap: timedelta
    parallel_slices: int

    def pages(self, start: datetime, end: datetime) -> Iterator[Page | Gap]:
        """Yield the audit events of a window, one answer at a time: the next is requested only when it is needed.

        Office 365 selects by publication, the others by the time of the event. A page may hold events from just
        outside the window, and an event may come twice, but for Dropbox, whose events have no id to tell by.

        Args:
            start: UTC with zone, inclusive.
            end: UTC with zone, exclusive. What lies in the future is not asked for.

        Yields:
            Pages, and a gap for each stretch that could not be had.

        Raises:
            ConnectorError: The provider refused, could not be reached, or answered what its documents rule out.
        """
        ...

    def file_sizes(self, questions: Sequence[FileQuestion]) -> Iterator[FileSize]:
        """Look up sizes of files.

        Args:
            questions: The more important ones first: they are asked first, together with what one request tells of
                others.

        Yields:
            Answers in no order; of a file whose present version need not be the upload's, one for each version that
            is known. What has no answer may be asked again later.

        Raises:
            ConnectorError: The file API can't be used at all; answers given before stay true.
            StoppedError: The caller was asked to stop; likewise.
        """
        ...


@runtime_checkable
class Streaming(Protocol):
    """A provider that also gives its events in the order in which they come to it, late ones among them."""

    def streamed(self, position: str) -> Iterator[tuple[Mapping[datetime | None, Page], str]]:
        """Yield the events since a position, perhaps more than once; the events are those of ``pages``.

        Args:
            position: What was given with the last answer that was kept; "" to start with what comes from now on.

        Yields:
            The events of each answer by the hour in which they happened, UTC (None where that can't be read), and
            the position to go on from once they are kept.

        Raises:
            ConnectorError: As for ``pages``.
        """
        ...


@runtime_checkable
class Recovering(Protocol):
    """A provider of which the smallest unit that failed can be asked for once more."""

    def again(self, gap: Gap) -> Iterator[Page | Gap]:
        """Ask once more for what a gap that is not final left out, and for nothing else.

        Args:
            gap: A gap that :meth:`Connector.pages` or this method gave, in this process or an earlier one.

        Yields:
            The events, and a gap where they still cannot be had.

        Raises:
            ConnectorError: As for :meth:`Connector.pages`.
        """
        ...


@runtime_checkable
class Timekeeping(Protocol):
    """A provider whose answers tell the time."""

    @property
    def skew(self) -> timedelta | None:
        """The local clock less the provider's ``Date`` header; None before an answer that has one."""
        ...

    def present(self) -> datetime:
        """Return the present by the provider's clock, UTC: the local clock, less :attr:`skew` beyond two minutes.

        Signs in where no answer has told the provider's time yet.

        Raises:
            ConnectorError: The provider could not be reached, or refused the credentials.
        """
        ...
