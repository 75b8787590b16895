"""Pull of one source: slices in parallel within its quota, then late events of its stream, then open gaps."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from connectors import (
    AccessError,
    Connector,
    ConnectorError,
    Gap,
    NetworkError,
    Page,
    Recovering,
    SignInError,
    StoppedError,
    Streaming,
    UnavailableError,
)
from lake.durable import read_content, replace_text
from lake.landing import GapAgain, land, land_late, land_recovered
from lake.manifest import Manifest
from lake.manifest_entries import Slice, of_uploads, slices_between

__all__ = ["Pulled", "ask_again", "land_stream", "open_gaps", "pull"]

_FAILURES = 3
"""Failed slices after which a pull stops: each slice has its own retries, so the provider is down."""
_FIRST_WAIT, _LONGEST_WAIT = timedelta(minutes=15), timedelta(hours=12)
"""Delay before an open gap is requested again; it doubles with each attempt, up to the longest."""
logger = logging.getLogger(__name__)


@dataclass
class Pulled:
    """Result of a pull.

    Attributes:
        slices: Slices that landed.
        failures: Why others did not; events of them that had landed before stay.
        halted: Whether no further requests should go to the provider for now.
    """

    slices: list[Slice] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)
    halted: bool = False

    @property
    def starts(self) -> set[datetime]:
        """Return the starts of the shortest slices in the slices, UTC."""
        return {start for piece in self.slices for start in slices_between(piece.start, piece.end)}


def pull(
    connector: Connector,
    wanted: Sequence[tuple[Manifest, datetime, datetime]],
    *,
    now: Callable[[], datetime],
    stop: threading.Event,
    landed: Callable[[Slice], None],
    progress: Callable[[], None] = lambda: None,
) -> Pulled:
    """Pull slices, as many at once as the connector allows; each page is on disk before the next is requested.

    A slice that fails, with any error, does not stop the others. But if the credentials are refused, if the provider's
    rate limit stops the pull, or after the third failure, no further slice is requested.

    Args:
        connector: The provider.
        wanted: Each slice's manifest, start and end, UTC, in the order of the requests.
        now: The provider's time.
        stop: Set when this call is aborted, so that no thread keeps waiting.
        landed: Called in the caller's thread for each slice that has landed.
        progress: Called for each answer, in any thread.
    """
    done = Pulled()

    def one(manifest: Manifest, start: datetime, end: datetime) -> Slice | None:
        if done.halted:
            return None
        try:
            answers = _noting(connector.pages(start, end), progress)
            return land(manifest, start, end, answers, now=now(), provider=connector.provider)
        except StoppedError:
            raise
        except Exception as error:  # noqa: BLE001 -- only the slice failed; the source's seam handles its error
            done.failures.append(error)
            if _ends_all(error) or len(done.failures) >= _FAILURES:
                done.halted = True
            return None

    with ThreadPoolExecutor(connector.parallel_slices, thread_name_prefix=connector.provider) as threads:
        try:
            for future in as_completed([threads.submit(one, *each) for each in wanted]):
                if piece := future.result():
                    done.slices.append(piece)
                    landed(piece)
        except BaseException:
            done.halted = True
            stop.set()
            raise
    return done


def _noting(answers: Iterable[Page | Gap], progress: Callable[[], None]) -> Iterator[Page | Gap]:
    for answer in answers:
        progress()
        yield answer


def _ends_all(error: Exception) -> bool:
    """Check whether every other slice would fail too."""
    throttled = isinstance(error, UnavailableError) and error.throttled
    return throttled or isinstance(error, AccessError | NetworkError | SignInError)


def land_stream(
    stream: Streaming,
    position: Path,
    manifests: Callable[[date], Manifest | None],
    pulled: set[datetime],
    *,
    now: datetime,
    progress: Callable[[], None] = lambda: None,
) -> tuple[dict[date, int], int]:
    """Continue reading a provider's stream from its position, and land the late events.

    An event is late if its slice was not pulled just now, so that only the stream may have it.

    Args:
        stream: The provider.
        position: File of the position to continue from; replaced once the events before it have landed.
        manifests: Returns the manifest of a day; None for a day that is not kept.
        pulled: Starts of the shortest slices that were pulled just now, UTC.
        now: The provider's time.
        progress: Called for each answer.

    Returns:
        Number of late events landed, by day, and of late events whose day is not kept.

    Raises:
        ConnectorError: The pull failed; events that have landed stay.
    """
    found: dict[date, int] = {}
    lost = 0
    for pages, following in stream.streamed(_position_in(position)):
        progress()
        for day, lines in _by_day(pages, pulled, now).items():
            manifest = manifests(day)
            if manifest is None:
                lost += lines.count(b"\n")
            else:
                found[day] = found.get(day, 0) + land_late(manifest, lines, now=now).events
        replace_text(position, following)
    return found, lost


def _position_in(position: Path) -> str:
    """Return the stream's position; empty if it is not known, or the file is invalid."""
    try:
        text = (read_content(position) or b"").decode()
    except UnicodeDecodeError:
        return ""
    return text if text.isprintable() else ""


