"""The witness beside the outbox: a small file that shows whether the outbox is still the one last used.

An outbox that is restored from a backup does not know what was sent since, and would use the numbers of those messages
again. A file itself can't show that it is an older copy, so the witness does. Its name counts the changes of the
outbox, so it is ahead of an older outbox, and it stays beside an outbox that a restore of the whole home brings back.
The name also counts the revisions of the ledger: a ledger with fewer was restored. The outbox stores the inodes of both
files, which no restore brings back.
"""

from __future__ import annotations

import fcntl
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto
from pathlib import Path

__all__ = ["Lineage", "Witness", "witness_of"]

_NAME = re.compile(r"at-(?P<changes>\d+)(?:-(?P<published>\d+))?-(?P<token>[0-9a-f]{8})")
_AHEAD = "ahead"


class Lineage(Enum):
    """Origin of the outbox, compared with the one last used."""

    NEW = auto()
    """There was none before, or one without a witness."""
    SAME = auto()
    """The one last used."""
    REPLACED = auto()
    """An older or another one."""
    DELETED = auto()
    """An empty one, although there was one before."""


class Witness:
    """The witness of an outbox, used by this process only; see :func:`witness_of`.

    Args:
        path: The outbox.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found: dict[Path, int] = {}
        for beside in path.parent.glob(f"{path.name}.at-*"):
            if match := _NAME.fullmatch(beside.name.removeprefix(f"{path.name}.")):
                self._found[beside] = int(match["changes"])

    def lineage(self, changes: int, identity: str | None, *, empty: bool) -> Lineage:
        """Compare the outbox with its witness.

        Args:
            changes: The outbox's own count of its changes.
            identity: The :attr:`identity` that the outbox stored; None if it stored none yet.
            empty: Whether the outbox has no tables.
        """
        if empty:
            return Lineage.DELETED if self.latest else Lineage.NEW
        if identity is None:
            return Lineage.REPLACED if self.latest else Lineage.NEW
        # After a crash or a power cut the witness may be behind.
        same = len(self._found) == 1 and self.latest <= changes and identity == self.identity
        return Lineage.SAME if same else Lineage.REPLACED

    @property
    def latest(self) -> int:
        """Return the highest count of changes; 0 without a witness."""
        return max(self._found.values(), default=0)

    @property
    def identity(self) -> str:
        """Return a fingerprint that is unique to this outbox and its one witness."""
        [witness] = self._found
        return f"{self._path.stat().st_ino} {witness.stat().st_ino} {witness.name.rpartition('-')[2]}"

    @property
    def ahead(self) -> bool:
        """Return whether a lost outbox numbered alerts beyond the ledger's numbers, or was restored."""
        return len(self._found) > 1 or any(witness.read_text(encoding="utf-8") == _AHEAD for witness in self._found)

    @property
    def published(self) -> int:
        """Return the ledger's number of revisions when the outbox was last used; 0 if unknown."""
        names = (_NAME.search(witness.name) for witness in self._found)
        return max((int(name["published"] or 0) for name in names if name), default=0)

    def renew(self, changes: int) -> None:
        """Create a witness of the outbox as it is now, and remove all others."""
        witness = self._named(changes, self.published, secrets.token_hex(4))
        # Created first, so that it gets no inode that the outbox may know, and a crash leaves at least one witness.
        witness.touch(0o600)
        if self.ahead:
            witness.write_text(_AHEAD, encoding="utf-8")
        for old in self._found:
            old.unlink(missing_ok=True)
        self._found = {witness: changes}

    def advance(self, changes: int, *, ahead: bool, published: int | None) -> None:
        """Record committed changes, and the relation of the outbox to the ledger.

        Args:
            changes: The outbox's own count.
            ahead: Whether the outbox numbers alerts beyond the ledger.
            published: The ledger's number of revisions; None if the outbox has not seen it yet.
        """
        [witness] = self._found
        if ahead and not witness.stat().st_size:
            witness.write_text(_AHEAD, encoding="utf-8")
        known = self.published if published is None else published
        # One rename: a crash leaves the old numbers or the new.
        witness.rename(self._named(changes, known, witness.name.rpartition("-")[2]))

    def _named(self, changes: int, published: int, token: str) -> Path:
        return self._path.with_name(f"{self._path.name}.at-{changes}-{published}-{token}")


@contextmanager
def witness_of(path: Path) -> Iterator[Witness]:
    """Yield the witness of an outbox, locked against other processes and threads.

    Raises:
        OSError: The directory cannot be used.
    """
    with path.with_name(f"{path.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield Witness(path)
