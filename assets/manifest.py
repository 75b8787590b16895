"""The manifest of one provider's day of raw audit events: what has landed, when it was pulled, what could not be had.

``manifest.json`` stands beside the files. A slice is a stretch of the day, named by its bounds, such as
``0000-2400.ndjson.zst``. Events that a stream told of after their slice had been pulled are in files of their own,
``late-<digest>.ndjson.zst``, and so are those imported from exported history, ``import-<bounds>-<digest>.ndjson.zst``.
All hold the provider's events as received, one JSON object a line.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from assets.lake import replace_text

__all__ = ["Imported", "Late", "Manifest", "Slice"]

_HOUR = timedelta(hours=1)


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
        return f"{_bounds(self.start, self.end)}.ndjson.zst"


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


@dataclass(frozen=True)
class Imported:
    """Events of the day from exported history, and the hours that the export speaks for.

    Attributes:
        start: Start of the first hour, UTC.
        end: End of the last hour, UTC.
        imported_at: The clock's time.
        events: Lines landed; none where all had landed before.
        sha256: Digest of the lines.
    """

    start: datetime
    end: datetime
    imported_at: datetime
    events: int
    sha256: str

    @property
    def file(self) -> str:
        """Name of its file: the same for the same events."""
        return f"import-{_bounds(self.start, self.end)}-{self.sha256[:16]}.ndjson.zst"

    @property
    def hours(self) -> set[datetime]:
        """Starts of its hours."""
        return set(_hours(self.start, self.end))


def _bounds(start: datetime, end: datetime) -> str:
    return f"{start:%H%M}-{'2400' if end.date() > start.date() else f'{end:%H%M}'}"


def _hours(start: datetime, end: datetime) -> list[datetime]:
    """Starts of the full hours between."""
    return [start + n * _HOUR for n in range((end - start) // _HOUR)]


@dataclass
class _Entries:
    slices: list[Slice] = field(default_factory=list)
    late: list[Late] = field(default_factory=list)
    imported: list[Imported] = field(default_factory=list)


_ENTRIES = TypeAdapter(_Entries)


class Manifest:
    """The manifest of one day, for any number of threads and processes.

    Attributes:
        directory: Directory of the partition.
        slices: Landed slices by file name.
        late: Files of late events by file name.
        imported: Files of imported events by file name.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._lock = threading.Lock()
        self._read()

    def _read(self) -> None:
        path = self.directory / "manifest.json"
        entries = _ENTRIES.validate_json(path.read_bytes()) if path.exists() else _Entries()
        self.slices = {piece.file: piece for piece in entries.slices}
        self.late = {piece.file: piece for piece in entries.late}
        self.imported = {piece.file: piece for piece in entries.imported}

    def add(self, landed: Slice | Late | Imported) -> None:
        """Notes what has landed, on disk, too; what has the same name takes its place."""
        with self._lock, _alone(self.directory):
            # A run may pull the day while its history is imported: each keeps what the other noted.
            self._read()
            self._write(landed)

    def replace(self, before: Slice | Late | Imported, after: Slice | Late | Imported) -> None:
        """Notes that a file's content was replaced; that of late and imported events has another name then."""
        with self._lock, _alone(self.directory):
            self._read()
            self._of(before).pop(before.file, None)
            self._write(after)

    def _write(self, landed: Slice | Late | Imported) -> None:
        self._of(landed)[landed.file] = landed
        entries = {name: _sorted(getattr(self, name)) for name in ("slices", "late", "imported")}
        text = json.dumps(entries, default=datetime.isoformat, indent=1)
        replace_text(self.directory / "manifest.json", text)

    def _of(self, piece: Slice | Late | Imported) -> dict[str, Any]:
        """The entries of the same kind, by file name."""
        if isinstance(piece, Slice):
            return self.slices
        return self.late if isinstance(piece, Late) else self.imported

    @property
    def pieces(self) -> list[Slice | Late | Imported]:
        """All that has landed: slices in order of time, then late events, then imported ones."""
        return [kind[name] for kind in (self.slices, self.late, self.imported) for name in sorted(kind)]

    @property
    def day(self) -> date:
        """The day, by the name of the directory."""
        return date.fromisoformat(self.directory.name.removeprefix("day="))

    @property
    def events(self) -> int:
        """Lines landed in all files."""
        return sum(piece.events for piece in self._pieces())

    @property
    def imported_hours(self) -> set[datetime]:
        """Starts of the hours that imported history speaks for, UTC."""
        return {hour for piece in self.imported.values() for hour in piece.hours}

    @property
    def gaps(self) -> list[dict[str, str]]:
        """What could not be had and no import brought: start, end and cause."""
        imported = self.imported_hours
        return [
            gap
            for name in sorted(self.slices)
            for gap in self.slices[name].gaps
            if not _touched(gap, self.slices[name]) <= imported
        ]

    @property
    def seen(self) -> dict[datetime, str]:
        """Starts of the hours that were pulled after they had ended, or imported, with the causes of gaps in each."""
        found: dict[datetime, str] = {}
        for piece in self.slices.values():
            for hour in _hours(piece.start, min(piece.end, piece.pulled_at)):
                found[hour] = "; ".join(gap["cause"] for gap in piece.gaps if hour in _touched(gap, piece))
        return {**found, **dict.fromkeys(self.imported_hours, "")}

    @property
    def files(self) -> list[str]:
        """Paths of the files that hold events, slices in order of time, then imported and late events."""
        return [str(self.directory / name) for name, _ in self._held()]

    @property
    def digest(self) -> str:
        """Digest of what the files hold."""
        return hashlib.sha256("|".join(f"{name}:{sha}" for name, sha in self._held()).encode()).hexdigest()

    def _held(self) -> list[tuple[str, str]]:
        # The names of slices are numbers, and so come before those of other events.
        return sorted((piece.file, piece.sha256) for piece in self._pieces() if piece.events)

    def _pieces(self) -> Iterator[Slice | Late | Imported]:
        yield from self.slices.values()
        yield from self.late.values()
        yield from self.imported.values()


def _touched(gap: dict[str, str], piece: Slice) -> set[datetime]:
    """Starts of the slice's hours in which the gap is."""
    start, end = datetime.fromisoformat(gap["start"]), datetime.fromisoformat(gap["end"])
    return {hour for hour in _hours(piece.start, piece.end) if start < hour + _HOUR and end > hour}


def _sorted(pieces: dict[str, Any]) -> list[dict[str, object]]:
    return [asdict(pieces[name]) for name in sorted(pieces)]


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Keeps other processes from the directory's manifest."""
    directory.mkdir(parents=True, exist_ok=True)
    handle = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
