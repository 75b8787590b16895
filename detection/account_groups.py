"""Groups of accounts that belong to one person: which accounts join, and which must not."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

__all__ = ["AccountGroups"]

_NEVER = datetime(9999, 12, 31)  # noqa: DTZ001 -- UTC without zone, as everywhere in the lake


class AccountGroups:
    """Groups of accounts, one per person.

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
            # Named in events, but never seen to act.
            self._add(account, "", _NEVER)
        root = account
        while self._parents[root] != root:
            root = self._parents[root]
        while self._parents[account] != root:
            self._parents[account], account = root, self._parents[account]
        return root

    def accounts(self) -> list[str]:
        """Return all accounts, in order."""
        return sorted(self._parents)

    def key(self, account: str) -> str:
        """Return the key of an account's person: the account that was seen first."""
        return self._firsts[self._root(account)][1]

    def join(self, one: str, other: str) -> None:
        """Join the groups of two accounts."""
        first, second = self._root(one), self._root(other)
        if first == second:
            return
        self._parents[second] = first
        self._firsts[first] = min(self._firsts[first], self._firsts.pop(second))
        self._spaces[first] |= self._spaces.pop(second)
        if second in self._owners:
            self._owners.setdefault(first, self._owners.pop(second))

    def give(self, account: str, owner: str) -> None:
        """Assign an account to a person whom the operator names, unless an earlier row assigned it to another."""
        if self._owners.get(self._root(account), owner) != owner:
            return
        self.join(self._of_owner.setdefault(owner, account), account)
        self._owners[self._root(account)] = owner

    def join_if_free(self, one: str, other: str) -> None:
        """Join two accounts, unless the person would then have two ids of one space, or two names."""
        first, second = self._root(one), self._root(other)
        owners = {self._owners[root] for root in (first, second) if root in self._owners}
        if not self._spaces[first] & self._spaces[second] and len(owners) < 2:
            self.join(first, second)
