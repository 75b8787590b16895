"""The state of an export: for each day what its files were made from, and how they were when they were written.

It stands below the exported files, in ``made-from``. It may be lost or damaged at any time: then the day's files are
made again, and those that come out the same are left alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date
from pathlib import Path

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from lake.durable import read_content
from lake.store import replace_text

__all__ = [
    "DayState",
    "FileState",
    "digest_of",
    "is_as_written",
    "made_days",
    "read_day",
    "read_told",
    "state_directory",
    "write_day",
    "write_told",
]

_TOLD = "alerts.json"
_BY_DAY = TypeAdapter(dict[str, str])


class FileState(BaseModel):
    """An exported file.

    Attributes:
        made_from: Digest of its rows, the mapping and the settings.
        rows: Number of its rows.
        sha256: Digest of the file.
        size: Its size in bytes.
        modified: Its modification time in nanoseconds.
        valid_by: Version of the check that found every row of this content valid; empty where none has.
    """

    made_from: str
    rows: int
    sha256: str
    size: int
    modified: int
    valid_by: str = ""

    @classmethod
    def of(cls, path: Path, made_from: str, rows: int) -> FileState:
        """Describe a file that was just written."""
        stat = path.stat()
        sha256 = digest_of(path)
        return cls(made_from=made_from, rows=rows, sha256=sha256, size=stat.st_size, modified=stat.st_mtime_ns)


class DayState(BaseModel):
    """The files of a day.

    Attributes:
        made_from: Digest of what the rows come from, by part: uploads and alerts.
        rows: Number of uploads, findings and alerts.
        files: Files by path below the directory of the export.
    """

    made_from: dict[str, str] = Field(default_factory=dict)
    rows: dict[str, int] = Field(default_factory=dict)
    files: dict[str, FileState] = Field(default_factory=dict)


def state_directory(out: Path) -> Path:
    """Return the directory of the state.

    Args:
        out: Directory of the export.
    """
    return out / "made-from"


def made_days(out: Path) -> list[date]:
    """Return the days that have a state, ascending."""
    found = []
    for path in state_directory(out).glob("day=*.json"):
        try:
            found.append(date.fromisoformat(path.stem.removeprefix("day=")))
        except ValueError:
            continue
    return sorted(found)


def read_day(out: Path, day: date) -> DayState:
    """Read the state of a day; an empty one where it is missing, damaged or of another version."""
    try:
        return DayState.model_validate_json(read_content(_path(out, day)) or b"")
    except ValidationError:
        return DayState()


def write_day(out: Path, day: date, state: DayState) -> None:
    """Write the state of a day, if it differs from what is there."""
    text = state.model_dump_json(indent=1)
    path = _path(out, day)
    if read_content(path) != text.encode():
        replace_text(path, text)


def read_told(out: Path) -> dict[str, str]:
    """Read, by day, the digest of the alerts that the last run saw; empty where it is missing or damaged."""
    try:
        return _BY_DAY.validate_json(read_content(state_directory(out) / _TOLD) or b"")
    except ValidationError:
        return {}


def write_told(out: Path, told: Mapping[str, str]) -> None:
    """Write what :func:`read_told` reads."""
    if read_told(out) != told:
        replace_text(state_directory(out) / _TOLD, _BY_DAY.dump_json(dict(told), indent=1).decode())


def digest_of(first: Path | str, *also: str) -> str:
    """Return the digest of a file, or of texts."""
    if isinstance(first, Path):
        with first.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha256("\0".join([first, *also]).encode()).hexdigest()


def is_as_written(path: Path, state: FileState) -> bool:
    """Return whether a file is there, and of the size and time of its state."""
    try:
        stat = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return (stat.st_size, stat.st_mtime_ns) == (state.size, state.modified)


def _path(out: Path, day: date) -> Path:
    return state_directory(out) / f"day={day:%Y-%m-%d}.json"
