"""Files that only their owner may read, whatever the umask was."""

from __future__ import annotations

import os
import stat
import time
from contextlib import suppress
from pathlib import Path

__all__ = ["PrivateFiles", "write_privately"]

_PRIVATE = 0o077
_OURS = ("lake", "pages", "exports", "dagster", "runs", "limits", "sandbox", "demo")
"""Directories of the product and of Dagster in a home; there may be others beside them."""
_MOMENT_NANOSECONDS = 2_000_000_000
_DAGSTER = ("dagster",)
"""Directories that Dagster's daemon and web server write to, with the umask of the user who started them."""


def write_privately() -> None:
    """Make this process and its children create files that only their owner can read."""
    os.umask(_PRIVATE)


class PrivateFiles:
    """Files of a home, whose permissions for other users are removed.

    Args:
        home: Directory of the deployment.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._seen: dict[str, tuple[int, list[str]]] = {}
        self._all_seen = False

    def take_back(self) -> None:
        """Remove others' permissions: of all files at the first call, then of files that Dagster made since."""
        for name in _DAGSTER if self._all_seen else _OURS:
            self._take(str(self._home / name))
        if (self._home / "lake").is_dir():
            for path in self._home.iterdir():
                if path.is_file():
                    self._take(str(path))
        self._all_seen = True

    def _take(self, path: str) -> None:
        # Another process may remove the file meanwhile, and another user's file cannot be changed.
        with suppress(FileNotFoundError, PermissionError):
            found = os.lstat(path)
            if stat.S_ISLNK(found.st_mode):
                return
            if found.st_mode & _PRIVATE:
                os.chmod(path, stat.S_IMODE(found.st_mode) & ~_PRIVATE)  # noqa: PTH101 -- see above
            if stat.S_ISDIR(found.st_mode):
                self._take_within(path, found.st_mtime_ns)

    def _take_within(self, path: str, changed: int) -> None:
        """Handle a directory's entries; if it has not changed since the last call, only its subdirectories."""
        known = self._seen.get(path)
        if known and known[0] == changed:
            for folder in known[1]:
                self._take(folder)
            return
        folders = []
        with os.scandir(path) as entries:
            for entry in entries:
                self._take(entry.path)
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
        # A file created just after the scan may not change the modification time, so remember older times only.
        if time.time_ns() - changed > _MOMENT_NANOSECONDS:
            self._seen[path] = (changed, folders)
