"""Entries of a manifest: slices, late and imported events, and gaps, each with the name of its file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from connectors import SLICE

__all__ = [
    "SUFFIX",
    "GapEntry",
    "Imported",
    "Late",
    "Piece",
    "Slice",
    "of_uploads",
    "slices_between",
    "touched_slices",
]

GapEntry = dict[str, Any]
"""Gap in the form of the manifest: start, end (ISO 8601) and cause; ``uploads`` is present, and False, if no uploads
are missing; a gap that is requested again also has ``unit``, ``attempts``, ``since`` and ``asked_at`` (ISO 8601); a
unit that the provider no longer has is ``lost``."""

SUFFIX = ".ndjson.zst"
"""Suffix of a raw file's name."""


def _name(*parts: str) -> str:
    return "-".join(part for part in parts if part) + SUFFIX


@dataclass(frozen=True)
class Slice:
    """Landed time range of a day.

    Attributes:
        start: Start, UTC, inclusive.
        end: End, UTC, exclusive.
        pulled_at: The provider's time when it was requested.
        pages: Answers received.
        events: Lines landed.
        sha256: Digest of the lines.
        gaps: What could not be pulled, see :data:`GapEntry`.
        stored: Digest of the compressed file; empty in entries of earlier versions.
        name: Name of the file; empty in entries of earlier versions, whose files are named by their bounds alone.
    """

    start: datetime
    end: datetime
    pulled_at: datetime
    pages: int = 0
    events: int = 0
    sha256: str = ""
    gaps: list[GapEntry] = field(default_factory=list)
    stored: str = ""
    name: str = ""

    @property
    def file(self) -> str:
        """Return the name of its file."""
        return self.name or _name(bounds(self.start, self.end))

    def holding(self, sha256: str, events: int, stored: str) -> Self:
        """Return the entry of the same time range with other content."""
        name = _name(bounds(self.start, self.end), sha256[:16])
        return replace(self, sha256=sha256, events=events, stored=stored, name=name)


@dataclass(frozen=True)
class Late:
    """Events of the day beside its slices.

    Attributes:
        landed_at: Time when they landed.
        events: Lines landed.
        sha256: Digest of the lines.
        stored: Digest of the compressed file; empty in entries of earlier versions.
    """

    landed_at: datetime
    events: int
    sha256: str
    stored: str = ""

    @property
    def file(self) -> str:
        """Return the name of its file; equal events give equal names."""
        return _name("late", self.sha256[:16])

    def holding(self, sha256: str, events: int, stored: str) -> Self:
        """Return the entry with other content."""
        return replace(self, sha256=sha256, events=events, stored=stored)


@dataclass(frozen=True)
class Imported:
    """Events of the day from exported history, and the hours that the export covers.

    Attributes:
        start: Start of the first hour, UTC.
        end: End of the last hour, UTC.
        imported_at: Time when they landed.
        events: Lines landed; 0 if all had landed before.
        sha256: Digest of the lines.
        stored: Digest of the compressed file; empty in entries of earlier versions.
    """

    start: datetime
    end: datetime
    imported_at: datetime
    events: int
    sha256: str
    stored: str = ""

    @property
    def file(self) -> str:
        """Return the name of its file; equal events give equal names."""
        return _name("import", bounds(self.start, self.end), self.sha256[:16])

    @property
    def hours(self) -> set[datetime]:
        """Return the starts of the hours in its time range."""
        return {start for start in slices_between(self.start, self.end) if not start.minute}

    def holding(self, sha256: str, events: int, stored: str) -> Self:
        """Return the entry of the same hours with other content."""
        return replace(self, sha256=sha256, events=events, stored=stored)


Piece = Slice | Late | Imported


def bounds(start: datetime, end: datetime) -> str:
    return f"{start:%H%M}-{'2400' if end.date() > start.date() else f'{end:%H%M}'}"


def slices_between(start: datetime, end: datetime) -> list[datetime]:
    """Return the starts of the full shortest slices between two times."""
    return [start + n * SLICE for n in range((end - start) // SLICE)]


def of_uploads(gap: GapEntry) -> bool:
    """Return whether uploads may be missing, rather than only other events."""
    return bool(gap.get("uploads", True))


def touched_slices(gap: GapEntry, piece: Slice) -> set[datetime]:
    """Return the starts of the shortest slices within a slice that the gap touches."""
    start, end = datetime.fromisoformat(gap["start"]), datetime.fromisoformat(gap["end"])
    return {each for each in slices_between(piece.start, piece.end) if start < each + SLICE and end > each}
