"""Reading around what can't be read: a window that fails is halved until the rest of it lands.

Some failures are about the data asked for: a page of another shape, nested too deep, too large, or one on which the
provider itself fails. Then a smaller window may go well. Others are about the provider or the access to it, and no
window would fare better: these are raised.
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
"""For what failed before, and may fail for good: the usual patience would take minutes for each."""
HOPELESS = 7
"""Number of failed windows (the whole, its halves and quarters) after which, if none was read, none can be."""
MOST_READS = 48
"""Windows asked for by halving. Twice what one bad minute of a day takes."""
# The provider does not take the request itself: no other window would be taken.
_REQUEST_REFUSED = re.compile(
    r"created_(after|before)|(start|end)[ _]?time|time range|Error in call to API function", re.IGNORECASE
)
# A proxy's or a service's word for being down.
_DOWN = (502, 503, 504)
logger = logging.getLogger(__name__)

Range = tuple[datetime, datetime]
Read = Callable[[datetime, datetime, Patience], Iterator[Page]]


def about_data(error: ConnectorError) -> bool:
    """Return whether another window of the same log might be read though this one can't."""
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
    """Read time ranges, and halve those that fail for what is in them.

    Args:
        read: Reads a range, UTC; may fail after some pages.
        ranges: The ranges, ascending, without overlap.
        smallest: A range that fails and is no longer than this is a gap.
        unit: Unit of the gaps.
        patience: How long requests are repeated until the first failure; after it, briefly.
        raises: Whether to raise the first failure where nothing at all can be read; else all is a gap.

    Yields:
        Pages, and at the end an open gap for each stretch that could not be read.

    Raises:
        ConnectorError: Nothing could be read, or a failure is not about the data.
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
            logger.warning("%s to %s can't be read, its halves are tried: %s", stamp(start), stamp(end), error)
        else:
            some = True
    if first and not some and raises:
        raise first
    yield from _gaps(lost, unit)


def _gaps(lost: Iterable[tuple[datetime, datetime, ConnectorError]], unit: str) -> Iterator[Gap]:
    """The open gaps of what was lost; neighbours are one."""
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
