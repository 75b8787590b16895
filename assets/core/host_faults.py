"""Messages for faults of the host: a full disk, missing permissions, a lock, too little memory.

A fault of the program itself (a ``KeyError``, a ``TypeError``) gets no message: its traceback helps more.
"""

from __future__ import annotations

import errno
import functools
import json
import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CalledProcessError
from types import TracebackType
from typing import Any

import dagster as dg
import duckdb
import msgspec
import pyarrow as pa
import zstandard
from dagster._core.definitions.decorators.op_decorator import DecoratedOpFunction

__all__ = ["SurroundingsError", "sentence", "with_sentences"]

_FULL = "Free space there and do it again; what was written before is kept."
_DAMAGED = (
    "is damaged. Restore it from the backup; where it is a table of the lake, remove the file and materialise its day "
    "again."
)
_DENIED = "Run this as the user of the deployment, or give the file or directory to that user."
_MEMORY = (
    "Give the process more (MemoryMax of its unit, or the container's limit), end what else runs on the machine, or "
    "take fewer days at once."
)
_LOCKED = "Another process holds it. Wait until that is done, or end it, and do it again."
_OS = {
    errno.ENOSPC: f"The disk is full: {{where}}. {_FULL}",
    errno.EDQUOT: f"The disk quota is used up: {{where}}. {_FULL}",
    errno.EFBIG: "The file has become larger than allowed: {where}. Raise the limit of file sizes (ulimit -f).",
    errno.EROFS: "{where} can't be written: its file system is read-only. Mount it writable, see ProtectSystem= of the "
    "unit, or set UPLOADWATCH_HOME to a directory that can be written.",
    errno.EACCES: f"Permission denied: {{where}}. {_DENIED}",
    errno.EPERM: f"Not permitted: {{where}}. {_DENIED}",
    errno.EIO: "The disk can't read or write {where}. Look for its errors in the system's log, replace it, and restore "
    "the backup.",
    errno.EMFILE: "Too many files are open, last {where}. Raise the limit (LimitNOFILE= of the unit, ulimit -n).",
    errno.ENFILE: "Too many files are open on this machine, last {where}. Raise fs.file-max.",
    errno.ENOMEM: f"Memory ran out at {{where}}. {_MEMORY}",
    errno.EAGAIN: f"{{where}} is locked. {_LOCKED}",
    errno.ENOLCK: "{where} can't be locked: its file system has no locks. Put UPLOADWATCH_HOME on a local disk.",
    errno.ENOENT: "{where} does not exist. See that its path is written right.",
    errno.EEXIST: "{where} exists already. Move it away, or name another path.",
    errno.ENOTDIR: "{where} is not below a directory. Move away the file that stands in its way.",
    errno.EISDIR: "{where} is a directory. Name a file, or move it away.",
}
_SQLITE = (
    ("locked", f"The database {{where}} is locked. {_LOCKED}"),
    ("full", f"The disk is full: {{where}}. {_FULL}"),
    ("readonly", f"The database {{where}} can't be written. {_DENIED}"),
    ("unable to open", f"The database {{where}} can't be opened. {_DENIED} See that the disk is not full."),
    ("disk I/O", "The disk can't read or write the database {where}. See that it is not full, and look for its errors "
     "in the system's log."),
    ("not a database", f"The database {{where}} {_DAMAGED}"),
    ("malformed", f"The database {{where}} {_DAMAGED}"),
)  # fmt: skip
_DUCKDB = (
    (r"No space left|disk.* full|max_temp_directory_size", f"The disk is full: {{where}}. {_FULL}"),
    (r"Permission denied", f"Permission denied: {{where}}. {_DENIED}"),
    (r"Read-only file system", _OS[errno.EROFS]),
    (r"Too many open files", _OS[errno.EMFILE]),
    (r"\block(ed)?\b", f"{{where}} is locked. {_LOCKED}"),
    (r"No such file|No files found|does not exist", _OS[errno.ENOENT]),
    (r"magic bytes|TProtocol|[Pp]arquet|[Dd]ecompress|orrupt|not enough", f"{{where}} {_DAMAGED}"),
)
_QUOTED = re.compile(r"""["']([^"']*/[^"']*)["']""")
_UNREADABLE = (
    *(json.JSONDecodeError, UnicodeDecodeError, msgspec.DecodeError, zstandard.ZstdError, pa.ArrowInvalid),
    EOFError,
)
_ALMOST_NOTHING = 1 << 20
"""Bytes below which a disk counts as full."""


class SurroundingsError(Exception):
    """A step failed because of a fault of the host; the message says what, where, and what to do."""


def sentence(error: BaseException) -> str | None:
    """Describe what is wrong, where, and what to do; return None if the fault is the program's own."""
    for each in _unwrapped(error):
        if said := _sentence(each):
            return said
    return None


