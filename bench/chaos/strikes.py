"""Faults that strike a process from within: a kill at one of its changes of the home, or a limit on file sizes."""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

__all__ = ["Changes", "limit_files"]

_CHANGES = {
    "os.rename": 0,
    "os.remove": 0,
    "os.mkdir": 0,
    "os.rmdir": 0,
    "os.link": 1,
    "os.utime": 0,
    "shutil.rmtree": 0,
    "sqlite3.connect": 0,
}
"""Audit events that change files, and which of their arguments is the path."""
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Changes:
    """The changes of files below a directory by this process, counted, and the kill at one of them.

    Python reports each opening, renaming and removal of a file just before it happens. So a kill falls between two of
    them or, with a delay, into the following work.

    Args:
        home: The directory.
        kill_at: Number of the change at which the process is killed, from 1; 0 for none.
        delay_seconds: Time after that change.

    Attributes:
        count: Number of changes so far.
    """

    def __init__(self, home: Path, *, kill_at: int = 0, delay_seconds: float = 0.0) -> None:
        self.count = 0
        self._home, self._kill_at, self._delay_seconds = str(home), kill_at, delay_seconds
        sys.addaudithook(self._meet)

    def _meet(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            if not (isinstance(arguments[2], int) and arguments[2] & _WRITING):
                return
            path = arguments[0]
        elif event in _CHANGES:
            path = arguments[_CHANGES[event]]
        else:
            return
        if not isinstance(path, str | os.PathLike) or not os.fspath(path).startswith(self._home):
            return
        self.count += 1
        if self.count == self._kill_at:
            if not self._delay_seconds:
                os.kill(os.getpid(), signal.SIGKILL)
            threading.Thread(target=self._kill_later, daemon=True).start()

    def _kill_later(self) -> None:
        time.sleep(self._delay_seconds)
        os.kill(os.getpid(), signal.SIGKILL)


def limit_files(size_bytes: int) -> None:
    """Let no file of this process grow beyond a size: writing more fails as it does on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, size_bytes))
