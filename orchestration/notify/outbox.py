"""The outbox: every message for every channel from the moment it is decided on until it is taken, in one SQLite file.

A change is one transaction, so a process that dies leaves the state before it or after it. A message that was sent
but not yet marked is sent again, under the same key.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from orchestration.notify.messages import Message, event_for

__all__ = ["ATTEMPTS", "Letter", "Outbox", "Route", "Waiting", "backoff"]

ATTEMPTS = 30
"""With the waits of :func:`backoff` about a day: a channel that is down overnight catches up by itself."""
_SHORTEST = timedelta(minutes=1)
_LONGEST = timedelta(hours=1)
_SECONDS_TO_WAIT = 30.0

_TABLES = """
CREATE TABLE IF NOT EXISTS told (
  subject TEXT NOT NULL, revision INTEGER NOT NULL, told_at TEXT NOT NULL,
  PRIMARY KEY (subject, revision)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS letters (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  channel TEXT NOT NULL, subject TEXT NOT NULL, revision INTEGER NOT NULL, line TEXT NOT NULL, event TEXT NOT NULL,
  about TEXT, state TEXT NOT NULL, attempts INTEGER NOT NULL, due TEXT NOT NULL, reason TEXT,
  UNIQUE (channel, subject, revision)
);
CREATE INDEX IF NOT EXISTS unsent_letters ON letters (channel, line, number) WHERE state <> 'sent';
CREATE VIEW IF NOT EXISTS unsent AS
  SELECT *, EXISTS (
    SELECT 1 FROM letters e
    WHERE e.channel = l.channel AND e.line = l.line AND e.number < l.number AND e.state <> 'sent'
  ) AS behind
  FROM letters l WHERE state <> 'sent';
CREATE TABLE IF NOT EXISTS marks (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


class Route(Protocol):
    """What the outbox needs to know of a channel."""

    name: str
    severity: str


@dataclass(frozen=True)
class Letter:
    """A message for one channel, see :class:`orchestration.notify.messages.Message`."""

    number: int
    subject: str
    revision: int
    event: str
    about: Mapping[str, Any]
    attempts: int


@dataclass(frozen=True)
class Waiting:
    """A message that no channel has taken yet.

    Attributes:
        channel: Name of the channel.
        event: What it tells.
        key: Its idempotency key.
        line: Whose messages it keeps its order with.
        state: pending or parked.
        attempts: How often it was tried.
        due: When it is tried next, ISO 8601.
        reason: Why it was not taken, or what it waits for; empty where it was not tried.
    """

    channel: str
    event: str
    key: str
    line: str
    state: str
    attempts: int
    due: str
    reason: str


def backoff(attempts: int) -> timedelta:
    """How long after so many failed attempts the next one is made."""
    return min(_SHORTEST * 2 ** min(attempts - 1, 10), _LONGEST)


def _text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds")


class Outbox:
    """The outbox of a home.

    Args:
        path: Its file; made when it does not exist.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        with self._changing() as database:
            for statement in _TABLES.split(";"):
                database.execute(statement)

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, alone: others wait for its end."""
        with closing(sqlite3.connect(self._path, timeout=_SECONDS_TO_WAIT, isolation_level=None)) as database:
            # What was sent names people: it is to be gone from the file, too, not only from its tables.
            database.execute("PRAGMA secure_delete = ON")
            database.execute("BEGIN IMMEDIATE")
            with database:
                yield database

    def add(
        self,
        messages: Iterable[Message],
        routes: Sequence[Route],
        now: datetime,
        *,
        mark: tuple[str, str] | None = None,
    ) -> int:
        """Enters messages for the channels that they go to; what was entered before is passed over.

        Args:
            messages: In the order in which they are to be delivered.
            routes: The channels.
            now: When.
            mark: A name and a value that are kept with them, see :meth:`mark`.

        Returns:
            How many were new.
        """
        new = 0
        with self._changing() as database:
            for message in messages:
                told = database.execute(
                    "INSERT OR IGNORE INTO told VALUES (?, ?, ?)", (message.subject, message.revision, _text(now))
                )
                if not told.rowcount:
                    continue
                new += 1
                for route in routes:
                    self._post(database, message, route, now)
            if mark:
                database.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", mark)
        return new

    @staticmethod
    def _post(database: sqlite3.Connection, message: Message, route: Route, now: datetime) -> None:
        before = database.execute(
            "SELECT 1 FROM letters WHERE channel = ? AND subject = ?", (route.name, message.subject)
        ).fetchone()
        event = event_for(message, route.severity, told=before is not None)
        if event:
            database.execute(
                "INSERT INTO letters (channel, subject, revision, line, event, about, state, attempts, due) "
                "VALUES (?, ?, ?, ?, ?, ?, 'pending', 0, ?)",
                (
                    route.name,
                    message.subject,
                    message.revision,
                    message.line,
                    event,
                    json.dumps(message.about, ensure_ascii=False),
                    _text(now),
                ),
            )

    def mark(self, name: str) -> str | None:
        """What was last kept under a name together with messages; None where nothing was."""
        with self._changing() as database:
            found = database.execute("SELECT value FROM marks WHERE name = ?", (name,)).fetchone()
        return found[0] if found else None

    def next(self, channel: str, now: datetime) -> Letter | None:
        """The message that a channel is to be given now: one that is due, and first of its line.

        What was never tried comes before what failed, so that one message can't hold back all.
        """
        with self._changing() as database:
            row = database.execute(
                "SELECT number, subject, revision, event, about, attempts FROM unsent "
                "WHERE channel = ? AND state = 'pending' AND due <= ? AND NOT behind ORDER BY attempts, number LIMIT 1",
                (channel, _text(now)),
            ).fetchone()
        if row is None:
            return None
        number, subject, revision, event, about, attempts = row
        return Letter(number, subject, revision, event, json.loads(about), attempts)

    def sent(self, letter: Letter) -> None:
        """Notes that the channel took a message, and erases whom it was about and what it said."""
        with self._changing() as database:
            database.execute(
                "UPDATE letters SET state = 'sent', line = '', about = NULL, reason = NULL, attempts = ? "
                "WHERE number = ?",
                (letter.attempts + 1, letter.number),
            )

    def failed(self, letter: Letter, reason: str, now: datetime, wait: float | None = None) -> bool:
        """Notes that the channel did not take a message, which is tried later or, after the last attempt, parked.

        Args:
            letter: The message.
            reason: Why, without secrets.
            now: When.
            wait: Seconds that the receiver asked for.

        Returns:
            Whether it is parked now.
        """
        attempts = letter.attempts + 1
        asked = timedelta(seconds=min(wait or 0.0, _LONGEST.total_seconds()))
        due = now + max(backoff(attempts), asked)
        state = "parked" if attempts >= ATTEMPTS else "pending"
        with self._changing() as database:
            database.execute(
                "UPDATE letters SET state = ?, attempts = ?, due = ?, reason = ? WHERE number = ?",
                (state, attempts, _text(due), reason, letter.number),
            )
        return state == "parked"

    def retry(self, now: datetime) -> int:
        """Puts all that is parked back, to be tried now with all its attempts; gives how many."""
        with self._changing() as database:
            return database.execute(
                "UPDATE letters SET state = 'pending', attempts = 0, due = ? WHERE state = 'parked'", (_text(now),)
            ).rowcount

    def waiting(self) -> list[Waiting]:
        """All that no channel has taken yet, in order."""
        with self._changing() as database:
            rows = database.execute(
                "SELECT channel, event, subject || '-' || revision, line, state, attempts, due, "
                "CASE WHEN behind THEN 'waits for an earlier message of ' || line ELSE coalesce(reason, '') END "
                "FROM unsent ORDER BY number"
            ).fetchall()
        return [Waiting(*row) for row in rows]

    def counts(self) -> dict[str, int]:
        """Number of messages by state."""
        with self._changing() as database:
            found = dict(database.execute("SELECT state, count(*) FROM letters GROUP BY state").fetchall())
        return {state: found.get(state, 0) for state in ("pending", "parked", "sent")}
