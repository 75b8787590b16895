"""The outbox: every message for every channel, from its creation until a channel accepts it, in one SQLite file.

Each change is one transaction, so a process that dies leaves the state before or after it. A message that was sent but
not yet marked is sent again under the same idempotency key.

A message is new if its content is new, whatever its number: the outbox keeps a digest of the last message about each
subject. Lake and outbox may be restored from backups of different age, and then numbers repeat.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from common.errors import MendableError
from notify.messages import Known, Message, event_for, key_of
from notify.published import Published, as_text, is_whole
from notify.witness import Lineage, Witness, witness_of

__all__ = ["ATTEMPTS", "Letter", "Outbox", "OutboxError", "Route", "Waiting", "backoff", "outbox_of"]

ATTEMPTS = 30
"""Attempts before a message is parked. With the waits of :func:`backoff` that is about a day, so a channel that is down
overnight catches up by itself."""
_SHORTEST = timedelta(minutes=1)
_LONGEST = timedelta(hours=1)
_SECONDS_TO_WAIT = 30.0

_LAYOUT = 1
"""Version of the tables, kept as ``user_version``; 0 is a file without it: an empty one, or the first layout."""
_TABLES = """
CREATE TABLE subjects (subject TEXT PRIMARY KEY, revision INTEGER NOT NULL, content TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS letters (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  channel TEXT NOT NULL, subject TEXT NOT NULL, revision INTEGER NOT NULL, line TEXT NOT NULL, event TEXT NOT NULL,
  about TEXT, state TEXT NOT NULL, attempts INTEGER NOT NULL, due TEXT NOT NULL, reason TEXT,
  UNIQUE (channel, subject, revision)
);
ALTER TABLE letters ADD COLUMN series TEXT NOT NULL DEFAULT '';
CREATE INDEX IF NOT EXISTS unsent_letters ON letters (channel, line, number) WHERE state <> 'sent';
DROP VIEW IF EXISTS unsent;
CREATE VIEW unsent AS
  SELECT *, EXISTS (
    SELECT 1 FROM letters e
    WHERE e.channel = l.channel AND e.line = l.line AND e.number < l.number AND e.state <> 'sent'
  ) AS behind
  FROM letters l WHERE state <> 'sent';
CREATE TABLE IF NOT EXISTS marks (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""
_TAKEN_OVER = """
INSERT INTO subjects
  SELECT t.subject, max(t.revision), substr(m.value, 1, instr(m.value, ' ') - 1)
  FROM told t
  LEFT JOIN marks m ON m.name = replace(t.subject, 'feed-', 'feed ') AND t.subject LIKE 'feed-%'
  GROUP BY t.subject;
DROP TABLE told;
DELETE FROM marks WHERE name LIKE 'feed %';
"""
"""Migration from the first layout, which had a row per subject and revision, and counted the changes of feeds itself.
The content of the last message about an alert is unknown: NULL, which matches any message of that revision."""

_CHANGES, _IDENTITY, _SERIES, _FORGOTTEN, _AHEAD = "changes", "identity", "series", "forgotten", "ahead"
_PUBLISHED, _LEFT_AT = "published", "left at"
"""Names of the outbox's own values: its count of changes; its identity; the suffix of its keys; why channels may have
messages that it does not know; that it numbered alerts beyond the ledger; the ledger's revisions as text, now and
when a deleted outbox was last used."""


_DELETED, _RESTORED = "deleted", "restored"
"""Why channels may have unknown messages. A deleted outbox had the ledger's numbers, a restored one may not."""


class OutboxError(MendableError, RuntimeError):
    """The outbox cannot be read or written; the message says why, and what to do."""


class Route(Protocol):
    """Facts about a channel that the outbox needs."""

    name: str
    severity: str


@dataclass(frozen=True)
class Letter:
    """A message for one channel, see :class:`notify.messages.Message`."""

    number: int
    subject: str
    revision: int
    event: str
    about: Mapping[str, Any]
    attempts: int
    series: str = ""

    @property
    def key(self) -> str:
        """Return its idempotency key."""
        return key_of(self.subject, self.revision, self.series)


@dataclass(frozen=True)
class Waiting:
    """A message that its channel has not accepted yet.

    Attributes:
        channel: Name of the channel.
        event: Its event, such as ``case.opened``.
        key: Its idempotency key.
        line: Line of messages within which it keeps its order.
        state: pending or parked.
        attempts: How often it was tried.
        due: Time of the next attempt, ISO 8601.
        reason: Why it was not accepted, or what it waits for; empty if it was not tried.
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
    """Return the delay before the next attempt after this number of failed ones."""
    return min(_SHORTEST * 2.0 ** min(attempts - 1, 10), _LONGEST)


def _text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds")


class Outbox:
    """The outbox of a home.

    Args:
        path: Its file; created if missing, and migrated to the present layout.

    Raises:
        OutboxError: It cannot be used. All methods raise it, too.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._changing():
            pass

    @contextmanager
    def _mendable(self) -> Iterator[None]:
        """Turn errors into one that says what happened and what to do."""
        try:
            yield
        except (sqlite3.DatabaseError, OSError) as error:
            raise OutboxError(f"The outbox {self._path} cannot be used: {error}. {_remedy(error)}") from error

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self._path, timeout=_SECONDS_TO_WAIT, isolation_level=None)) as database:
            # Sent messages name people: erased content must be gone from the file, not only from its tables.
            database.execute("PRAGMA secure_delete = ON")
            yield database

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._mendable(), self._connected() as database:
            yield database

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """Run one exclusive transaction; others wait for its end."""
        with self._mendable():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with witness_of(self._path) as witness, self._connected() as database:
                database.execute("BEGIN IMMEDIATE")
                with database:
                    changes = before = _begun(database, witness)
                    yield database
                    if database.total_changes:
                        changes += 1
                        _put(database, _CHANGES, str(changes))
                    ahead = _got(database, _AHEAD) is not None
                    published = _got(database, _PUBLISHED)
                if changes > before:
                    witness.advance(changes, ahead=ahead, published=published)

    def add(
        self,
        messages: Iterable[Message],
        routes: Sequence[Route],
        now: datetime,
        *,
        mark: tuple[str, str] | None = None,
        published: Mapping[str, Published] | None = None,
    ) -> int:
        """Enter messages for their channels; skip those equal to the last message about their subject.

        Args:
            messages: The messages, in the order of delivery.
            routes: The channels.
            now: The present.
            mark: A name and a value to store with them, see :meth:`mark`; records that all present alerts were entered.
            published: The ledger's revision of each alert; None if the messages are not about its alerts.

        Returns:
            How many were new.
        """
        new = 0
        with self._changing() as database:
            series, forgotten = _got(database, _SERIES) or "", _got(database, _FORGOTTEN)
            # Messages from the deleted outbox have the ledger's numbers, so these show what a channel already got.
            whole = is_whole(published or {}, _got(database, _LEFT_AT) or "")
            again = forgotten == _DELETED and mark is not None and _got(database, mark[0]) is None and whole
            for message in messages:
                revision, is_new = _entered(database, message)
                ending = series
                if message.is_about_alert:
                    ending = "" if again else series
                    if ending or revision > message.revision:
                        _put(database, _AHEAD, "")
                if not is_new:
                    continue
                new += 1
                numbered = replace(message, revision=revision)
                for route in routes:
                    _post(database, numbered, route, ending, now, forgotten=forgotten is not None)
            if mark:
                _put(database, *mark)
            if published is not None:
                _put(database, _PUBLISHED, as_text(published))
        return new

    def last(self, subject: str) -> str | None:
        """Return the digest of the last message about a subject; None if there was none."""
        with self._reading() as database:
            found = database.execute("SELECT coalesce(content, '') FROM subjects WHERE subject = ?", (subject,))
            return _one(found)

    def mark(self, name: str) -> str | None:
        """Return the value that was last stored under a name together with messages; None if there is none."""
        with self._reading() as database:
            return _got(database, name)

    def settle(self, now: datetime) -> None:
        """Make messages due whose due time is beyond any wait: they were entered or tried while the clock was ahead."""
        with self._changing() as database:
            database.execute(
                "UPDATE letters SET due = :now "
                "WHERE state = 'pending' AND (due > :latest OR attempts = 0 AND due > :now)",
                {"now": _text(now), "latest": _text(now + _LONGEST)},
            )

    def next(self, channel: str, now: datetime) -> Letter | None:
        """Return a channel's next message: one that is due, and first of its line.

        Untried messages come before failed ones, so that one message can't block all others.
        """
        with self._reading() as database:
            row = database.execute(
                "SELECT number, subject, revision, event, about, attempts, series FROM unsent "
                "WHERE channel = ? AND state = 'pending' AND due <= ? AND NOT behind ORDER BY attempts, number LIMIT 1",
                (channel, _text(now)),
            ).fetchone()
        if row is None:
            return None
        number, subject, revision, event, about, attempts, series = row
        return Letter(number, subject, revision, event, json.loads(about), attempts, series)

    def sent(self, letter: Letter) -> None:
        """Record that the channel accepted a message, and erase its user and content."""
        with self._changing() as database:
            database.execute(
                "UPDATE letters SET state = 'sent', line = '', about = NULL, reason = NULL, attempts = ? "
                "WHERE number = ?",
                (letter.attempts + 1, letter.number),
            )

    def failed(self, letter: Letter, reason: str, now: datetime, wait: float | None = None) -> bool:
        """Record that the channel did not accept a message. It is retried later, or parked after the last attempt.

        Args:
            letter: The message.
            reason: Why, without secrets.
            now: The present.
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
        """Requeue all parked messages: due now, with all attempts again; return how many."""
        with self._changing() as database:
            return database.execute(
                "UPDATE letters SET state = 'pending', attempts = 0, due = ? WHERE state = 'parked'", (_text(now),)
            ).rowcount

    def waiting(self) -> list[Waiting]:
        """Return all messages that are not accepted yet, in order."""
        with self._reading() as database:
            rows = database.execute(
                "SELECT channel, event, subject, revision, series, line, state, attempts, due, "
                "CASE WHEN behind THEN 'waits for an earlier message of ' || line ELSE coalesce(reason, '') END "
                "FROM unsent ORDER BY number"
            ).fetchall()
        return [
            Waiting(channel, event, key_of(subject, revision, series), *rest)
            for channel, event, subject, revision, series, *rest in rows
        ]

    def counts(self) -> dict[str, int]:
        """Return the number of messages by state."""
        with self._reading() as database:
            found = dict(database.execute("SELECT state, count(*) FROM letters GROUP BY state").fetchall())
        return {state: found.get(state, 0) for state in ("pending", "parked", "sent")}


def _begun(database: sqlite3.Connection, witness: Witness) -> int:
    """Migrate the tables to the present layout and detect a replaced outbox; return its count of changes."""
    [layout] = database.execute("PRAGMA user_version").fetchone()
    if layout > _LAYOUT:
        raise sqlite3.DatabaseError("a later version of uploadwatch wrote it")
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if layout < _LAYOUT:
        for statement in (_TABLES + (_TAKEN_OVER if "told" in tables else "")).split(";"):
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {_LAYOUT}")
    changes = int(_got(database, _CHANGES) or 0)
    lineage = witness.lineage(changes, _got(database, _IDENTITY), empty=not tables)
    if lineage is Lineage.DELETED:
        _forget(database, _RESTORED if witness.ahead else _DELETED)
        _put(database, _LEFT_AT, witness.published)
    elif lineage is Lineage.REPLACED:
        _forget(database, _RESTORED)
    if lineage is not Lineage.SAME:
        changes = max(changes, witness.latest)
        witness.renew(changes)
        _put(database, _IDENTITY, witness.identity)
    return changes


def _forget(database: sqlite3.Connection, why: str) -> None:
    """Forget which messages the channels have: they get the present state under keys that were never used."""
    database.execute("UPDATE subjects SET content = ''")
    database.execute("DELETE FROM marks")
    _put(database, _FORGOTTEN, why)
    _put(database, _SERIES, secrets.token_hex(4))
    if why == _RESTORED:
        _put(database, _AHEAD, "")


def _entered(database: sqlite3.Connection, message: Message) -> tuple[int, bool]:
    """Record a message's content; return its number, and whether it is new for its subject."""
    content = message.content or str(message.revision)
    row = database.execute("SELECT revision, content FROM subjects WHERE subject = ?", (message.subject,)).fetchone()
    revision = message.revision
    known = False
    if row:
        last, said = row
        known = said == content or (said is None and last == revision)
        revision = last if known else max(revision, last + 1)
    database.execute("INSERT OR REPLACE INTO subjects VALUES (?, ?, ?)", (message.subject, revision, content))
    return revision, not known


