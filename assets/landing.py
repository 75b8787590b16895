"""Raw audit events on disk: which slices of a day are pulled, how they land, and the manifest beside them.

A slice is a stretch of one day, named by its bounds: ``0000-2400.ndjson.zst`` or ``1300-1400.ndjson.zst``. It
holds the provider's events as received, one JSON object a line. ``manifest.json`` tells of each slice when it was
pulled, how many pages and events came, the digest of its lines, and what could not be had.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import zstandard
from pydantic import TypeAdapter

from assets.lake import replace_text, replacing
from connectors import Gap, Page

__all__ = ["Manifest", "Slice", "due", "land"]

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


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


_SLICE = TypeAdapter(Slice)


class Manifest:
    """The manifest of one provider's day.

    Attributes:
        directory: Directory of the partition.
        slices: Landed slices by file name.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.slices: dict[str, Slice] = {}
        path = directory / "manifest.json"
        if path.exists():
            for entry in json.loads(path.read_text(encoding="utf-8"))["slices"]:
                piece = _SLICE.validate_python(entry)
                self.slices[piece.file] = piece

    def save(self) -> None:
        """Writes the manifest."""
        entries = [asdict(self.slices[name]) for name in sorted(self.slices)]
        text = json.dumps({"slices": entries}, default=datetime.isoformat, indent=1)
        replace_text(self.directory / "manifest.json", text)

    @property
    def events(self) -> int:
        """Lines landed in all slices."""
        return sum(piece.events for piece in self.slices.values())

    @property
    def files(self) -> list[str]:
        """Paths of the slices that hold events, in order of time."""
        return [str(self.directory / name) for name in sorted(self.slices) if self.slices[name].events]

    @property
    def digest(self) -> str:
        """Digest of what the slices hold."""
        held = [f"{name}:{self.slices[name].sha256}" for name in sorted(self.slices) if self.slices[name].events]
        return hashlib.sha256("|".join(held).encode()).hexdigest()


def due(
    manifest: Manifest, day: date, *, now: datetime, lateness: timedelta, retention: timedelta, again: timedelta
) -> list[tuple[datetime, datetime]]:
    """Slices of a day that are to be pulled, new ones and those that are not final.

    A day that is over and was never pulled is one slice; a day in progress is pulled by the hour, so that a tick
    asks only for what is new.

    Args:
        manifest: What has landed.
        day: The day, UTC.
        now: The clock's time.
        lateness: A slice pulled this long after its end is final.
        retention: What landed and is older than this is left alone: the provider would answer with less.
        again: Slices that ended longer ago than this are not pulled again, unless they were pulled before their end.

    Returns:
        Start and end of each, UTC, ascending.
    """
    midnight = datetime.combine(day, time(), UTC)
    if midnight >= now:
        return []
    found = []
    hours = [midnight + _HOUR * n for n in range(24)]
    uncovered = set(hours)
    for piece in manifest.slices.values():
        uncovered -= {hour for hour in hours if piece.start <= hour < piece.end}
        kept_by_provider = piece.start > now - retention
        went_on = piece.pulled_at < piece.end
        final = piece.pulled_at >= piece.end + lateness
        if kept_by_provider and (went_on or (not final and piece.end + again > now)):
            found.append((piece.start, piece.end))
    if len(uncovered) == len(hours) and now >= midnight + _DAY:
        return [(midnight, midnight + _DAY)]
    return sorted(found + [(hour, hour + _HOUR) for hour in uncovered if hour < now])


def land(manifest: Manifest, start: datetime, end: datetime, answers: Iterable[Page | Gap], *, now: datetime) -> Slice:
    """Streams one slice to disk and notes it in the manifest.

    Args:
        manifest: Manifest of the slice's day; saved when the slice has landed.
        start: Start of the slice, UTC.
        end: End of the slice, UTC, exclusive.
        answers: What the connector yields.
        now: The clock's time when the slice was asked for.
    """
    sha = hashlib.sha256()
    pages = events = 0
    gaps = []
    wanted = Slice(start, end, now)
    path = manifest.directory / wanted.file
    with (
        replacing(path) as temporary,
        temporary.open("wb") as file,
        zstandard.ZstdCompressor(level=3).stream_writer(file) as out,
    ):
        for answer in answers:
            if isinstance(answer, Gap):
                gaps.append({"start": answer.start.isoformat(), "end": answer.end.isoformat(), "cause": answer.cause})
                continue
            pages += 1
            events += len(answer.events)
            lines = b"".join(event + b"\n" for event in answer.events)
            sha.update(lines)
            out.write(lines)
    landed = Slice(start, end, now, pages, events, sha.hexdigest(), gaps)
    manifest.slices[landed.file] = landed
    manifest.save()
    return landed
