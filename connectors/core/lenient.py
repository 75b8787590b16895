"""Single values of answers, read one by one: an odd one is unknown, and costs none of the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import msgspec

from connectors.core.raw_json import decoder

__all__ = ["LARGEST_FILE", "each", "size_in", "text_in", "time_in"]

T = TypeVar("T")

LARGEST_FILE = 2**53 - 1
"""Bytes: no provider takes files of even a thousandth of this (Google Drive 5 TB), and above it JSON's numbers are no
longer exact in most libraries. What claims to be larger is no size."""
_DIGITS = len(str(LARGEST_FILE))


def each(items: Sequence[msgspec.Raw], kind: type[T]) -> Iterator[T]:
    """Yield the items of a list that can be read; leave out the others."""
    for item in items:
        try:
            yield decoder(kind).decode(item)
        except (msgspec.DecodeError, RecursionError):
            continue


def size_in(told: object) -> int | None:
    """Return a file's size in bytes, told as a number or as text; None where it can be no file's."""
    digits = isinstance(told, str) and told.isascii() and told.isdecimal() and len(told) <= _DIGITS
    whole = isinstance(told, float) and told.is_integer()
    if isinstance(told, str | float) and (digits or whole):
        told = int(told)
    if isinstance(told, bool) or not isinstance(told, int):
        return None
    return told if 0 <= told <= LARGEST_FILE else None


def text_in(told: object) -> str:
    """Return a text, or a number as text; "" for anything else."""
    if isinstance(told, bool) or not isinstance(told, str | int):
        return ""
    try:
        return str(told)
    except ValueError:
        # A number of more digits than Python writes.
        return ""


def time_in(told: object) -> datetime | None:
    """Return a time as a provider writes it, UTC; None where it can't be read. Without a zone it counts as UTC."""
    if not isinstance(told, str):
        return None
    try:
        time = datetime.fromisoformat(told)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        # A time of the year 1 or 9999 may have none in UTC.
        return None
