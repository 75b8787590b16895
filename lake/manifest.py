"""Manifest of one source's day of raw audit events: what has landed, when it was pulled, and the gaps.

``manifest.json`` is beside the files, with a copy in ``manifest.copy.json``. A slice is a time range of the day;
its file is named by its bounds and its content, such as ``0000-2400-<digest>.ndjson.zst``. Events beside the slices
are in files of their own: ``late-<digest>.ndjson.zst`` holds late events of a stream, or events that a later pull of a
slice no longer returned, and ``import-<bounds>-<digest>.ndjson.zst`` those of exported history. All hold the provider's
events as received, one JSON object per line.

A lost or damaged manifest is read from its copy, or else rebuilt from the files.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from common.digests import text_digest
from lake.durable import directory_lock, file_digest, read_content, replace_text
from lake.manifest_entries import (
    SUFFIX,
    GapEntry,
    Imported,
    Late,
    Piece,
    Slice,
    of_uploads,
    slices_between,
    touched_slices,
)
from lake.raw_lines import RawFileError, lines_digest

__all__ = ["Manifest"]

_HOUR = timedelta(hours=1)
_NAME = re.compile(
    rf"(?:(?P<late>late)|(?P<imported>import-)?(?P<start>\d{{4}})-(?P<end>\d{{4}}))"
    rf"(?:-(?P<sha>[0-9a-f]{{16}}))?{re.escape(SUFFIX)}"
)
_SIGNED = '{"digest": "'
"""First bytes of a manifest; the digest of the rest follows."""
logger = logging.getLogger(__name__)


@dataclass
class _Entries:
    slices: list[Slice] = field(default_factory=list)
    late: list[Late] = field(default_factory=list)
    imported: list[Imported] = field(default_factory=list)
    of: str = ""


_ENTRIES = TypeAdapter(_Entries)

_verified: dict[str, tuple[tuple[int, ...], str]] = {}
"""Verified digests of raw files, by path and the file's identity on disk, since a run reads a file twice."""


