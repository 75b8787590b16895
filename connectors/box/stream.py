"""Box: the stream ``admin_logs_streaming``, which gives events in the order in which Box processed them.

It shows an event after some twelve seconds, and one that came late when it came, wherever its time lies: what the
history (:mod:`connectors.box.audit_log`) shows only to those who read the same window again. It delivers at least once
and keeps fourteen days, so it adds to the history and does not replace it; both give an event the same id.
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
    # Text or a number above 2**53: kept as the bytes that came.
    next_stream_position: msgspec.Raw = msgspec.Raw(b'""')


class _Dated(msgspec.Struct):
    created_at: object = None


def time_of(entry: msgspec.Raw) -> datetime | None:
    """Return when an event happened, UTC; None where its time is missing or can't be read."""
    return next((time_in(dated.created_at) for dated in each([entry], _Dated)), None)


def position_of(answer: Entries) -> str:
    """The answer's position as text; "" where it leads nowhere: none, or the "0" that starts all anew."""
    position = next((text_in(found) for found in each([answer.next_stream_position], str | int)), "")  # type: ignore[arg-type]
    return "" if position in _NOWHERE else position


def streamed(api: Api, position: str) -> Iterator[tuple[Mapping[datetime | None, Page], str]]:
    """Read the stream from a position to its present end.

    Args:
        api: Box's API.
        position: Where the last reading ended; "" to start with what comes from now on.

    Yields:
        The events of each answer by the hour in which they happened (None where that can't be read), and the
        position to go on from once they are kept. There are none in the answer that starts a stream.

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
            # What lay between is read from the history, as it is without a stream.
            logger.warning("box takes position %s no longer, the stream is read from now on: %s", position, error.cause)
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
        # An empty page may come with the position "0", which would give fourteen days anew.
        if not answer.entries:
            if position == NOW and following:
                yield {}, following
            return
        if not following or following in seen:
            cause = f"stream position {api.client.safe(following) or '(none)'} leads back to events already read"
            raise api.endless(f"GET {PATH}", cause, "Run again; if it happens again, ask Box's support.")
        seen.add(following)
        yield _by_hour(answer.entries), following
        position = following


def _by_hour(entries: list[msgspec.Raw]) -> Mapping[datetime | None, Page]:
    hours: dict[datetime | None, list[msgspec.Raw]] = {}
    for entry in entries:
        time = time_of(entry)
        hours.setdefault(time and time.replace(minute=0, second=0, microsecond=0), []).append(entry)
    return {hour: Page(lines(found)) for hour, found in hours.items()}
