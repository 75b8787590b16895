"""Lenient parsing of single values in answers: an invalid value is unknown and does not affect the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from connectors.core.raw_json import decoder

__all__ = ["LARGEST_FILE", "each", "size_in", "text_in", "time_in"]

T = TypeVar("T")

LARGEST_FILE = 2**53 - 1
"""Bytes: no provider accepts files of even a thousandth of this (Google Drive 5 TB), and most libraries lose precision
in larger JSON numbers. A larger value is not a size."""
_DIGITS = len(str(LARGEST_FILE))


def each(items: Sequence[msgspec.Raw], kind: type[T]) -> Iterator[T]:
    """Yield the items of a list that can be read; leave out the others."""
    for item in items:
        try:
            yield decoder(kind).decode(item)
        except (msgspec.DecodeError, RecursionError):
            continue


def size_in(value: object) -> int | None:
    """Return a file's size in bytes from a number or a text; None if it can't be the size of a file."""
    digits = isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= _DIGITS
    whole = isinstance(value, float) and value.is_integer()
    if isinstance(value, str | float) and (digits or whole):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= LARGEST_FILE else None


def text_in(value: object) -> str:
    """Return a text, or a number as text; "" for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    try:
        return str(value)
    except ValueError:
        # The number has more digits than Python converts.
        return ""


def time_in(value: object) -> datetime | None:
    """Parse a provider's time into UTC; return None if it can't be read. A time without a zone counts as UTC."""
    if not isinstance(value, str):
        return None
    try:
        time = datetime.fromisoformat(value)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        # A time in the year 1 or 9999 may not exist in UTC.
        return None
