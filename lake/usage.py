"""Size of the lake on disk, by table."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from lake.made_days import is_day
from lake.parsed_events import PARSED
from lake.store import Lake

__all__ = ["OTHER", "TableSizes"]

OTHER = "other"
"""Stands for the files of the lake that are in no table: ledger, reviews, identities, days made."""


class TableSizes:
    """Sizes of the tables of a lake; a directory that has not changed since the last call is not read again.

    Args:
        lake: The lake.
    """

    def __init__(self, lake: Lake) -> None:
        self._root = Path(lake.root)
        self._known: dict[str, tuple[int, int]] = {}

    def read(self) -> dict[str, int]:
        """Return the bytes of each table, by its name, and of all other files.

        Raises:
            OSError: The lake cannot be read.
        """
        sizes = {OTHER: 0}
        seen: dict[str, tuple[int, int]] = {}
        for path, relative in _directories(str(self._root), ""):
            table, _, last = relative.rpartition("/")
            name = table if last.startswith("day=") and is_day(last.removeprefix("day=")) else OTHER
            try:
                modified = os.stat(path).st_mtime_ns  # noqa: PTH116 -- thousands of directories
                known = self._known.get(path)
                seen[path] = known if known and known[0] == modified else (modified, _size(path))
            except FileNotFoundError:
                # A run replaced or removed it meanwhile.
                continue
            sizes[name] = sizes.get(name, 0) + seen[path][1]
        self._known = seen
        return sizes


def _directories(path: str, relative: str) -> Iterator[tuple[str, str]]:
    """Yield a directory and all below it, each with its path relative to the lake."""
    yield path, relative
    try:
        with os.scandir(path) as entries:
            below = [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        if not relative:
            raise
        return
    for entry in below:
        inner = f"{relative}/{entry.name}" if relative else entry.name
        # A partition holds no directories but for what was parsed of raw events.
        if entry.name.startswith("day="):
            yield entry.path, inner
            parsed = f"{entry.path}/{PARSED}"
            if relative.endswith("/audit_events") and os.path.isdir(parsed):  # noqa: PTH112 -- thousands of directories
                yield parsed, inner
        else:
            yield from _directories(entry.path, inner)


def _size(path: str) -> int:
    total = 0
    with os.scandir(path) as entries:
        for entry in entries:
            try:
                if entry.is_file(follow_symlinks=False):
                    total += entry.stat(follow_symlinks=False).st_size
            except FileNotFoundError:
                continue
    return total
