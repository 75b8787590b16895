"""Reading around unreadable data: a window that fails is halved until the rest of it is read.

Some failures are caused by the requested data: a page that has another shape, is nested too deeply or is too large, or
one on which the provider itself fails. Then a smaller window may succeed. Other failures concern the provider or the
access to it; every window would fail, so these are raised.
"""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

from connectors.core.errors import (
    AccessError,
    AnswerError,
    ConnectorError,
    EndlessError,
    RefusedError,
    SignInError,
    UnavailableError,
)
from connectors.core.retries import USUAL, Patience
from connectors.core.time_ranges import floor, stamp
from connectors.core.types import Gap, Page

__all__ = ["BRIEF", "HOPELESS", "MOST_READS", "about_data", "narrowed"]

BRIEF = Patience(attempts=2, seconds=30.0)
"""Retries of ranges that failed before and may never succeed: the usual patience would take minutes for each."""
HOPELESS = 7
"""Failed windows (the whole, its halves and quarters) without a success after which the search stops."""
MOST_READS = 48
"""Upper bound on windows requested by halving: twice what one bad minute of a day takes."""
# The provider refuses the request itself, so it would refuse every window.
_REQUEST_REFUSED = re.compile(
    r"created_(after|before)|(start|end)[ _]?time|time range|Error in call to API function", re.IGNORECASE
)
# A proxy or service says that it is down.
_DOWN = (502, 503, 504)
logger = logging.getLogger(__name__)

Range = tuple[datetime, datetime]
Read = Callable[[datetime, datetime, Patience], Iterator[Page]]


def about_data(error: ConnectorError) -> bool:
    """Return whether another window of the same log might be readable although this one is not."""
    if isinstance(error, AnswerError):
        return not isinstance(error, EndlessError)
    if isinstance(error, UnavailableError):
        return error.status >= 500 and error.status not in _DOWN and not error.throttled
    if isinstance(error, RefusedError) and not isinstance(error, AccessError | SignInError):
        return error.status == 400 and not _REQUEST_REFUSED.search(error.cause)
    return False


def narrowed(
    read: Read,
    ranges: Iterable[Range],
    *,
    smallest: timedelta,
    unit: str = "",
    patience: Patience = USUAL,
    raises: bool = True,
) -> Iterator[Page | Gap]:
    """Read time ranges, and halve those that fail because of their data.

    Args:
        read: Reads a range, UTC; may fail after some pages.
        ranges: The ranges, ascending, without overlap.
        smallest: A failing range of at most this length becomes a gap.
        unit: Unit of the gaps.
        patience: Limits of the retries before the first failure; later requests are retried only briefly.
        raises: Whether to raise the first failure if nothing at all can be read; otherwise all of it becomes a gap.

    Yields:
        Pages, and at the end an open gap for each time range that could not be read.

    Raises:
        ConnectorError: Nothing could be read, or a failure has another cause than the data.
    """
    waiting = deque(ranges)
    lost: list[tuple[datetime, datetime, ConnectorError]] = []
    first: ConnectorError | None = None
    failures, reads, some = 0, 0, False
    while waiting:
        start, end = waiting.popleft()
        try:
            yield from read(start, end, patience)
        except ConnectorError as error:
            if not about_data(error):
                raise
            first, patience, failures = first or error, BRIEF, failures + 1
            hopeless = not some and failures >= HOPELESS
            middle = floor(start + (end - start) / 2)
            if hopeless or end - start <= smallest or reads >= MOST_READS or not start < middle < end:
                lost.append((start, end, error))
            else:
                reads += 2
                waiting += [(start, middle), (middle, end)]
            if hopeless:
                lost += [(*each, error) for each in waiting]
                break
            logger.warning("%s to %s can't be read; trying its halves: %s", stamp(start), stamp(end), error)
        else:
            some = True
    if first and not some and raises:
        raise first
    yield from _gaps(lost, unit)


def _gaps(lost: Iterable[tuple[datetime, datetime, ConnectorError]], unit: str) -> Iterator[Gap]:
    """Yield open gaps for the lost ranges; join adjacent ones."""
    gap: Gap | None = None
    for start, end, error in sorted(lost, key=lambda each: each[0]):
        if gap and gap.end == start:
            gap = Gap(gap.start, end, gap.cause, final=False, unit=unit)
            continue
        if gap:
            yield gap
        cause = f"{unit or 'this stretch of the log'} can't be read: {error.cause.rstrip('.')}. It is asked for again"
        gap = Gap(start, end, cause, final=False, unit=unit)
    if gap:
        yield gap
