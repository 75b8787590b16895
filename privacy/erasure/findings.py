"""Results of a walk over a home."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["Findings", "Removed"]


@dataclass
class Removed:
    """Counts of what was removed from one table, or one kind of files.

    Attributes:
        rows: The person's own rows, events, records or files.
        redacted: Rows of others in which the person's address was replaced.
        files: Files changed.
    """

    rows: int = 0
    redacted: int = 0
    files: int = 0

    def add(self, rows: int, redacted: int) -> None:
        """Add one file."""
        self.rows += rows
        self.redacted += redacted
        self.files += bool(rows or redacted)

    def merge(self, other: Removed) -> None:
        """Add the counts of another one."""
        self.rows += other.rows
        self.redacted += other.redacted
        self.files += other.files


@dataclass
class Findings:
    """Summary of what was removed, and of what could not be searched.

    Attributes:
        removed: What was removed, by table or kind of files.
        unsearched: Files that may still name the person, each with the reason.
        unlisted: Files beside raw events that no manifest lists, and that are not the program's own; they stay.
    """

    removed: dict[str, Removed] = field(default_factory=lambda: defaultdict(Removed))
    unsearched: dict[Path, str] = field(default_factory=dict)
    unlisted: list[Path] = field(default_factory=list)
