"""Blocks of events or faults that the reader yields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["NOT_JSON", "SHOWN", "TOO_LONG", "Block", "fault"]

LONGEST_TEXT = 2_000_000
"""Longest event in characters; records of audit logs have thousands."""
NOT_JSON = "not JSON"
TOO_LONG = f"longer than {LONGEST_TEXT:,} characters, of which these are the first"
SHOWN = 100_000
"""Characters kept of an unreadable text."""


@dataclass(frozen=True)
class Block:
    """Events of a file in their order, or one text that is not an event.

    Attributes:
        texts: Texts of the events.
        lines: Line on which each begins, from 1.
        fault: Why it is not an event; None for events.
    """

    texts: Sequence[str]
    lines: Sequence[int]
    fault: str | None = None


def fault(line: int, reason: str, text: str) -> Block:
    """Return the block of a text that is not an event."""
    return Block([text[:SHOWN]], [line], reason)
