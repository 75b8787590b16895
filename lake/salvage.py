"""Recovery of readable events from a damaged raw file."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from lake.durable import file_digest, move_durably, read_digest, replacing
from lake.landing import compressing
from lake.manifest import Manifest
from lake.manifest_entries import Piece, Slice
from lake.raw_lines import RawFileError, line_chunks, lines_digest

__all__ = ["salvage"]


def salvage(manifest: Manifest, piece: Piece) -> str:
    """Replace a damaged raw file by its readable events, and move the damaged file aside.

    If another file has the original content, as after two files were swapped, the content is put back. If the file has
    another file's content, none of it is used. Else a slice records the loss as a gap, and is pulled again while the
    provider keeps its events. A recovery that is killed at any point can be repeated.

    Returns:
        Description of what was done, for a person.
    """
    damaged = manifest.directory / piece.file
    aside = damaged.with_name(f"{damaged.name}.damaged")
    directories = sorted(manifest.directory.parents[2].glob("*/audit_events/day=*"))
    if found := _misplaced(directories, piece):
        return _put_back(found, damaged, aside)
    foreign = _is_of_another(directories, damaged)
    events = 0
    staged = damaged.with_name(f".{uuid.uuid4().hex}")
    with compressing(staged) as out:
        for line in () if foreign else _readable(damaged):
            out.write(line)
            events += 1
    sha256, _ = lines_digest(staged)
    after = piece.holding(sha256, events, file_digest(staged))
    if isinstance(after, Slice):
        cause = f"{piece.events - events} of {piece.events} events were lost with a damaged file"
        gap = {"start": after.start.isoformat(), "end": after.end.isoformat(), "cause": cause}
        # Marked as not pulled yet, so that it is pulled again while the provider keeps its events.
        after = replace(after, gaps=[*after.gaps, gap], pulled_at=after.start)
    move_durably(staged, manifest.directory / after.file)
    manifest.replace(piece, after)
    damaged.replace(aside)
    return f"{events} of {piece.events} events could be read; the damaged file is beside it as {aside.name}"


def _misplaced(directories: Sequence[Path], piece: Piece) -> Path | None:
    """Return a misplaced file that has the landed content of a piece."""
    if not piece.stored:
        return None
    for directory in directories:
        manifest = Manifest(directory)
        wrong = {*manifest.damaged(), *(each.file for each in manifest.pieces if not each.events)}
        places = [*(directory / name for name in sorted(wrong)), *sorted(directory.glob("*.damaged"))]
        if found := next((path for path in places if read_digest(path) == piece.stored), None):
            return found
    return None


def _put_back(found: Path, damaged: Path, aside: Path) -> str:
    with replacing(aside) as temporary:
        shutil.copyfile(damaged, temporary)
    with replacing(damaged) as temporary:
        shutil.copyfile(found, temporary)
    return f"put back from {found}, which held it; what stood in its place is beside it as {aside.name}"


def _is_of_another(directories: Sequence[Path], path: Path) -> bool:
    """Return whether a file has the landed content of another file."""
    digest = read_digest(path)
    return any(piece.stored == digest for directory in directories for piece in Manifest(directory).pieces)


def _readable(path: Path) -> Iterator[bytes]:
    """Yield the whole lines of a raw file up to where it can't be decompressed further."""
    try:
        for chunk in line_chunks(path):
            for line in chunk.splitlines(keepends=True):
                if line.endswith(b"\n") and _is_object(line):
                    yield line
    except RawFileError:
        return


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
