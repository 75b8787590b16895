"""Memory limits of a process's DuckDB databases, and the directories to which they spill.

By default, DuckDB takes four fifths of the memory, as if nothing else ran in the process. But Python, Dagster, Arrow
and DuckDB's own readers and sorts need memory too, so a database gets a share of the rest. It spills to
``<home>/spill/<process>/<database>``. A process holds a kernel lock on its directory, so that the next process can
recognise and remove what a killed one left.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from detection.sql import ENGINE
from lake.durable import directory_lock

__all__ = ["SPILL", "available_bytes", "bound", "engine_bytes", "opened", "sweep"]

SPILL = "spill"
"""Directory of spilled data, below the home."""

_MIB = 1 << 20
_OTHERS = 512 * _MIB
"""Memory reserved for everything else in a run's process."""
_SHARE = 0.7
"""Share of the rest that a database gets: its readers and sorts use more than DuckDB accounts for."""
_LEAST = 128 * _MIB

_held: dict[tuple[int, Path], Path] = {}
"""Directories of this process, by process id (a fork is another process) and home."""


def available_bytes(membership: Path = Path("/proc/self/cgroup"), mount: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the memory that this process may use: the lowest limit of its control groups, or the machine's memory.

    Args:
        membership: File that names the process's control groups, of version 1 or 2.
        mount: Where control groups are mounted.
    """
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    with suppress(OSError):
        for line in membership.read_text(encoding="utf-8").splitlines():
            _, controllers, place = [*line.split(":", 2), "-", "-"][:3]
            if controllers == "":
                limits += _limits(mount, place, "memory.max")
            elif "memory" in controllers.split(","):
                limits += _limits(mount / "memory", place, "memory.limit_in_bytes")
    return min(limits)


def _limits(root: Path, place: str, name: str) -> list[int]:
    """Read the limits of a control group and its parents; a container sees its own group as the root."""
    found = []
    at = root / place.lstrip("/")
    for group in (at, *at.parents):
        with suppress(OSError, ValueError):
            # Without a limit, version 2 writes "max", and version 1 a number beyond any machine's memory.
            found.append(int((group / name).read_text(encoding="ascii")))
        if group == root:
            break
    return found


def engine_bytes(available: int) -> int:
    """Return the memory limit of one database.

    Args:
        available: Memory that the process may use, from :func:`available_bytes`.
    """
    return max(_LEAST, int((available - _OTHERS) * _SHARE))


def bound(con: duckdb.DuckDBPyConnection, home: Path) -> None:
    """Limit the memory of a connection's database, and let it spill below the home. Idempotent.

    Args:
        con: Connection to a database in memory.
        home: Directory of the deployment.

    Raises:
        OSError: The directory can't be made.
    """
    [(current,)] = con.execute("SELECT current_setting('temp_directory')").fetchall()
    if Path(current).parent in _held.values():
        return
    # Two databases in one directory would confuse each other's files.
    directory = tempfile.mkdtemp(prefix="db-", dir=_directory(home))
    con.execute(f"SET temp_directory = '{directory.replace(chr(39), chr(39) * 2)}'")
    con.execute(f"SET memory_limit = '{engine_bytes(available_bytes())}B'")


@contextmanager
def opened(home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a new in-memory database, limited by :func:`bound`.

    Args:
        home: Directory of the deployment.
    """
    with duckdb.connect(config=dict(ENGINE)) as con:
        bound(con, home)
        [(spilled,)] = con.execute("SELECT current_setting('temp_directory')").fetchall()
        yield con
    shutil.rmtree(spilled, ignore_errors=True)


def sweep(home: Path) -> None:
    """Remove the spilled files of dead processes below a home.

    Args:
        home: Directory of the deployment.
    """
    if (home / SPILL).is_dir():
        with directory_lock(home / SPILL):
            _sweep(home / SPILL)


def _sweep(root: Path) -> None:
    for left in root.iterdir():
        if not left.is_dir():
            left.unlink(missing_ok=True)
            continue
        handle = os.open(left, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            shutil.rmtree(left, ignore_errors=True)
        finally:
            os.close(handle)


def _directory(home: Path) -> Path:
    """Make and return this process's directory below a home, and remove those of dead processes."""
    key = (os.getpid(), home.absolute())
    if key in _held and _held[key].is_dir():
        return _held[key]
    root = key[1] / SPILL
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Another process must not remove the directory before it is locked.
    with directory_lock(root):
        _sweep(root)
        made = Path(tempfile.mkdtemp(prefix="process-", dir=root))
        # Never closed: the kernel releases the lock when the process ends.
        fcntl.flock(os.open(made, os.O_RDONLY), fcntl.LOCK_EX)
    _held[key] = made
    atexit.register(_remove, key)
    return made


def _remove(key: tuple[int, Path]) -> None:
    if key[0] == os.getpid():
        shutil.rmtree(_held[key], ignore_errors=True)
