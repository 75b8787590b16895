"""The manifest of one provider's day of raw audit events: what has landed, when it was pulled, what could not be had.

``manifest.json`` stands beside the files. A slice is a stretch of the day, named by its bounds, such as
``0000-2400.ndjson.zst``. Events that a stream told of after their slice had been pulled are in files of their own,
``late-<digest>.ndjson.zst``. All hold the provider's events as received, one JSON object a line.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from pathlib import Path

from pydantic import TypeAdapter

from assets.lake import replace_text

__all__ = ["Late", "Manifest", "Slice"]


@dataclass(frozen=True)
class Slice:
    """One landed stretch of a day.

    Attributes:
        start: Start, UTC, inclusive.
        end: End, UTC, exclusive.
        pulled_at: The clock's time when it was asked for.
        pages: Answers received.
        events: Lines landed.
        sha256: Digest of the lines.
        gaps: What could not be had: start, end and cause.
    """

    start: datetime
    end: datetime
    pulled_at: datetime
    pages: int = 0
    events: int = 0
    sha256: str = ""
    gaps: list[dict[str, str]] = field(default_factory=list)

    @property
    def file(self) -> str:
        """Name of its file."""
        end = "2400" if self.end.date() > self.start.date() else f"{self.end:%H%M}"
        return f"{self.start:%H%M}-{end}.ndjson.zst"


@dataclass(frozen=True)
class Late:
    """Events of the day that a stream told of.

    Attributes:
        landed_at: The clock's time.
        events: Lines landed.
        sha256: Digest of the lines.
    """

    landed_at: datetime
    events: int
    sha256: str

    @property
    def file(self) -> str:
        """Name of its file: the same for the same events."""
        return f"late-{self.sha256[:16]}.ndjson.zst"


@dataclass
class _Entries:
    slices: list[Slice] = field(default_factory=list)
    late: list[Late] = field(default_factory=list)


_ENTRIES = TypeAdapter(_Entries)


class Manifest:
    """The manifest of one day, for any number of threads of one process.

    Attributes:
        directory: Directory of the partition.
        slices: Landed slices by file name.
        late: Files of late events by file name.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._lock = threading.Lock()
        path = directory / "manifest.json"
        entries = _ENTRIES.validate_json(path.read_bytes()) if path.exists() else _Entries()
        self.slices = {piece.file: piece for piece in entries.slices}
        self.late = {piece.file: piece for piece in entries.late}

    def add(self, landed: Slice | Late) -> None:
        """Notes what has landed, on disk, too; what has the same name takes its place."""
        with self._lock:
            if isinstance(landed, Slice):
                self.slices[landed.file] = landed
            else:
                self.late[landed.file] = landed
            entries = {"slices": _sorted(self.slices), "late": _sorted(self.late)}
            text = json.dumps(entries, default=datetime.isoformat, indent=1)
            replace_text(self.directory / "manifest.json", text)

    def replace(self, before: Slice | Late, after: Slice | Late) -> None:
        """Notes that a file's content was replaced; that of late events has another name then."""
        with self._lock:
            if isinstance(before, Late):
                self.late.pop(before.file, None)
        self.add(after)

    @property
    def pieces(self) -> list[Slice | Late]:
        """All that has landed, slices in order of time, then late events."""
        return [*(self.slices[name] for name in sorted(self.slices)), *(self.late[name] for name in sorted(self.late))]

    @property
    def day(self) -> date:
        """The day, by the name of the directory."""
        return date.fromisoformat(self.directory.name.removeprefix("day="))

    @property
    def events(self) -> int:
        """Lines landed in all files."""
        return sum(piece.events for piece in self._pieces())

    @property
    def files(self) -> list[str]:
        """Paths of the files that hold events, slices in order of time, then late events."""
        return [str(self.directory / name) for name, _ in self._held()]

    @property
    def digest(self) -> str:
        """Digest of what the files hold."""
        return hashlib.sha256("|".join(f"{name}:{sha}" for name, sha in self._held()).encode()).hexdigest()

    def _held(self) -> list[tuple[str, str]]:
        # The names of slices are numbers, and so come before those of late events.
        return sorted((piece.file, piece.sha256) for piece in self._pieces() if piece.events)

    def _pieces(self) -> Iterator[Slice | Late]:
        yield from self.slices.values()
        yield from self.late.values()


def _sorted(pieces: dict[str, Slice] | dict[str, Late]) -> list[dict[str, object]]:
    return [asdict(pieces[name]) for name in sorted(pieces)]
