"""The witness beside the outbox: a small file that shows whether the outbox is still the one last used.

An outbox that is restored from a backup does not know what was sent since, and would use the numbers of those messages
again. A file itself can't show that it is an older copy, so the witness does. Its name counts the changes of the
outbox, so it is ahead of an older outbox, and it stays beside an outbox that a restore of the whole home brings back.
Its first line says whether the outbox numbers alerts beyond the ledger. The second has the ledger's revisions: a ledger
that lacks one of them was restored. The outbox stores the inodes of both files, which no restore brings back.
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

# Names of earlier versions had the number of the ledger's revisions, too.
_NAME = re.compile(r"at-(?P<changes>\d+)(?:-\d+)?-(?P<token>[0-9a-f]{8})")
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
        return len(self._found) > 1 or any(_lines(witness)[0] for witness in self._found)

    @property
    def published(self) -> str:
        """Return the ledger's revisions when the outbox was last used, as text; empty if unknown."""
        return _lines(next(iter(self._found)))[1] if len(self._found) == 1 else ""

    def renew(self, changes: int) -> None:
        """Create a witness of the outbox as it is now, and remove all others."""
        content = _text(ahead=self.ahead, published=self.published)
        witness = self._named(changes, secrets.token_hex(4))
        # Created first, so that it gets no inode that the outbox may know, and a crash leaves at least one witness.
        witness.touch(0o600)
        witness.write_text(content, encoding="utf-8")
        for old in self._found:
            old.unlink(missing_ok=True)
        self._found = {witness: changes}

    def advance(self, changes: int, *, ahead: bool, published: str | None) -> None:
        """Record committed changes, and the relation of the outbox to the ledger.

        Args:
            changes: The outbox's own count.
            ahead: Whether the outbox numbers alerts beyond the ledger.
            published: The ledger's revisions as text; None if the outbox has not seen it yet.
        """
        [witness] = self._found
        content = _text(ahead=ahead or self.ahead, published=self.published if published is None else published)
        # In the same file, since the outbox knows its inode, and without emptying it: a crash must not leave a witness
        # that knows of nothing.
        with witness.open("r+", encoding="utf-8") as file:
            if file.read() != content:
                file.seek(0)
                file.write(content)
                file.truncate()
        # One rename: a crash leaves the old number or the new.
        witness.rename(self._named(changes, witness.name.rpartition("-")[2]))

    def _named(self, changes: int, token: str) -> Path:
        return self._path.with_name(f"{self._path.name}.at-{changes}-{token}")


def _text(*, ahead: bool, published: str) -> str:
    return f"{_AHEAD if ahead else ''}\n{published}"


def _lines(witness: Path) -> tuple[str, str]:
    """Return both lines of a witness; of an earlier version's, which had no second, that is empty."""
    first, _, second = witness.read_text(encoding="utf-8", errors="replace").partition("\n")
    return first, second


@contextmanager
def witness_of(path: Path) -> Iterator[Witness]:
    """Yield the witness of an outbox, locked against other processes and threads.

    Raises:
        OSError: The directory cannot be used.
    """
    with path.with_name(f"{path.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield Witness(path)
