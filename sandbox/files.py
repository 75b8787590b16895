"""The files behind a provider's events, as its file API shows them at a moment."""

from __future__ import annotations

from functools import cached_property

from sandbox.data import Events
from sandbox.people import person, responsible


class Files:
    """Finds the newest version of a file. A version is the row of the upload or edit that made it."""

    def __init__(self, events: Events) -> None:
        self._events = events

    @cached_property
    def _by_file(self) -> dict[str, list[int]]:
        rows: dict[str, list[int]] = {}
        for row, (file, kind) in enumerate(zip(self._events.file, self._events.kind, strict=True)):
            if kind in ("upload", "edit"):
                rows.setdefault(file, []).append(row)
        return rows

    @cached_property
    def _deletions(self) -> dict[str, list[int]]:
        rows: dict[str, list[int]] = {}
        for row, kind in enumerate(self._events.kind):
            if kind == "delete":
                rows.setdefault(self._events.file[row], []).append(row)
        return rows

    @cached_property
    def _by_user(self) -> dict[str, list[int]]:
        rows: dict[str, list[int]] = {}
        for row, (user, kind) in enumerate(zip(self._events.user, self._events.kind, strict=True)):
            if kind in ("upload", "edit"):
                for account in {user.lower(), responsible(person(user)).email.lower()}:
                    rows.setdefault(account, []).append(row)
        return rows

    def head(self, file: str, now: int) -> int | None:
        """The row of the version that is current at `now`; None when there is none or the file is gone."""
        versions = self._by_file.get(file, ())
        past = [row for row in versions if self._events.time[row] <= now]
        if not past or any(self._events.gone[row] for row in past):
            return None
        return past[-1]

    def versions(self, file: str, now: int) -> list[int]:
        """The rows of all versions of a file by `now`, the current one last; none when the file is gone."""
        if self.head(file, now) is None:
            return []
        return [row for row in self._by_file[file] if self._events.time[row] <= now]

    def known(self) -> list[str]:
        """The keys of all files that ever were."""
        return list(self._by_file)

    def deleted(self, file: str, head: int, now: int) -> bool:
        """Whether the version was deleted by `now`."""
        since = self._events.time[head]
        return any(since <= self._events.time[row] <= now for row in self._deletions.get(file, ()))

    def heads_of(self, user: str, since: int, now: int) -> list[int]:
        """Current versions of the files a user uploaded or owns that changed after `since`, oldest first."""
        rows = self._by_user.get(user.lower(), [])
        changed = {self._events.file[row]: row for row in rows if since < self._events.time[row] <= now}
        return sorted(row for file, row in changed.items() if self.head(file, now) == row)