def with_sentences(asset: dg.AssetsDefinition) -> dg.AssetsDefinition:
    """Wrap an asset's step so that its errors, which the run shows, say what to do.

    Returns:
        The same definition, changed.
    """
    compute = asset.op.compute_fn
    if isinstance(compute, DecoratedOpFunction):
        # Dagster has no way to wrap what an asset calls once it is defined.
        asset.op._compute_fn = type(compute)(_saying(compute.decorated_fn))
    return asset


def _saying(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def made(*args: Any, **kwargs: Any) -> Any:
        try:
            result = function(*args, **kwargs)
        except Exception as error:
            raise _said(error) from error
        return _drained(result) if isinstance(result, Iterator) else result

    return made


def _drained(results: Iterator[Any]) -> Iterator[Any]:
    try:
        yield from results
    except Exception as error:
        raise _said(error) from error


def _said(error: Exception) -> Exception:
    said = sentence(error)
    return SurroundingsError(said) if said else error


def _unwrapped(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and the errors that Dagster and SQLAlchemy wrapped in it."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        wrapper = type(seen).__module__.partition(".")[0] in ("dagster", "dagster_postgres", "sqlalchemy")
        orig = getattr(seen, "orig", None)
        seen = (orig if isinstance(orig, BaseException) else seen.__cause__) if wrapper else None


def _sentence(error: BaseException) -> str | None:
    for kinds, say in _SAYING:
        if isinstance(error, kinds):
            return say(error)
    return _of_postgres(error) if type(error).__module__.startswith("psycopg2") else None


def _of_postgres(error: BaseException) -> str:
    first = (str(error).strip() or "it ended the connection").splitlines()[0]
    return f"PostgreSQL, which keeps Dagster's records, refused: {first.rstrip('.')}. See DAGSTER_PG_* and its log."


def _of_command(error: CalledProcessError) -> str:
    return f"{error.cmd[0]} ended with status {error.returncode}; its output is above. Fix that first."


def _of_content(error: Exception) -> str | None:
    place = _path_in(error.__traceback__)
    if not place or (isinstance(error, pa.ArrowInvalid) and "arquet" not in str(error)):
        return None
    return f"{place} {_DAMAGED}"


def _of_os(error: OSError) -> str:
    where = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else ""
    if error.errno and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _OS[error.errno].format(where=where or _full() or _path_in(error.__traceback__) or "unknown which")
    where = where or _path_in(error.__traceback__)
    if error.errno in _OS and where:
        return _OS[error.errno].format(where=where)
    if error.errno is None:
        # The product or a library raised it with a message.
        return str(error) or type(error).__name__
    return f"{error.strerror}{f': {where}' if where else ''}. Fix that and run this again."


def _of_memory(error: Exception) -> str:
    if full := _full():
        return f"Memory ran out, and the disk is full: {full}. {_FULL}"
    first = (str(error) or "no more was given").splitlines()[0].removeprefix("Out of Memory Error: ")
    return f"Memory ran out ({first}). {_MEMORY}"


def _of_database(error: Exception) -> str | None:
    table = _SQLITE if isinstance(error, sqlite3.Error) else _DUCKDB
    # DuckDB repeats the query below its message.
    text = str(error).partition("\n\nLINE ")[0]
    for part, said in table:
        if re.search(part, text):
            quoted = _QUOTED.search(text)
            found = quoted.group(1) if quoted else _path_in(error.__traceback__)
            return said.format(where=found or _full() or f"({text.splitlines()[0]})")
    return None


_SAYING: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], Callable[[Any], str | None]], ...] = (
    ((duckdb.OutOfMemoryException, MemoryError), _of_memory),
    ((duckdb.IOException, duckdb.InvalidInputException, duckdb.SerializationException), _of_database),
    ((duckdb.FatalException, sqlite3.DatabaseError), _of_database),
    (_UNREADABLE, _of_content),
    (CalledProcessError, _of_command),
    (OSError, _of_os),
)


def _path_in(traceback: TracebackType | None) -> str:
    """Return the file in use, which many errors do not name: the path in the deepest frame that has one."""
    found = ""
    while traceback is not None:
        local = traceback.tb_frame.f_locals
        held = [*local.values(), *(getattr(local.get("self"), name, None) for name in ("_path", "path"))]
        paths = [str(value) for value in held if isinstance(value, Path)]
        found = paths[-1] if paths else found
        traceback = traceback.tb_next
    return found


def _full() -> str:
    """Return the directory whose disk is full; empty if none of the directories in use is on a full disk."""
    for place in (os.environ.get("UPLOADWATCH_HOME"), tempfile.gettempdir(), os.environ.get("DAGSTER_HOME")):
        there = Path(place or ".uploadwatch").absolute()
        while not there.exists():
            there = there.parent
        if shutil.disk_usage(there).free < _ALMOST_NOTHING:
            return str(place or ".uploadwatch")
    return ""
