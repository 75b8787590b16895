"""Damages of a file, as caused by a bad or full disk or by a person's mistake."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

__all__ = ["DAMAGES", "deleted", "emptied", "flipped", "garbage", "halved"]


def halved(path: Path) -> None:
    """Cut a file in half."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def emptied(path: Path) -> None:
    """Empty a file."""
    path.write_bytes(b"")


def flipped(path: Path) -> None:
    """Flip one bit in the middle of a file; keep its size and time."""
    stat = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def garbage(path: Path) -> None:
    """Replace a file's content by other bytes."""
    path.write_bytes(b"\x00garbage\xff" * 40)


def deleted(path: Path) -> None:
    """Delete a file."""
    path.unlink()


DAMAGES: tuple[Callable[[Path], None], ...] = (halved, emptied, flipped, garbage, deleted)
