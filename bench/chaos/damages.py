"""Damages of a file: each leaves it as a bad disk, a full one or a careless hand would."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

__all__ = ["DAMAGES", "deleted", "emptied", "flipped", "garbage", "halved"]


def halved(path: Path) -> None:
    """Cut a file in half."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path: Path) -> None:
    """Leave nothing in a file."""
    path.write_bytes(b"")


def flipped(path: Path) -> None:
    """Flip one bit in the middle of a file, and leave its size and time as they were."""
    stat = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def garbage(path: Path) -> None:
    """Put something else into a file."""
    path.write_bytes(b"\x00garbage\xff" * 40)


def deleted(path: Path) -> None:
    """Delete a file."""
    path.unlink()


DAMAGES: tuple[Callable[[Path], None], ...] = (halved, emptied, flipped, garbage, deleted)
