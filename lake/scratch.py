"""Temporary directories of the lake for running commands, and cleanup after killed ones.

A directory ``.<purpose>-<random>`` holds a file ``.lock`` that the process keeps locked. The kernel releases the lock
when the process ends, so a directory whose file is not locked is abandoned.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["live_scratch", "scratch", "sweep_scratch"]

_NAME = re.compile(r"\.(?:import|forget)-[a-z0-9_]{8}")
_LOCK = ".lock"


@contextmanager
def scratch(root: Path, purpose: str) -> Iterator[Path]:
    """Yield a directory that is removed when the block ends; first remove those of killed commands.

    Args:
        root: Directory of the lake; made if missing.
        purpose: ``import`` or ``forget``.
    """
    root.mkdir(parents=True, exist_ok=True)
    sweep_scratch(root)
    with _locked(root):
        directory = tempfile.TemporaryDirectory(prefix=f".{purpose}-", dir=root)
        handle = _lock(Path(directory.name) / _LOCK, os.O_RDWR | os.O_CREAT, 0)
    try:
        with directory:
            yield Path(directory.name)
    finally:
        os.close(handle)


def sweep_scratch(root: Path, *, write: bool = True) -> list[Path]:
    """Remove the directories of killed commands, and return them.

    Args:
        root: Directory of the lake.
        write: Whether to remove them, rather than only find them.
    """
    with _locked(root):
        left = [path for path in _found(root) if not _is_live(path)]
        for path in left if write else ():
            shutil.rmtree(path)
    return left


def live_scratch(root: Path) -> list[Path]:
    """Return the directories of running commands."""
    with _locked(root):
        return [path for path in _found(root) if _is_live(path)]


def _found(root: Path) -> list[Path]:
    named = (path for path in root.iterdir() if _NAME.fullmatch(path.name))
    return sorted(path for path in named if path.is_dir() and not path.is_symlink())


def _is_live(path: Path) -> bool:
    try:
        os.close(_lock(path / _LOCK, os.O_RDWR, fcntl.LOCK_NB))
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


@contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Keep other commands from creating and checking directories, since a new one is not locked yet."""
    handle = _lock(root, os.O_RDONLY, 0)
    try:
        yield
    finally:
        os.close(handle)


def _lock(path: Path, how_opened: int, how_locked: int) -> int:
    handle = os.open(path, how_opened, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | how_locked)
    except BaseException:
        os.close(handle)
        raise
    return handle
