"""Landing of raw audit events on disk: which slices of a day are due, and how they are written."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path

import zstandard

from connectors import Gap, Page
from lake.durable import file_digest, move_durably, replacing
from lake.manifest import Manifest
from lake.manifest_entries import GapEntry, Imported, Late, Piece, Slice
from lake.raw_events import holds_all

__all__ = ["GapAgain", "compressing", "due", "land", "land_import", "land_late", "land_recovered"]

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
    damaged: Collection[str] = (),
) -> list[tuple[datetime, datetime]]:
    """Return the slices of a day that are to be pulled: new ones, and those that are not final.

    A day that is over and was never pulled is one slice, or a few; a day in progress is pulled by the hour, so that
    a poll run asks only for what is new.

    Args:
        manifest: What has landed.
        day: The day, UTC.
        now: The provider's time. A slice that claims to be pulled later was pulled by a wrong clock, and is not final.
        lateness: A slice pulled this long after its end is final.
        retention: What landed or was imported and is older than this is left alone: the provider would answer with
            less.
        again: Slices that ended longer ago than this are not pulled again, unless they were pulled before their end;
            None: all are that are not final.
        pieces: Slices into which a day that is over and was never pulled is cut; 24 at most.
        damaged: Files of slices that are to be pulled again whatever their age, while the provider keeps their events.

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
        unsure = piece.pulled_at < piece.end or piece.pulled_at > now or piece.file in damaged
        final = piece.pulled_at >= piece.end + lateness
        recent = again is None or piece.end + again > now
        if kept_by_provider and (unsure or (not final and recent)):
            found.append((piece.start, piece.end))
    if len(uncovered) == _HOURS and now >= midnight + _DAY:
        pieces = min(pieces, _HOURS)
        bounds = [midnight + _HOUR * (_HOURS * n // pieces) for n in range(pieces + 1)]
        return list(pairwise(bounds))
    return sorted(found + [(hour, hour + _HOUR) for hour in uncovered if hour < now])


def land(
    manifest: Manifest,
    start: datetime,
    end: datetime,
    answers: Iterable[Page | Gap],
    *,
    now: datetime,
    provider: str = "",
) -> Slice:
    """Stream one slice to disk, page by page, and record it in the manifest.

    A slice that was landed before is never replaced by less: where the new answers lack any of its events, its file
    stays beside the new one.

    Args:
        manifest: Manifest of the slice's day; it lists the slice once that has landed whole.
        start: Start of the slice, UTC.
        end: End of the slice, UTC, exclusive.
        answers: What the connector yields.
        now: The provider's time when the slice was asked for.
        provider: Whose events they are, by which two renderings of one event are known as the same; empty: lines that
            differ are different events.
    """
    pages = 0
    gaps: list[GapEntry] = []
    staged = _staged(manifest)
    with _lines(staged) as out:
        for answer in answers:
            if isinstance(answer, Gap):
                gaps.append(_gap_entry(answer, now=now))
            else:
                pages += 1
                out.write(answer.lines)
    empty = Slice(start, end, now, pages, gaps=_counted(gaps, manifest))
    landed = empty.holding(out.sha.hexdigest(), out.events, file_digest(staged))
    move_durably(staged, manifest.directory / landed.file)
    manifest.add(landed, beside=_missing(manifest, landed, provider, now))
    return landed


@dataclass(frozen=True)
class GapAgain:
    """An open gap that is asked for again.

    Attributes:
        manifest: Manifest of its day.
        piece: The slice that lacks it.
        gap: The gap.
    """

    manifest: Manifest
    piece: Slice
    gap: GapEntry


def land_recovered(again: GapAgain, answers: Iterable[Page | Gap], *, now: datetime) -> int:
    """Land what an open gap left out, and record what is still missing of it.

    Args:
        again: The gap.
        answers: What the connector yields for it.
        now: The provider's time.

    Returns:
        Events landed.
    """
    lines, left = [], []
    for answer in answers:
        if isinstance(answer, Gap):
            left.append(answer)
        else:
            lines.append(answer.lines)
    held = b"".join(lines)
    if held:
        land_late(again.manifest, held, now=now)
    counted = {"attempts": again.gap["attempts"] + 1, "since": again.gap["since"]}
    open_still = [
        {**entry, **(counted if "unit" in entry else {})} for gap in left for entry in [_gap_entry(gap, now=now)]
    ]
    again.manifest.settle(again.piece, again.gap, open_still)
    return held.count(b"\n")


def _gap_entry(gap: Gap, *, now: datetime) -> GapEntry:
    """Return a gap as the manifest keeps it."""
    entry: GapEntry = {"start": gap.start.isoformat(), "end": gap.end.isoformat(), "cause": gap.cause}
    if not gap.uploads:
        entry["uploads"] = False
    if not gap.final:
        entry |= {"unit": gap.unit, "attempts": 1, "since": now.isoformat(), "asked_at": now.isoformat()}
    return entry


def _counted(gaps: list[GapEntry], manifest: Manifest) -> list[GapEntry]:
    """Go on counting the attempts at gaps that an earlier pull of the slice left open, too."""
    known = {_same(gap): gap for piece in manifest.slices.values() for gap in piece.gaps if "unit" in gap}
    return [
        {**gap, "attempts": before["attempts"] + 1, "since": before["since"]}
        if "unit" in gap and (before := known.get(_same(gap)))
        else gap
        for gap in gaps
    ]


def _same(gap: GapEntry) -> tuple[str, str, str]:
    return gap["start"], gap["end"], gap["unit"]


def _missing(manifest: Manifest, landed: Slice, provider: str, now: datetime) -> Late | None:
    """Keep the file of the slice before beside the new one, where it has events that nothing else has."""
    same = [piece for piece in manifest.slices.values() if (piece.start, piece.end) == (landed.start, landed.end)]
    damaged = manifest.damaged() if same else {}
    for before in same:
        if not before.events or before.file == landed.file or before.file in damaged:
            continue
        beside: list[Piece] = [landed, *manifest.late.values(), *manifest.imported.values()]
        others = [piece for piece in beside if piece.events]
        files = [manifest.directory / piece.file for piece in others if piece.file not in damaged]
        if not holds_all(provider, manifest.directory / before.file, files):
            late = Late(now, before.events, before.sha256, before.stored)
            # A second name first: until the manifest is written, the old one is listed.
            path = manifest.directory / late.file
            path.unlink(missing_ok=True)
            path.hardlink_to(manifest.directory / before.file)
            return late
    return None


def land_late(manifest: Manifest, lines: bytes, *, now: datetime) -> Late:
    """Write events that a stream reported late into a file of their own, and record it in the manifest.

    Args:
        manifest: Manifest of the day on which they happened.
        lines: One JSON object and a line break each.
        now: The provider's time.
    """
    staged = _staged(manifest)
    with _lines(staged) as out:
        out.write(lines)
    landed = Late(now, out.events, out.sha.hexdigest(), file_digest(staged))
    move_durably(staged, manifest.directory / landed.file)
    manifest.add(landed)
    return landed


def land_import(
    manifest: Manifest, start: datetime, end: datetime, pieces: Iterable[bytes], *, now: datetime
) -> Imported:
    """Write events of exported history into a file of their own, and record it in the manifest.

    Where there are none and the hours are seen already, nothing is written.

    Args:
        manifest: Manifest of the day on which they happened.
        start: Start of the first hour that the export speaks for, UTC.
        end: End of the last, UTC, exclusive.
        pieces: Lines: one JSON object and a line break each.
        now: Present time.
    """
    staged = _staged(manifest)
    with _lines(staged) as out:
        for piece in pieces:
            out.write(piece)
    landed = Imported(start, end, now, out.events, out.sha.hexdigest(), file_digest(staged))
    if landed.events:
        move_durably(staged, manifest.directory / landed.file)
    else:
        staged.unlink()
    if landed.events or not landed.hours <= {hour for hour, cause in manifest.seen.items() if not cause}:
        manifest.add(landed)
    return landed


def _staged(manifest: Manifest) -> Path:
    """Return a new path for a file whose name will tell its content, which is known once it has been written."""
    return manifest.directory / f".{uuid.uuid4().hex}"


class _Lines:
    """Lines on their way to a compressed file, counted and digested in a thread, so that the next page is asked for."""

    def __init__(self, out: zstandard.ZstdCompressionWriter, thread: Executor) -> None:
        self._out = out
        self._thread = thread
        self._last: Future[None] | None = None
        self.sha = hashlib.sha256()
        self.events = 0

    def write(self, lines: bytes) -> None:
        """Add events, a line each. Wait for the write before, so that no more than one page is held in memory."""
        self.finish()
        self._last = self._thread.submit(self._write, lines)

    def finish(self) -> None:
        """Wait for the running write; raise its error, if any."""
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
