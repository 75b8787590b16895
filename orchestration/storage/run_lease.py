"""Run leases: a kernel lock on ``<home>/runs/<run_id>`` that the process of a run holds for as long as it lives.

The kernel frees a lock when its process ends, however it ends, and not before: a stopped, busy or swapped-out process
keeps it. So a free lease proves that the run's process is gone, without a heartbeat that a slow process could miss, and
without a clock.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

__all__ = ["Lease", "LeaseState", "Leases"]

_GUARD = ".lock"


class LeaseState(StrEnum):
    """State of a run's lease."""

    HELD = "held"
    FREE = "free"
    NONE = "none"


class Lease:
    """A held lease.

    Args:
        file: Descriptor of the locked file.
        path: The file.
    """

    def __init__(self, file: int, path: Path) -> None:
        self._file, self._path = file, path

    def release(self) -> None:
        """Free the lease and remove its file."""
        self._path.unlink(missing_ok=True)
        os.close(self._file)


class Leases:
    """The leases of a home.

    Args:
        home: Directory of the deployment; the leases are in its directory ``runs``.
    """

    def __init__(self, home: Path) -> None:
        self._directory = home.absolute() / "runs"

    def take(self, run_id: str) -> Lease:
        """Take the lease of a run.

        Raises:
            BlockingIOError: Another process holds it.
        """
        path = self._directory / run_id
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._guarded():
            file = os.open(path, os.O_CREAT | os.O_WRONLY, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BaseException:
                os.close(file)
                raise
        return Lease(file, path)

    @contextmanager
    def held(self, run_id: str) -> Iterator[None]:
        """Hold the lease of a run for as long as the block lasts, see :meth:`take`."""
        lease = self.take(run_id)
        try:
            yield
        finally:
            lease.release()

    def state(self, run_id: str) -> LeaseState:
        """Return whether a process holds the lease of a run."""
        if not (self._directory / run_id).exists():
            return LeaseState.NONE
        with self._guarded():
            try:
                file = os.open(self._directory / run_id, os.O_WRONLY)
            except FileNotFoundError:
                return LeaseState.NONE
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return LeaseState.HELD
            finally:
                os.close(file)
        return LeaseState.FREE

    def known(self) -> list[str]:
        """Return the runs that have a lease, held or not."""
        try:
            return sorted(entry.name for entry in os.scandir(self._directory) if entry.name != _GUARD)
        except FileNotFoundError:
            return []

    def remove(self, run_id: str) -> None:
        """Remove the lease of a run that is over."""
        (self._directory / run_id).unlink(missing_ok=True)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Exclude other processes while a lease's file exists but is not locked yet, so that it does not look dead."""
        with (self._directory / _GUARD).open("w") as guard:
            fcntl.flock(guard, fcntl.LOCK_EX)
            yield
