"""Sessions of signed-in people, kept on the server; the browser has only a random id."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from common.clock import Clock
from common.digests import text_digest
from console.access.database import open_private
from console.access.roles import Role, Viewer

__all__ = ["Session", "Sessions"]

_BYTES = 32
_NOTED_SECONDS = 30.0
"""A request sooner after the last noted one is not noted, so most requests only read."""
_COLUMNS = "key, person, name, role, since, seen"


@dataclass(frozen=True)
class Session:
    """Session of a person.

    Attributes:
        key: Digest of the session's id.
        person: Person, by issuer and subject.
        name: Name that is shown and recorded.
        role: Role, as of the sign-in.
        since: Time of the sign-in, UTC.
        seen: Time of the last request, UTC, give or take half a minute.
    """

    key: str
    person: str
    name: str
    role: Role
    since: datetime
    seen: datetime

    def viewer(self, session_id: str) -> Viewer:
        """Return the signed-in person, with the session's CSRF token."""
        return Viewer(self.name, self.role, text_digest("csrf", session_id))


class Sessions:
    """Sessions in a file.

    Args:
        path: The file.
        authority: Digest of who vouches for people and of what gives them roles; sessions of another are not valid.
        clock: Real time, even where the deployment replays history.
        idle: Time without a request after which a session ends.
        absolute: Time after which a session ends in any case.
    """

    def __init__(self, path: Path, authority: str, clock: Clock, *, idle: timedelta, absolute: timedelta) -> None:
        self._path, self._authority, self._clock = path, authority, clock
        self._idle, self._absolute = idle.total_seconds(), absolute.total_seconds()

    def begin(self, person: str, name: str, role: Role) -> tuple[str, Session]:
        """Begin a session, and delete those that have ended.

        Returns:
            The id for the browser, and the session.
        """
        session_id, now = secrets.token_urlsafe(_BYTES), self._now()
        key = _key(session_id)
        with open_private(self._path) as con:
            con.execute("DELETE FROM sessions WHERE since <= ? OR seen <= ?", self._bounds(now))
            con.execute(
                "INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?, ?)",
                [key, self._authority, person, name, role, now, now],
            )
        return session_id, _session(key, person, name, role, now, now)

    def shown_name(self, person: str, name: str) -> str:
        """Return the name of a person; one that was another's gets a suffix, so nobody acts under another's name."""
        with open_private(self._path) as con:
            con.execute("INSERT OR IGNORE INTO names VALUES (?, ?)", [name, person])
            [holder] = con.execute("SELECT person FROM names WHERE name = ?", [name]).fetchone()
        return name if holder == person else f"{name} ({text_digest(person)[:8]})"

    def find(self, session_id: str) -> Session | None:
        """Return the session of an id, and note the request; None if there is none, or it has ended."""
        now = self._now()
        with open_private(self._path) as con:
            row = con.execute(
                f"SELECT {_COLUMNS} FROM sessions WHERE key = ? AND authority = ? AND since > ? AND seen > ?",  # noqa: S608
                [_key(session_id), self._authority, *self._bounds(now)],
            ).fetchone()
            if row and now - row[-1] >= _NOTED_SECONDS:
                con.execute("UPDATE sessions SET seen = ? WHERE key = ?", [now, row[0]])
        return _session(*row) if row else None

    def lives(self, key: str) -> bool:
        """Check whether a session has not ended, without noting a request."""
        return any(each.key == key for each in self.all())

    def all(self) -> list[Session]:
        """Return all sessions that have not ended, by name and then the latest first."""
        with open_private(self._path) as con:
            rows = con.execute(
                f"SELECT {_COLUMNS} FROM sessions WHERE authority = ? AND since > ? AND seen > ? "  # noqa: S608
                "ORDER BY name, since DESC",
                [self._authority, *self._bounds(self._now())],
            ).fetchall()
        return [_session(*row) for row in rows]

    def end(self, session_id: str) -> None:
        """End the session of an id, if there is one."""
        with open_private(self._path) as con:
            con.execute("DELETE FROM sessions WHERE key = ?", [_key(session_id)])

    def revoke(self, name: str) -> int:
        """End all sessions of a person, by the name that is shown; return how many there were."""
        with open_private(self._path) as con:
            return con.execute("DELETE FROM sessions WHERE name = ?", [name]).rowcount

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _bounds(self, now: float) -> tuple[float, float]:
        return now - self._absolute, now - self._idle


def _key(session_id: str) -> str:
    return text_digest("session", session_id)


def _session(key: str, person: str, name: str, role: int, since: float, seen: float) -> Session:
    return Session(key, person, name, Role(role), datetime.fromtimestamp(since, UTC), datetime.fromtimestamp(seen, UTC))
