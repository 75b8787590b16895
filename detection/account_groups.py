"""Accounts in groups, each of which is a person's: what is joined, and what must not be."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

__all__ = ["AccountGroups"]

_NEVER = datetime(9999, 12, 31)  # noqa: DTZ001 -- UTC without zone, as everywhere in the lake


class AccountGroups:
    """Accounts in groups, each of which is a person's.

    Args:
        accounts: Account, space of its id, and when it was first seen.
    """

    def __init__(self, accounts: Iterable[tuple[str, str, datetime]]) -> None:
        self._parents: dict[str, str] = {}
        self._firsts: dict[str, tuple[datetime, str]] = {}
        self._spaces: dict[str, frozenset[str]] = {}
        self._owners: dict[str, str] = {}
        self._of_owner: dict[str, str] = {}
        for account, space, first_seen in accounts:
            self._add(account, space, first_seen)

    def _add(self, account: str, space: str, first_seen: datetime) -> None:
        self._parents[account] = account
        self._firsts[account] = (first_seen, account)
        self._spaces[account] = frozenset({space} - {""})

    def _root(self, account: str) -> str:
        if account not in self._parents:
            # Told of, and never seen to act.
            self._add(account, "", _NEVER)
        root = account
        while self._parents[root] != root:
            root = self._parents[root]
        while self._parents[account] != root:
            self._parents[account], account = root, self._parents[account]
        return root

    def accounts(self) -> list[str]:
        """All accounts, in order."""
        return sorted(self._parents)

    def key(self, account: str) -> str:
        """The key of an account's person: the account that was seen first."""
        return self._firsts[self._root(account)][1]

    def join(self, one: str, other: str) -> None:
        """Make two accounts one person's."""
        first, second = self._root(one), self._root(other)
        if first == second:
            return
        self._parents[second] = first
        self._firsts[first] = min(self._firsts[first], self._firsts.pop(second))
        self._spaces[first] |= self._spaces.pop(second)
        if second in self._owners:
            self._owners.setdefault(first, self._owners.pop(second))

    def give(self, account: str, owner: str) -> None:
        """Make an account that of a person whom the operator names, unless it is somebody's whom they named before."""
        if self._owners.get(self._root(account), owner) != owner:
            return
        self.join(self._of_owner.setdefault(owner, account), account)
        self._owners[self._root(account)] = owner

    def join_if_free(self, one: str, other: str) -> None:
        """Make two accounts one person's, unless a person would have two ids of one space, or two names."""
        first, second = self._root(one), self._root(other)
        owners = {self._owners[root] for root in (first, second) if root in self._owners}
        if not self._spaces[first] & self._spaces[second] and len(owners) < 2:
            self.join(first, second)