def _post(
    database: sqlite3.Connection, message: Message, route: Route, series: str, now: datetime, *, forgotten: bool
) -> None:
    event = event_for(message, route.severity, _known(database, message, route, forgotten=forgotten))
    if event is None:
        return
    about = dict(message.about)
    if "revision" in about:
        about["revision"] = message.revision
    database.execute(
        "INSERT INTO letters (channel, subject, revision, line, event, about, state, attempts, due, series) "
        "VALUES (?, ?, ?, ?, ?, ?, 'pending', 0, ?, ?)",
        (
            *(route.name, message.subject, message.revision, message.line, event),
            *(json.dumps(about, ensure_ascii=False), _text(now), series),
        ),
    )


def _known(database: sqlite3.Connection, message: Message, route: Route, *, forgotten: bool) -> Known:
    """Return what a channel was notified of before a message; an erased message still shows its subject and event."""
    subjects = tuple({message.subject, *message.case})
    rows = database.execute(
        f"SELECT subject, event FROM letters WHERE channel = ? AND subject IN ({', '.join('?' * len(subjects))})",  # noqa: S608 -- placeholders alone
        (route.name, *subjects),
    ).fetchall()
    events = {event for subject, event in rows if subject == message.subject}
    return Known(
        alert=True if events else None if forgotten and message.opened else False,
        case=bool(rows),
        escalation=bool(events & {"case.opened", "case.escalated"}),
    )


def _got(database: sqlite3.Connection, name: str) -> str | None:
    return _one(database.execute("SELECT value FROM marks WHERE name = ?", (name,)))


def _one(found: sqlite3.Cursor) -> str | None:
    row = found.fetchone()
    return row[0] if row else None


def _put(database: sqlite3.Connection, name: str, value: str) -> None:
    database.execute("INSERT OR REPLACE INTO marks VALUES (?, ?)", (name, value))


def _remedy(error: Exception) -> str:
    text = str(error)
    if "locked" in text:
        return "Another process holds it: end that process, or wait for it."
    if "full" in text or "No space" in text:
        return "Free space on its disk; nothing of it is lost."
    if "malformed" in text or "not a database" in text:
        return "Restore it from a backup, or move it away: alerts of the last days are then notified again."
    if "later version" in text:
        return "Use that version, or restore the backup from before the upgrade."
    return "Check that its directory exists and that this user may write to it."


def outbox_of(home: Path) -> Outbox:
    """Return the outbox of a home."""
    return Outbox(home / "outbox.db")
