"""Lines of a raw file: read in batches, counted and digested."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import zstandard

__all__ = ["RawFileError", "line_chunks", "lines_digest"]

_CHUNK = 1 << 24


class RawFileError(ValueError):
    """Error of a raw file that cannot be decompressed; the message says why, and does not name the file."""


def line_chunks(path: Path) -> Iterator[bytes]:
    """Yield the lines of a raw file in batches of whole lines.

    Raises:
        RawFileError: The file is cut off or damaged.
    """
    rest = b""
    try:
        with (
            path.open("rb") as file,
            zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True) as lines,
        ):
            while chunk := lines.read(_CHUNK):
                whole, line_break, after = chunk.rpartition(b"\n")
                if line_break:
                    yield rest + whole + line_break
                    rest = after
                else:
                    rest += chunk
    except zstandard.ZstdError as error:
        raise RawFileError(f"it cannot be decompressed ({error})") from error
    if rest:
        yield rest


def lines_digest(path: Path) -> tuple[str, int]:
    """Return the SHA-256 of a raw file's lines, and their number.

    Raises:
        RawFileError: The file is cut off or damaged.
    """
    sha, events = hashlib.sha256(), 0
    for chunk in line_chunks(path):
        sha.update(chunk)
        events += chunk.count(b"\n")
    return sha.hexdigest(), events
