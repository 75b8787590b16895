"""The stamp beside the outbox: evidence of whether the outbox is still the file that the last process left.

An outbox that comes back from a backup has forgotten what was sent since, and would give the numbers of those messages
to others. Nothing inside the file can tell; its inode, its change time and a count of its changes kept elsewhere can.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto
from pathlib import Path

__all__ = ["Lineage", "Stamp", "stamp_of"]

_LENGTH = 100
"""Bytes of a stamp: written in one piece, so that a process that dies leaves the old one or the new one."""

_AHEAD = "ahead"


class Lineage(Enum):
    """What a file is, compared with what the last process left."""

    NEW = auto()
    """There was none before."""
    SAME = auto()
    """That file, or one that a process changed just before it died."""
    UNSTAMPED = auto()
    """A file without a stamp to compare it with."""
    TOUCHED = auto()
    """The same content, put there by something else: a restore of the whole home, or a change of the file's owner."""
    REPLACED = auto()
    """An older file, or another one."""
    DELETED = auto()
    """None, where there was one."""


class Stamp:
    """The stamp of a file, held by this process alone; see :func:`stamp_of`.

    Attributes:
        ahead: What was kept of the file with it, see :meth:`close`.
    """

    def __init__(self, handle: int, path: Path) -> None:
        self._handle = handle
        self._path = path
        self._kept = os.pread(handle, _LENGTH, 0).decode(errors="replace").split()
        self._before = self._status()
        self.ahead = self._kept[-1:] == [_AHEAD]
        if self.ahead:
            self._kept.pop()

    def lineage(self, changes: int) -> Lineage:
        """Compare the file, as it was when the stamp was taken, with what was kept.

        Args:
            changes: How often the file was changed, by its own count.
        """
        match self._kept:
            case ["open", inode] if inode.isdecimal():
                if self._before is None:
                    return Lineage.DELETED if int(inode) else Lineage.NEW
                return Lineage.SAME if int(inode) in (0, self._before[0]) else Lineage.REPLACED
            case [inode, changed_at, count] if f"{inode}{changed_at}{count}".isdecimal():
                if self._before is None:
                    return Lineage.DELETED
                # After a power cut a newer file may stand beside an older stamp: only the file is synced.
                if self._before[0] != int(inode) or changes < int(count):
                    return Lineage.REPLACED
                touched = changes == int(count) and self._before[1] != int(changed_at)
                return Lineage.TOUCHED if touched else Lineage.SAME
            case _:
                return Lineage.UNSTAMPED if self._before else Lineage.NEW

    def open(self) -> None:
        """Keep that the file is being changed: a process that dies from here on may have changed it or not."""
        self._write(f"open {self._before[0] if self._before else 0}", ahead=self.ahead)

    def close(self, changes: int, *, ahead: bool) -> None:
        """Keep what the file is now.

        Args:
            changes: How often it was changed, by its own count.
            ahead: Whether its numbers are beyond those of the ledger, which matters once the file is gone.
        """
        inode, changed_at = self._status() or (0, 0)
        self._write(f"{inode} {changed_at} {changes}", ahead=ahead)

    def _status(self) -> tuple[int, int] | None:
        """Inode and change time; None where there is no file, or an empty one that nothing was written to."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return None
        return (status.st_ino, status.st_ctime_ns) if status.st_size else None

    def _write(self, text: str, *, ahead: bool) -> None:
        os.pwrite(self._handle, (f"{text} {_AHEAD}" if ahead else text).ljust(_LENGTH).encode(), 0)


@contextmanager
def stamp_of(path: Path) -> Iterator[Stamp]:
    """Hold the stamp of a file, which is beside it; other processes and threads wait.

    Raises:
        OSError: The stamp cannot be opened.
    """
    handle = os.open(path.with_name(f"{path.name}.stamp"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield Stamp(handle, path)
    finally:
        os.close(handle)
