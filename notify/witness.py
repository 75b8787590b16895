"""The witness beside the outbox: a small file that shows whether the outbox is still the one that was left.

An outbox that comes back from a backup has forgotten what was sent since, and would give the numbers of those messages
to others. Nothing inside a file shows that it is older than it was. The witness does. Its name counts the changes of
the outbox, so it is ahead of an older outbox, and it stays beside the outbox that a restore of the whole home puts
there. The name also counts the revisions of the ledger: a ledger with fewer is a restored one. The outbox keeps the
inodes of both files, which no restore brings back.
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
    """Origin of the outbox, compared with what the last process left."""

    NEW = auto()
    """There was none before, or one that no witness was made of yet."""
    SAME = auto()
    """The one that was left."""
    REPLACED = auto()
    """An older one, or another."""
    DELETED = auto()
    """An empty one, where there was one."""


class Witness:
    """The witness of an outbox, which this process alone uses; see :func:`witness_of`.

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
            changes: How often the outbox was changed, by its own count.
            identity: What the outbox keeps of :attr:`identity`; None where it keeps none yet.
            empty: Whether the outbox has no tables.
        """
        if empty:
            return Lineage.DELETED if self.latest else Lineage.NEW
        if identity is None:
            return Lineage.REPLACED if self.latest else Lineage.NEW
        # A process that died, or a power cut, leaves a witness that is behind.
        same = len(self._found) == 1 and self.latest <= changes and identity == self.identity
        return Lineage.SAME if same else Lineage.REPLACED

    @property
    def latest(self) -> int:
        """Most changes that were counted; none where there is no witness."""
        return max(self._found.values(), default=0)

    @property
    def identity(self) -> str:
        """Fingerprint that sets the outbox and its one witness apart from all earlier and later ones."""
        [witness] = self._found
        return f"{self._path.stat().st_ino} {witness.stat().st_ino} {witness.name.rpartition('-')[2]}"

    @property
    def ahead(self) -> bool:
        """True if a lost outbox numbered alerts beyond the ledger's numbers, or was restored."""
        return len(self._found) > 1 or any(witness.read_text(encoding="utf-8") == _AHEAD for witness in self._found)

    @property
    def published(self) -> int:
        """Number of revisions that the ledger had when the outbox was left; 0 where nothing says so."""
        names = (_NAME.search(witness.name) for witness in self._found)
        return max((int(name["published"] or 0) for name in names if name), default=0)

    def renew(self, changes: int) -> None:
        """Make a witness of the outbox as it is now, in the place of all that there are."""
        witness = self._named(changes, self.published, secrets.token_hex(4))
        # Made first, so that it gets no inode that the outbox may know, and a process that dies leaves one of them.
        witness.touch(0o600)
        if self.ahead:
            witness.write_text(_AHEAD, encoding="utf-8")
        for old in self._found:
            old.unlink(missing_ok=True)
        self._found = {witness: changes}

    def advance(self, changes: int, *, ahead: bool, published: int | None) -> None:
        """Count changes that are committed, and keep how the outbox stands to the ledger.

        Args:
            changes: By the outbox's own count.
            ahead: Whether the outbox numbers alerts beyond the ledger.
            published: Revisions that the ledger has; None where the outbox has not met it yet.
        """
        [witness] = self._found
        if ahead and not witness.stat().st_size:
            witness.write_text(_AHEAD, encoding="utf-8")
        known = self.published if published is None else published
        # One rename: a process that dies leaves the old numbers or the new.
        witness.rename(self._named(changes, known, witness.name.rpartition("-")[2]))

    def _named(self, changes: int, published: int, token: str) -> Path:
        return self._path.with_name(f"{self._path.name}.at-{changes}-{published}-{token}")


@contextmanager
def witness_of(path: Path) -> Iterator[Witness]:
    """Give the witness of an outbox while other processes and threads wait.

    Raises:
        OSError: The directory cannot be used.
    """
    with path.with_name(f"{path.name}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield Witness(path)
