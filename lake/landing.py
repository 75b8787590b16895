"""Landing of raw audit events on disk: selection of due slices, and how they are written."""

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

from connectors import SLICE, Gap, Page
from lake.durable import file_digest, move_durably, replacing
from lake.manifest import Manifest
from lake.manifest_entries import GapEntry, Imported, Late, Piece, Slice, slices_between
from lake.raw_events import holds_all

__all__ = ["GapAgain", "compressing", "due", "land", "land_import", "land_late", "land_recovered"]

_LEVEL = 1
"""Since lines of audit events are alike, zstd's fastest level compresses better than its default, and reads faster."""

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_HOURS = 24
_SOONEST, _LATER = timedelta(minutes=8), 4


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
    """Return the slices of a day that must be pulled: new ones, and those that are not final.

    A past day that was never pulled is one slice, or a few; of a day in progress an hour that is over is one, and the
    present hour is pulled by quarters, so that a poll run requests only what is new.

    Args:
        manifest: What has landed.
        day: The day, UTC.
        now: The provider's time. A slice with a later pull time was pulled with a wrong clock, and is not final.
        lateness: A slice pulled this long after its end is final.
        retention: Landed or imported events older than this are not pulled again: the provider would return fewer.
        again: How late events usually are: slices are pulled again until then, see :func:`_comes_again`, and always if
            they were pulled before their end; None: pull all that are not final.
        pieces: Slices into which a past day that was never pulled is split; 24 at most.
        damaged: Files of slices to pull again whatever their age, while the provider keeps their events.

    Returns:
        Start and end of each, UTC, ascending.
    """
    midnight = datetime.combine(day, time(), UTC)
    if midnight >= now:
        return []
    found = []
    whole = slices_between(midnight, midnight + _DAY)
    kept = {hour for hour in manifest.imported_hours if hour < now - retention}
    uncovered = {start for start in whole if start.replace(minute=0) not in kept}
    for piece in manifest.slices.values():
        uncovered -= set(slices_between(piece.start, piece.end))
        kept_by_provider = piece.start > now - retention
        unsure = piece.pulled_at < piece.end or piece.pulled_at > now or piece.file in damaged
        final = piece.pulled_at >= piece.end + lateness
        recent = again is None or _comes_again(piece, now, again)
        if kept_by_provider and (unsure or (not final and recent)):
            found.append((piece.start, piece.end))
    if len(uncovered) == len(whole) and now >= midnight + _DAY:
        pieces = min(pieces, _HOURS)
        bounds = [midnight + _HOUR * (_HOURS * n // pieces) for n in range(pieces + 1)]
        return list(pairwise(bounds))
    for hour in (midnight + _HOUR * n for n in range(_HOURS)):
        parts = [start for start in slices_between(hour, hour + _HOUR) if start in uncovered and start < now]
        if len(parts) * SLICE == _HOUR and hour + _HOUR <= now:
            found.append((hour, hour + _HOUR))
        else:
            found += [(start, start + SLICE) for start in parts]
    return sorted(found)


def _comes_again(piece: Slice, now: datetime, again: timedelta) -> bool:
    """Return whether a slice that was pulled after its end is due again for late events.

    Most come soon, so the first time is half an hour after the end, then four times as long, and at last once events
    are usually in. To pull it each time would be many times as much as what is new.
    """
    before = piece.pulled_at - piece.end
    if before >= again:
        return False
    following = _LATER * max(before, _SOONEST)
    return now - piece.end >= (following if 2 * following <= again else again)


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

    A landed slice never loses events: if the new answers lack any of them, the old file stays beside the new one.

    Args:
        manifest: Manifest of the slice's day; it lists the slice once all of it has landed.
        start: Start of the slice, UTC.
        end: End of the slice, UTC, exclusive.
        answers: Answers that the connector yields.
        now: The provider's time when the slice was requested.
        provider: Provider of the events, which identifies two renderings of one event; empty: different lines are
            different events.
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
    """Open gap that is requested again.

    Attributes:
        manifest: Manifest of its day.
        piece: The slice that lacks it.
        gap: The gap.
    """

    manifest: Manifest
    piece: Slice
    gap: GapEntry


def land_recovered(again: GapAgain, answers: Iterable[Page | Gap], *, now: datetime) -> int:
    """Land the missing events of an open gap, and record what is still missing.

    Args:
        again: The gap.
        answers: Answers that the connector yields for it.
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
    """Return a gap in the form of the manifest."""
    entry: GapEntry = {"start": gap.start.isoformat(), "end": gap.end.isoformat(), "cause": gap.cause}
    if not gap.uploads:
        entry["uploads"] = False
    if not gap.final:
        entry |= {"unit": gap.unit, "attempts": 1, "since": now.isoformat(), "asked_at": now.isoformat()}
    elif gap.unit:
        entry["lost"] = gap.unit
    return entry


def _counted(gaps: list[GapEntry], manifest: Manifest) -> list[GapEntry]:
    """Carry over the attempt counts of gaps that an earlier pull of the slice also left open."""
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
    """Keep the slice's previous file beside the new one if it has events that no other file has."""
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
            # Link it under a second name first: the manifest lists the old name until it is rewritten.
            path = manifest.directory / late.file
            path.unlink(missing_ok=True)
            path.hardlink_to(manifest.directory / before.file)
            return late
    return None


def land_late(manifest: Manifest, lines: bytes, *, now: datetime) -> Late:
    """Write late events of a stream into a file of their own, and record it in the manifest.

    Args:
        manifest: Manifest of the day of the events.
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

    Without events, nothing is written if the hours are covered already.

    Args:
        manifest: Manifest of the day of the events.
        start: Start of the first hour that the export covers, UTC.
        end: End of the last, UTC, exclusive.
        pieces: Lines, each with one JSON object and a line break.
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
    """Return a temporary path for a file whose final name depends on its content."""
    return manifest.directory / f".{uuid.uuid4().hex}"


class _Lines:
    """Writer of lines to a compressed file; a thread counts and digests them while the next page is requested."""

    def __init__(self, out: zstandard.ZstdCompressionWriter, thread: Executor) -> None:
        self._out = out
        self._thread = thread
        self._last: Future[None] | None = None
        self.sha = hashlib.sha256()
        self.events = 0

    def write(self, lines: bytes) -> None:
        """Add events, one per line. Wait for the previous write, so that memory holds at most one page."""
        self.finish()
        self._last = self._thread.submit(self._write, lines)

    def finish(self) -> None:
        """Wait for the running write, and raise its error, if any."""
        if self._last:
            self._last.result()

    def _write(self, lines: bytes) -> None:
        self.events += lines.count(b"\n")
        self.sha.update(lines)
        self._out.write(lines)


@contextmanager
def _lines(path: Path) -> Iterator[_Lines]:
    """File that gets its final name once it is complete."""
    with compressing(path) as out, ThreadPoolExecutor(1, thread_name_prefix="landing") as thread:
        written = _Lines(out, thread)
        yield written
        written.finish()


@contextmanager
def compressing(path: Path) -> Iterator[zstandard.ZstdCompressionWriter]:
    """Compressed file of raw events that gets its final name once it is complete."""
    with (
        replacing(path) as temporary,
        temporary.open("wb") as file,
        zstandard.ZstdCompressor(level=_LEVEL).stream_writer(file) as out,
    ):
        yield out
