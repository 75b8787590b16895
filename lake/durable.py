"""Atomic replacement of files: a reader sees the old content or the new; durable content survives a power cut.

A file is written beside its target and renamed over it. If it cannot be computed again, content and directory entry are
synced to disk first: a rename alone may leave an empty file under the final name.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import itertools
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

__all__ = [
    "LEFT_BEHIND_SECONDS",
    "directory_lock",
    "file_digest",
    "indicates_damage",
    "make_directory",
    "make_way",
    "move_durably",
    "read_content",
    "read_digest",
    "replace_text",
    "replacing",
    "sync",
]

T = TypeVar("T")

LEFT_BEHIND_SECONDS = 86_400
"""Age after which a temporary file is abandoned: longer than any run."""
_DAMAGE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENXIO, errno.EIO})


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` and, when the block ends well, rename it over ``path``.

    Temporary files of the same name that a killed process left more than a day ago are removed.

    Args:
        path: File to replace; a missing directory is made.
        durable: Whether the content is synced before the rename. False for files that can be computed again.
    """
    make_directory(path.parent, durable=durable)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    abandoned = temporary.stat().st_mtime - LEFT_BEHIND_SECONDS
    with os.scandir(path.parent) as beside:
        for left in beside:
            # Another process may replace the same file meanwhile.
            with suppress(FileNotFoundError):
                if left.name.startswith(f".{path.name}.") and left.stat().st_mtime < abandoned:
                    Path(left.path).unlink()
    try:
        yield temporary
        if durable:
            sync(temporary)
        make_way(path)
        temporary.replace(path)
        if durable:
            sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def replace_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Replace a small text file so that readers see the old text or the new."""
    with replacing(path, durable=durable) as temporary:
        temporary.write_text(text, encoding="utf-8")


def move_durably(source: Path, target: Path) -> None:
    """Rename a file within one directory so that it survives a power cut under its new name."""
    sync(source)
    make_way(target)
    source.replace(target)
    sync(target.parent)


def make_way(path: Path) -> None:
    """Move a directory aside that stands in a file's place, or remove it where it is empty.

    A container runtime makes one if a file that it should mount is missing.
    """
    if not path.is_dir() or path.is_symlink():
        return
    try:
        path.rmdir()
    except OSError:
        names = (f"{path.name}{number or ''}.damaged" for number in itertools.count())
        path.rename(next(aside for name in names if not os.path.lexists(aside := path.with_name(name))))


def sync(path: Path) -> None:
    """Sync a file's content, or a directory's entries, to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_directory(path: Path, *, durable: bool = True) -> None:
    """Make a directory and its parents; durable ones are synced to disk before they are used."""
    if path.is_dir():
        return
    missing = [path]
    while not missing[-1].parent.is_dir():
        missing.append(missing[-1].parent)
    path.mkdir(parents=True, exist_ok=True)
    if durable:
        for made in missing:
            sync(made.parent)


@contextmanager
def directory_lock(directory: Path) -> Iterator[None]:
    """Lock a directory against other processes that lock it; make it if it is missing."""
    make_directory(directory)
    handle = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_digest(path: Path) -> str | None:
    """Return the SHA-256 of a file's bytes; None as :func:`read_content`."""
    return _read(path, file_digest)


def read_content(path: Path) -> bytes | None:
    """Return a file's bytes; None if it is missing, not a file, or unreadable on the disk.

    Raises:
        OSError: The file could not be accessed, so its state is unknown.
    """
    return _read(path, Path.read_bytes)


def _read(path: Path, read: Callable[[Path], T]) -> T | None:
    try:
        # Opening a pipe would wait for a writer.
        return read(path) if stat.S_ISREG(path.stat().st_mode) else None
    except OSError as error:
        if not indicates_damage(error):
            raise
        return None


def indicates_damage(error: OSError) -> bool:
    """Return whether an error means that a file is missing or damaged, rather than that access to it was denied."""
    return error.errno in _DAMAGE
