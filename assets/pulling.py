"""Pulls slices in parallel within the provider's quota, and late events from a provider's stream."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from assets.lake import replace_text
from assets.landing import land, land_late
from assets.manifest import Manifest, Slice
from connectors import AccessError, Connector, ConnectorError, Page, SignInError, Streaming, UnavailableError

__all__ = ["Pulled", "land_stream", "pull"]

_FAILURES = 3
"""So many slices may fail before no further one is asked for: the provider is down, and each has its own retries."""
_HOUR = timedelta(hours=1)


@dataclass
class Pulled:
    """What a pull came to.

    Attributes:
        slices: Slices that landed.
        failures: Why others did not; what had landed of them before stays.
        halted: Whether the provider is better left alone for now.
    """

    slices: list[Slice] = field(default_factory=list)
    failures: list[ConnectorError] = field(default_factory=list)
    halted: bool = False

    @property
    def hours(self) -> set[datetime]:
        """Starts of the hours that the slices hold, UTC."""
        return {piece.start + n * _HOUR for piece in self.slices for n in range(int((piece.end - piece.start) / _HOUR))}


def pull(
    connector: Connector,
    wanted: Sequence[tuple[Manifest, datetime, datetime]],
    *,
    now: Callable[[], datetime],
    stop: threading.Event,
    landed: Callable[[Slice], None],
) -> Pulled:
    """Pulls slices, as many at once as the connector takes; each page is on disk before the next is asked for.

    One slice that fails keeps no other from landing. But where the credentials are refused or the provider asks to be
    left alone, or after the third failure, no further one is asked for.

    Args:
        connector: The provider.
        wanted: Each slice's manifest, start and end, UTC, in the order in which they are asked for.
        now: The clock.
        stop: Set when this call is left before its end, so that no thread goes on waiting.
        landed: Called in the caller's thread for each slice that has landed.
    """
    done = Pulled()

    def one(manifest: Manifest, start: datetime, end: datetime) -> Slice | None:
        if done.halted:
            return None
        try:
            return land(manifest, start, end, connector.pages(start, end), now=now())
        except ConnectorError as error:
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


def _ends_all(error: ConnectorError) -> bool:
    """Whether no other slice would fare better."""
    return isinstance(error, AccessError | SignInError) or (isinstance(error, UnavailableError) and error.throttled)


def land_stream(
    stream: Streaming,
    position: Path,
    manifests: Callable[[date], Manifest | None],
    hours: set[datetime],
    *,
    now: datetime,
) -> tuple[dict[date, int], int]:
    """Reads a provider's stream on from where it was left, and lands the events that came late.

    An event came late if its hour was not pulled just now: then only the stream tells of it.

    Args:
        stream: The provider.
        position: File of the position to go on from; written anew once what came before it has landed.
        manifests: Manifest of a day; None for a day that is not kept.
        hours: Starts of the hours that were pulled just now, UTC.
        now: The clock's time.

    Returns:
        Number of late events landed, by day, and of those whose day is not kept.

    Raises:
        ConnectorError: The provider could not be used; what had landed stays.
    """
    found: dict[date, int] = {}
    lost = 0
    start = position.read_text(encoding="utf-8") if position.exists() else ""
    for pages, following in stream.streamed(start):
        for day, lines in _by_day(pages, hours, now).items():
            manifest = manifests(day)
            if manifest is None:
                lost += lines.count(b"\n")
            else:
                found[day] = found.get(day, 0) + land_late(manifest, lines, now=now).events
        replace_text(position, following)
    return found, lost


def _by_day(pages: Mapping[datetime | None, Page], hours: set[datetime], now: datetime) -> dict[date, bytes]:
    """The events of hours that were not pulled; those without a time belong to today, to be rejected there."""
    days: dict[date, bytes] = {}
    for hour, page in pages.items():
        if hour not in hours:
            day = (hour or now).astimezone(UTC).date()
            days[day] = days.get(day, b"") + page.lines
    return days