def _by_day(pages: Mapping[datetime | None, Page], pulled: set[datetime], now: datetime) -> dict[date, bytes]:
    """Return the events of slices that were not pulled; those without a time go to today, and are rejected there."""
    days: dict[date, bytes] = {}
    for start, page in pages.items():
        if start not in pulled:
            day = (start or now).astimezone(UTC).date()
            days[day] = days.get(day, b"") + page.lines
    return days


def open_gaps(manifests: Iterable[Manifest], *, now: datetime, retention: timedelta) -> list[GapAgain]:
    """Return the gaps that are due for another request, those with the fewest attempts first.

    Args:
        manifests: The days.
        now: The provider's time.
        retention: Age of the oldest event that the provider still gives.
    """
    found = []
    for manifest in manifests:
        for piece in manifest.slices.values():
            for gap in piece.gaps:
                if "unit" not in gap or datetime.fromisoformat(gap["start"]) <= now - retention:
                    continue
                waited = now - datetime.fromisoformat(gap["asked_at"])
                wait = min(_FIRST_WAIT * 2 ** min(gap["attempts"] - 1, 10), _LONGEST_WAIT)
                # A time in the future was set by a wrong clock.
                if waited >= wait or waited < timedelta():
                    found.append(GapAgain(manifest, piece, gap))
    return sorted(found, key=lambda again: (again.gap["attempts"], again.gap["start"], again.gap["unit"]))


def ask_again(
    connector: Recovering, gaps: Sequence[GapAgain], *, now: datetime, progress: Callable[[], None] = lambda: None
) -> tuple[dict[date, int], list[Exception]]:
    """Request open gaps again; the events that the provider now returns land beside the slices.

    Args:
        connector: The provider.
        gaps: From :func:`open_gaps`.
        now: The provider's time.
        progress: Called for each answer.

    Returns:
        Number of events landed, by day, and the errors. After an error that concerns the whole provider, nothing more
        is requested.
    """
    found: dict[date, int] = {}
    failures: list[Exception] = []
    for again in gaps:
        asked = Gap(
            datetime.fromisoformat(again.gap["start"]),
            datetime.fromisoformat(again.gap["end"]),
            again.gap["cause"],
            final=False,
            unit=again.gap["unit"],
            uploads=of_uploads(again.gap),
        )
        try:
            events = land_recovered(again, _noting(connector.again(asked), progress), now=now)
        except StoppedError:
            raise
        except Exception as error:  # noqa: BLE001 -- the gap stays open; the source's seam handles the error
            failures.append(error)
            if not isinstance(error, ConnectorError) or _ends_all(error) or len(failures) >= _FAILURES:
                return found, failures
            continue
        day = again.manifest.day
        found[day] = found.get(day, 0) + events
    return found, failures
