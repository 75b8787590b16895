"""Box: the stream ``admin_logs_streaming``, which gives events in the order in which Box processed them.

It shows an event after about twelve seconds. A late event appears as soon as Box has processed it; the history
(:mod:`connectors.box.audit_log`) shows it only if its window is read again. The stream delivers at least once and keeps
fourteen days, so it adds to the history and does not replace it. Both give an event the same id.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import datetime

import msgspec

from connectors.core.errors import RefusedError
from connectors.core.http import Api
from connectors.core.lenient import each, text_in, time_in
from connectors.core.raw_json import lines
from connectors.core.time_ranges import slice_start
from connectors.core.types import Page

__all__ = ["LIMIT", "PATH", "Entries", "position_of", "streamed", "time_of"]

PATH = "/2.0/events"
LIMIT = 500
NOW = "now"
_NOWHERE = ("", "0", "null")
logger = logging.getLogger(__name__)


class Entries(msgspec.Struct):
    """One answer of either stream."""

    entries: list[msgspec.Raw]
    # Text or a number above 2**53: kept as the received bytes.
    next_stream_position: msgspec.Raw = msgspec.Raw(b'""')


class _Dated(msgspec.Struct):
    created_at: object = None


def time_of(entry: msgspec.Raw) -> datetime | None:
    """Return when an event happened, UTC; None where its time is missing or can't be read."""
    return next((time_in(dated.created_at) for dated in each([entry], _Dated)), None)


def position_of(answer: Entries) -> str:
    """Return the answer's position as text; "" if it has none, or the "0" that would restart the stream."""
    position = next((text_in(found) for found in each([answer.next_stream_position], str | int)), "")  # type: ignore[arg-type]
    return "" if position in _NOWHERE else position


def streamed(api: Api, position: str) -> Iterator[tuple[Mapping[datetime | None, Page], str]]:
    """Read the stream from a position to its present end.

    Args:
        api: Box's API.
        position: Where the last reading ended; "" to start with what comes from now on.

    Yields:
        The events of each answer by the slice in which they happened (None where that can't be read), and the
        position to continue from once they are stored. The answer that starts a stream has no events.

    Raises:
        AnswerError: The stream does not move on.
        ConnectorError: Box refused or could not be reached.
    """
    if position:
        try:
            yield from _chain(api, position)
        except RefusedError as error:
            if error.status != 400:
                raise
            # The events between are read from the history, as without a stream.
            logger.warning(
                "box no longer accepts position %s; reading the stream from now on: %s", position, error.cause
            )
        else:
            return
    yield from _chain(api, NOW)


def _chain(api: Api, position: str) -> Iterator[tuple[Mapping[datetime | None, Page], str]]:
    seen = {position}
    while True:
        answer = api.get(
            PATH, Entries, {"stream_type": "admin_logs_streaming", "limit": LIMIT, "stream_position": position}
        )
        following = position_of(answer)
        # An empty page may carry the position "0", which would give all fourteen days again.
        if not answer.entries:
            if position == NOW and following:
                yield {}, following
            return
        if not following or following in seen:
            cause = f"stream position {api.client.safe(following) or '(none)'} leads back to events already read"
            raise api.endless(f"GET {PATH}", cause, "Run again; if it happens again, ask Box's support.")
        seen.add(following)
        yield _by_slice(answer.entries), following
        position = following


def _by_slice(entries: list[msgspec.Raw]) -> Mapping[datetime | None, Page]:
    slices: dict[datetime | None, list[msgspec.Raw]] = {}
    for entry in entries:
        time = time_of(entry)
        slices.setdefault(time and slice_start(time), []).append(entry)
    return {start: Page(lines(found)) for start, found in slices.items()}
