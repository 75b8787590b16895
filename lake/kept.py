"""Parquet files that cannot be computed again: written durably and twice, verified on read, restored from the copy.

Beside ``name.parquet`` are ``name.copy.parquet`` with the same bytes and ``name.json`` with their digest. They are
written in the order copy, file, digest. So at any moment the file matches the digest or its copy, and one of the three
can be lost or damaged without loss of data.
"""

from __future__ import annotations

import fcntl
import json
import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from lake.damage import DamagedError
from lake.durable import file_digest, make_directory, read_content, read_digest, replace_text, replacing

__all__ = ["LEDGER", "copy_of", "intact", "restore", "state_of", "write_kept"]

LEDGER = ("published", "revisions", "reviews")
"""Files of the ledger and the reviews, at the root of the lake."""
_REMEDY = (
    "Restore {name}, with the .json and the .copy.parquet beside it, from the latest backup: see docs/operations.md."
)
logger = logging.getLogger(__name__)


def copy_of(path: Path) -> Path:
    """Return the path of a file's copy."""
    return path.with_suffix(".copy.parquet")


def write_kept(path: Path, write: Callable[[Path], object]) -> str:
    """Replace a file, its copy and its digest.

    Args:
        path: The file.
        write: Function that writes the content to the given path.

    Returns:
        SHA-256 of the file.
    """
    with _alone(path):
        with replacing(copy_of(path)) as temporary:
            write(temporary)
        content = file_digest(copy_of(path))
        _copy(copy_of(path), path)
        _record(path, content)
    return content


def intact(path: Path) -> Path | None:
    """Return the file with verified content, after restoring it from the copy if necessary.

    Returns:
        The file; None if it was never written.

    Raises:
        DamagedError: File and copy are lost or damaged.
    """
    return path if _matches(path) else restore(path)


def restore(path: Path) -> Path | None:
    """Restore a lost or damaged file, copy or digest; like :func:`intact`, which does not restore the copy."""
    with _alone(path):
        return _restored(path)


def state_of(path: Path) -> tuple[str, str]:
    """Check a file, its copy and its digest without changing anything.

    Returns:
        ``whole``, ``restorable`` (one of the three is lost or damaged) or ``lost``, and what is wrong.
    """
    recorded, content, copied = _recorded(path), read_digest(path), read_digest(copy_of(path))
    if recorded == content == copied:
        return "whole", ""
    if recorded is None and copied is None and content is not None and _readable(path):
        return "restorable", "an earlier version wrote it, which kept no copy"
    if content == copied and not _readable(path):
        # Both were emptied or replaced by the same content.
        content = copied = None
    wrong = {
        path.name: content not in (recorded, copied) or content is None,
        copy_of(path).name: copied not in (recorded, content) or copied is None,
        path.with_suffix(".json").name: recorded not in (content, copied) or recorded is None,
    }
    cause = f"{' and '.join(name for name, bad in wrong.items() if bad)} is missing or not what was written"
    pairs = ((content, recorded), (copied, recorded))
    known = any(one is not None and one == other for one, other in pairs)
    twins = content is not None and content == copied and _readable(path)
    alone = recorded is None and not _readable(path) and _readable(copy_of(path))
    return "restorable" if known or twins or alone else "lost", cause


def _matches(path: Path) -> bool:
    recorded = _recorded(path)
    return recorded is not None and read_digest(path) == recorded


def _restored(path: Path) -> Path | None:
    recorded, content, copied = _recorded(path), read_digest(path), read_digest(copy_of(path))
    if recorded is not None and content == recorded:
        if copied != content:
            _copy(path, copy_of(path))
        return path
    if content is None and copied is None:
        if recorded is None:
            return None
        raise DamagedError(path, "it is missing, and so is its copy", _REMEDY.format(name=path.name))
    # Both may have been emptied or replaced by the same content.
    if content is not None and content == copied and _readable(path):
        _record(path, content)
        return path
    unsure = recorded is None and not _readable(path) and _readable(copy_of(path))
    if copied is not None and (copied == recorded or unsure):
        logger.warning("%s was missing or damaged: restored from its copy", path)
        _copy(copy_of(path), path)
        _record(path, copied)
        return path
    if recorded is None and content is not None and copied is None and _readable(path):
        # Written by an earlier version, which kept no copy.
        _copy(path, copy_of(path))
        _record(path, content)
        return path
    cause = "it is empty" if path.exists() and not path.stat().st_size else "its content is not what was written"
    raise DamagedError(path, f"{cause}, and its copy cannot stand in for it", _REMEDY.format(name=path.name))


def _copy(source: Path, target: Path) -> None:
    with replacing(target) as temporary:
        shutil.copyfile(source, temporary)


def _readable(path: Path) -> bool:
    try:
        pq.read_metadata(path)
    except (OSError, pa.ArrowException):
        return False
    return True


def _recorded(path: Path) -> str | None:
    """Return the recorded digest; None if it is missing or cannot be read."""
    try:
        metadata = json.loads(read_content(path.with_suffix(".json")) or b"")
        return str(metadata["content"])
    except (ValueError, KeyError, TypeError):
        return None


def _record(path: Path, content: str) -> None:
    """Record the digest; other metadata in the file stays only if it is about the same content."""
    if _recorded(path) != content:
        replace_text(path.with_suffix(".json"), json.dumps({"content": content}))


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    make_directory(path.parent)
    with (path.parent / ".kept.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
