"""How raw audit events land on disk: which slices of a day are due, and how they are written."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path

import zstandard

from assets.lake import replacing
from assets.manifest import Imported, Late, Manifest, Slice
from connectors import Gap, Page

__all__ = ["compressing", "due", "land", "land_import", "land_late"]

_LEVEL = 1
"""Of audit events, whose lines are alike, zstd's fastest level leaves less than its usual one, and is read faster."""

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_HOURS = 24


def due(
    manifest: Manifest,
    day: date,
    *,
    now: datetime,
    lateness: timedelta,
    retention: timedelta,
    again: timedelta | None,
    pieces: int = 1,
) -> list[tuple[datetime, datetime]]:
    """Slices of a day that are to be pulled, new ones and those that are not final.

    A day that is over and was never pulled is one slice, or a few; a day in progress is pulled by the hour, so that
    a tick asks only for what is new.

    Args:
        manifest: What has landed.
        day: The day, UTC.
        now: The clock's time.
        lateness: A slice pulled this long after its end is final.
        retention: What landed or was imported and is older than this is left alone: the provider would answer with
            less.
        again: Slices that ended longer ago than this are not pulled again, unless they were pulled before their end;
            None: all are that are not final.
        pieces: Slices into which a day that is over and was never pulled is cut; 24 at most.

    Returns:
        Start and end of each, UTC, ascending.
    """
    midnight = datetime.combine(day, time(), UTC)
    if midnight >= now:
        return []
    found = []
    hours = [midnight + _HOUR * n for n in range(_HOURS)]
    uncovered = set(hours) - {hour for hour in manifest.imported_hours if hour < now - retention}
    for piece in manifest.slices.values():
        uncovered -= {hour for hour in hours if piece.start <= hour < piece.end}
        kept_by_provider = piece.start > now - retention
        went_on = piece.pulled_at < piece.end
        final = piece.pulled_at >= piece.end + lateness
        recent = again is None or piece.end + again > now
        if kept_by_provider and (went_on or (not final and recent)):
            found.append((piece.start, piece.end))
    if len(uncovered) == _HOURS and now >= midnight + _DAY:
        pieces = min(pieces, _HOURS)
        bounds = [midnight + _HOUR * (_HOURS * n // pieces) for n in range(pieces + 1)]
        return list(pairwise(bounds))
    return sorted(found + [(hour, hour + _HOUR) for hour in uncovered if hour < now])


def land(manifest: Manifest, start: datetime, end: datetime, answers: Iterable[Page | Gap], *, now: datetime) -> Slice:
    """Streams one slice to disk, page by page, and notes it in the manifest.

    Args:
        manifest: Manifest of the slice's day; it knows of the slice once that has landed whole.
        start: Start of the slice, UTC.
        end: End of the slice, UTC, exclusive.
        answers: What the connector yields.
        now: The clock's time when the slice was asked for.
    """
    pages = 0
    gaps = []
    with _lines(manifest.directory / Slice(start, end, now).file) as out:
        for answer in answers:
            if isinstance(answer, Gap):
                gaps.append({"start": answer.start.isoformat(), "end": answer.end.isoformat(), "cause": answer.cause})
            else:
                pages += 1
                out.write(answer.lines)
    landed = Slice(start, end, now, pages, out.events, out.sha.hexdigest(), gaps)
    manifest.add(landed)
    return landed


def land_late(manifest: Manifest, lines: bytes, *, now: datetime) -> Late:
    """Writes events that a stream told of into a file of their own, and notes it in the manifest.

    Args:
        manifest: Manifest of the day on which they happened.
        lines: One JSON object and a line break each.
        now: The clock's time.
    """
    landed = Late(now, lines.count(b"\n"), hashlib.sha256(lines).hexdigest())
    with _lines(manifest.directory / landed.file) as out:
        out.write(lines)
    manifest.add(landed)
    return landed


def land_import(
    manifest: Manifest, start: datetime, end: datetime, pieces: Iterable[bytes], *, now: datetime
) -> Imported:
    """Writes events of exported history into a file of their own, and notes it in the manifest.

    Where there are none and the hours are seen already, nothing is written.

    Args:
        manifest: Manifest of the day on which they happened.
        start: Start of the first hour that the export speaks for, UTC.
        end: End of the last, UTC, exclusive.
        pieces: Lines: one JSON object and a line break each.
        now: The clock's time.
    """
    # The name tells the content, which is known once it has been written.
    staged = manifest.directory / f".{uuid.uuid4().hex}"
    with _lines(staged) as out:
        for piece in pieces:
            out.write(piece)
    landed = Imported(start, end, now, out.events, out.sha.hexdigest())
    if landed.events:
        staged.replace(manifest.directory / landed.file)
    else:
        staged.unlink()
    if landed.events or not landed.hours <= {hour for hour, cause in manifest.seen.items() if not cause}:
        manifest.add(landed)
    return landed


class _Lines:
    """Lines on their way to a compressed file, counted and digested in a thread, so that the next page is asked for."""

    def __init__(self, out: zstandard.ZstdCompressionWriter, thread: Executor) -> None:
        self._out = out
        self._thread = thread
        self._last: Future[None] | None = None
        self.sha = hashlib.sha256()
        self.events = 0

    def write(self, lines: bytes) -> None:
        """Adds events, a line each; waits until those before are written, so that no more than a page is held."""
        self.finish()
        self._last = self._thread.submit(self._write, lines)

    def finish(self) -> None:
        """Waits for what is being written; raises what went wrong with it."""
        if self._last:
            self._last.result()

    def _write(self, lines: bytes) -> None:
        self.events += lines.count(b"\n")
        self.sha.update(lines)
        self._out.write(lines)


@contextmanager
def _lines(path: Path) -> Iterator[_Lines]:
    """A file that is in its place once it is whole."""
    with compressing(path) as out, ThreadPoolExecutor(1, thread_name_prefix="landing") as thread:
        written = _Lines(out, thread)
        yield written
        written.finish()


@contextmanager
def compressing(path: Path) -> Iterator[zstandard.ZstdCompressionWriter]:
    """A compressed file of raw events that is in its place once it is whole."""
    with (
        replacing(path) as temporary,
        temporary.open("wb") as file,
        zstandard.ZstdCompressor(level=_LEVEL).stream_writer(file) as out,
    ):
        yield out
