"""The files behind a provider's events, as its file API shows them at a moment.

A deleted file lies in the bin, and keeps its versions there. A version that the workload marks as gone was removed for
good; if it is the latest one, so was the file.
"""

from __future__ import annotations

from functools import cached_property

from sandbox.base.data import Events
from sandbox.base.people import person, responsible


class Files:
    """Versions of files. A version is the row of the upload or edit that made it."""

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
        """Return the row of the version that is current at `now`; None if there is none or the file is gone."""
        past = self._past(file, now)
        return past[-1] if past and not self._events.gone[past[-1]] else None

    def versions(self, file: str, now: int) -> dict[int, int]:
        """Return the rows of a file's versions at `now` by number, the current one last; none if the file is gone."""
        if self.head(file, now) is None:
            return {}
        past = self._past(file, now)
        return {number: row for number, row in enumerate(past, start=1) if not self._events.gone[row]}

    def _past(self, file: str, now: int) -> list[int]:
        """Return the rows of all versions made by `now`; a repeated delivery makes none."""
        rows = (row for row in self._by_file.get(file, ()) if self._events.time[row] <= now)
        return list({self._events.key[row]: row for row in rows}.values())

    def known(self) -> list[str]:
        """Return the keys of all files that ever existed."""
        return list(self._by_file)

    def deleted(self, file: str, head: int, now: int) -> bool:
        """Check whether the version was deleted by `now`."""
        return self.deleted_at(file, head, now) is not None

    def deleted_at(self, file: str, head: int, now: int) -> int | None:
        """Return when the version was deleted, in µs UTC; None if it was not deleted by `now`."""
        since = self._events.time[head]
        times = (int(self._events.time[row]) for row in self._deletions.get(file, ()))
        return next((time for time in times if since <= time <= now), None)

    def heads_of(self, user: str, since: int, now: int) -> list[int]:
        """Return current versions of a user's uploaded or owned files that changed after `since`, oldest first."""
        rows = self._by_user.get(user.lower(), [])
        changed = {self._events.file[row]: row for row in rows if since < self._events.time[row] <= now}
        return sorted(row for file, row in changed.items() if self.head(file, now) == row)