class Manifest:
    """Manifest of one day, safe for any number of threads and processes; without ``heal`` it locks and writes nothing.

    Attributes:
        directory: Directory of the partition.
        slices: Landed slices by file name.
        late: Files of events beside the slices by file name.
        imported: Files of imported events by file name.
    """

    def __init__(self, directory: Path, *, heal: bool = True) -> None:
        self.directory = directory
        self.slices: dict[str, Slice] = {}
        self.late: dict[str, Late] = {}
        self.imported: dict[str, Imported] = {}
        self._lock = threading.Lock()
        if not self._read() and heal and directory.is_dir():
            with self._lock, directory_lock(directory):
                self._heal()

    @property
    def path(self) -> Path:
        """Return the manifest's file."""
        return self.directory / "manifest.json"

    @property
    def copy(self) -> Path:
        """Return the file of the manifest's copy."""
        return self.directory / "manifest.copy.json"

    def _read(self) -> bool:
        """Read the manifest; return False if it is missing or damaged."""
        entries = _entries_of(self.path)
        if entries is not None:
            self._take(entries)
        return entries is not None

    def _take(self, entries: _Entries) -> None:
        self.slices = {piece.file: piece for piece in entries.slices}
        self.late = {piece.file: piece for piece in entries.late}
        self.imported = {piece.file: piece for piece in entries.imported}

    def _refresh(self) -> None:
        """Read what other processes recorded meanwhile; if the manifest is lost, keep the entries in memory."""
        if not self._read() and (copied := _entries_of(self.copy)):
            self._take(copied)

    def _heal(self) -> None:
        """Read the manifest from its copy and from the files, and write it again."""
        if self._read():
            return
        copied = _entries_of(self.copy)
        self._take(copied or _Entries())
        found = self._adopt(self.unlisted())
        if copied is None and not found and not self.path.exists():
            # A day without landed events.
            return
        logger.warning(
            "%s is %s: rebuilt from %s and %d raw files",
            self.path,
            "damaged" if self.path.exists() else "missing",
            "its copy" if copied else "no copy",
            found,
        )
        # A process with only read access continues with these entries.
        with suppress(PermissionError):
            self._write()

    @classmethod
    def broken_files(cls, directory: Path) -> list[Path]:
        """Return the missing or damaged files of the manifest and its copy, if a manifest or raw file exists."""
        both = [directory / "manifest.json", directory / "manifest.copy.json"]
        if not any(path.exists() for path in both) and next(directory.glob(f"*{SUFFIX}"), None) is None:
            return []
        return [path for path in both if _entries_of(path) is None]

    def write(self) -> None:
        """Rewrite the manifest and its copy."""
        with self._lock, directory_lock(self.directory):
            self._refresh()
            self._write()

    def adopt(self, path: Path) -> str:
        """List an unlisted raw file, beside the slices if its time range has one already; return what was done."""
        with self._lock, directory_lock(self.directory):
            self._refresh()
            if not self._adopt([path]):
                return "left alone: it is not whole, or its name is not that of a raw file"
            self._write()
        return "listed again"

    def unlisted(self) -> list[Path]:
        """Return the raw files in the directory that the manifest does not list, sorted by name."""
        listed = {piece.file for piece in self._pieces()}
        return sorted(path for path in self.directory.glob(f"*{SUFFIX}") if path.name not in listed and path.is_file())

    def _adopt(self, files: Sequence[Path]) -> int:
        """List the files that are whole, by their names and content; return how many."""
        found = 0
        # If two files have one time range, the newer is the slice, and the other stays beside it.
        for path in sorted(files, key=lambda path: path.stat().st_mtime_ns, reverse=True):
            named = _NAME.fullmatch(path.name)
            if not named:
                continue
            try:
                sha256, events = lines_digest(path)
            except RawFileError:
                continue
            if named["sha"] and not sha256.startswith(named["sha"]):
                continue
            stored = file_digest(path)
            landed_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            found += 1
            if named["late"]:
                late = Late(landed_at, events, sha256, stored)
                self.late[late.file] = late
                continue
            start, end = self._time(named["start"]), self._time(named["end"])
            if named["imported"]:
                imported = Imported(start, end, landed_at, events, sha256, stored)
                self.imported[imported.file] = imported
            elif any(piece.start < end and start < piece.end for piece in self.slices.values()):
                self._keep_beside(path, Late(landed_at, events, sha256, stored))
            else:
                # The pull time is lost: it was no later than the file's, and the slice may still change.
                piece = Slice(start, end, min(end, landed_at), 0, events, sha256, [], stored, path.name)
                self.slices[piece.file] = piece
        return found

    def _keep_beside(self, path: Path, late: Late) -> None:
        if late.events:
            path.replace(self.directory / late.file)
            self.late[late.file] = late

    def _time(self, text: str) -> datetime:
        minutes = int(text[:2]) * 60 + int(text[2:])
        return datetime.combine(self.day, time(), UTC) + timedelta(minutes=minutes)

    def _write(self) -> None:
        entries = {name: _sorted(getattr(self, name)) for name in ("slices", "late", "imported")}
        text = json.dumps({"of": _place(self.path), **entries}, default=datetime.isoformat, indent=1)
        signed = f'{_SIGNED}{text_digest(text)}",{text.removeprefix("{")}'
        for path in (self.path, self.copy):
            replace_text(path, signed)

    def add(self, landed: Piece, *, beside: Late | None = None) -> None:
        """Record landed events in the manifest and on disk; a slice replaces the one of the same time range.

        Args:
            landed: Entry of the landed events.
            beside: Events that only the previous slice had, in a file of their own.
        """
        with self._lock, directory_lock(self.directory):
            # A run may pull the day while its history is imported: each keeps the other's entries.
            self._refresh()
            before = self._replaced_by(landed)
            self._enter(landed)
            if beside:
                self._enter(beside)
            self._write()
            listed = {piece.file for piece in self._pieces()}
            for piece in before:
                if piece.file not in listed:
                    (self.directory / piece.file).unlink(missing_ok=True)

    def _replaced_by(self, landed: Piece) -> list[Slice]:
        if not isinstance(landed, Slice):
            return []
        same = [piece for piece in self.slices.values() if (piece.start, piece.end) == (landed.start, landed.end)]
        for piece in same:
            del self.slices[piece.file]
        return same

    def _enter(self, landed: Piece) -> None:
        if isinstance(landed, Slice):
            self.slices[landed.file] = landed
        elif isinstance(landed, Late):
            self.late[landed.file] = landed
        else:
            self.imported[landed.file] = landed

    def replace(self, before: Piece, after: Piece | None) -> None:
        """Record that a file's content was replaced or, if ``after`` is None, removed from the manifest.

        The caller removes the file of ``before``.
        """
        with self._lock, directory_lock(self.directory):
            self._refresh()
            for entries in (self.slices, self.late, self.imported):
                entries.pop(before.file, None)
            if after is not None:
                self._enter(after)
            self._write()

    def settle(self, piece: Slice, gap: GapEntry, left: Sequence[GapEntry]) -> None:
        """Record the result of requesting a gap again; the slice may have been pulled again meanwhile."""
        with self._lock, directory_lock(self.directory):
            self._refresh()
            known = self.slices.get(piece.file)
            if known and gap in known.gaps:
                at = known.gaps.index(gap)
                self.slices[piece.file] = replace(known, gaps=[*known.gaps[:at], *left, *known.gaps[at + 1 :]])
                self._write()

    @property
    def pieces(self) -> list[Piece]:
        """Return all entries: slices in order of time, then imported and late events."""
        return [
            *(self.slices[name] for name in sorted(self.slices)),
            *(self.imported[name] for name in sorted(self.imported)),
            *(self.late[name] for name in sorted(self.late)),
        ]

    @property
    def day(self) -> date:
        """Return the day, from the name of the directory."""
        return date.fromisoformat(self.directory.name.removeprefix("day="))

    @property
    def events(self) -> int:
        """Return the number of lines landed in all files."""
        return sum(piece.events for piece in self._pieces())

    @property
    def imported_hours(self) -> set[datetime]:
        """Return the starts of the hours that imported history covers, UTC."""
        return {hour for piece in self.imported.values() for hour in piece.hours}

    @property
    def gaps(self) -> list[GapEntry]:
        """Return the gaps that no pull or import filled: start, end and cause."""
        imported = self._imported_slices
        return [
            gap
            for name in sorted(self.slices)
            for gap in self.slices[name].gaps
            if not touched_slices(gap, self.slices[name]) <= imported
        ]

    @property
    def seen(self) -> dict[datetime, str]:
        """Return the starts of the hours that were pulled after their end, or imported, with the causes of their gaps.

        A gap that cannot contain uploads does not count here.
        """
        found: dict[datetime, list[str]] = {}
        for piece in self.slices.values():
            causes = [(gap["cause"], touched_slices(gap, piece)) for gap in piece.gaps if of_uploads(gap)]
            for start in slices_between(piece.start, min(piece.end, piece.pulled_at)):
                found[start] = [cause for cause, touched in causes if start in touched]
        found |= {start: [] for start in self._imported_slices}
        parts = {hour: slices_between(hour, hour + _HOUR) for hour in {start.replace(minute=0) for start in found}}
        return {
            hour: "; ".join(dict.fromkeys(cause for start in starts for cause in found[start]))
            for hour, starts in sorted(parts.items())
            if all(start in found for start in starts)
        }

    @property
    def pulled(self) -> set[datetime]:
        """Return the starts of the shortest slices that were pulled, be it before their end, or imported."""
        slices = (slices_between(piece.start, piece.end) for piece in self.slices.values())
        return {start for starts in slices for start in starts} | self._imported_slices

    @property
    def _imported_slices(self) -> set[datetime]:
        return {start for hour in self.imported_hours for start in slices_between(hour, hour + _HOUR)}

    @property
    def files(self) -> list[str]:
        """Return the paths of the files with events: slices in order of time, then imported and late events."""
        return [str(self.directory / name) for name, _ in self._held()]

    @property
    def digest(self) -> str:
        """Return a digest of the files' content."""
        return text_digest("|".join(f"{name}:{sha}" for name, sha in self._held()))

    def damaged(self) -> dict[str, str]:
        """Verify every file with events; return the faults of damaged ones by file name."""
        faults = self._faults()
        if faults and self._read():
            # Another process may have replaced a slice since the manifest was read.
            faults = self._faults()
        return faults

    def _faults(self) -> dict[str, str]:
        faults = {piece.file: self._fault(piece) for piece in self._pieces() if piece.events}
        return {name: fault for name, fault in sorted(faults.items()) if fault}

    def _fault(self, piece: Piece) -> str:
        """Return what is wrong with a file; empty if it has the landed content."""
        path = self.directory / piece.file
        try:
            stat = path.stat()
            identity = (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
            known = _verified.get(str(path))
            if known and known == (identity, piece.sha256):
                return ""
            whole = _holds(path, piece)
        except FileNotFoundError:
            return "it is missing"
        except RawFileError as error:
            return str(error)
        except OSError as error:
            return f"it cannot be read ({error.strerror})"
        if whole:
            _verified[str(path)] = (identity, piece.sha256)
            return ""
        return "it is empty" if stat.st_size == 0 else "its content is not what was landed"

    def _held(self) -> list[tuple[str, str]]:
        # The names of slices begin with digits, so they sort before those of other files.
        return sorted((piece.file, piece.sha256) for piece in self._pieces() if piece.events)

    def _pieces(self) -> Iterator[Piece]:
        yield from self.slices.values()
        yield from self.late.values()
        yield from self.imported.values()


def _holds(path: Path, piece: Piece) -> bool:
    """Return whether a file has the landed content."""
    if not path.is_file():
        raise RawFileError("it is not a file")
    # Earlier versions recorded the digest of the lines alone.
    return file_digest(path) == piece.stored if piece.stored else lines_digest(path) == (piece.sha256, piece.events)


def _entries_of(path: Path) -> _Entries | None:
    """Return the entries of a manifest; None if the file is missing, changed, or of another day or source."""
    try:
        text = (read_content(path) or b"").decode()
        entries = _ENTRIES.validate_json(text)
    except (ValidationError, UnicodeDecodeError):
        return None
    # Earlier versions wrote no digest.
    digest, _, rest = text.removeprefix(_SIGNED).partition('",')
    whole = not text.startswith(_SIGNED) or text_digest(f"{{{rest}") == digest
    return entries if whole and entries.of in ("", _place(path)) else None


def _place(path: Path) -> str:
    """Return the source and the day of a manifest, from its directory."""
    return f"{path.parents[2].name}/{path.parent.name}"


def _sorted(pieces: Mapping[str, Any]) -> list[dict[str, object]]:
    return [asdict(pieces[name]) for name in sorted(pieces)]
