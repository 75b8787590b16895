"""Audit log: every act of a person on a case, and every sign-in, in one SQLite file that only grows.

Each row carries a digest of the row before it, so a row that was changed or removed in the middle is found. Texts lie
in a table of their own: the erasure of a person removes those about the person's alerts, and the acts stay.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from common.digests import text_digest
from common.errors import MendableError
from lake.store import Lake

__all__ = [
    "FILE",
    "Act",
    "AuditLogError",
    "audit_log_path",
    "broken_acts",
    "latest_acts",
    "latest_number",
    "read_acts",
    "record",
    "recording",
]

FILE = "audit.db"
"""Name of the file, in the home beside the lake."""
_SECONDS_TO_WAIT = 30.0
_TABLES = """
CREATE TABLE IF NOT EXISTS acts (
  number INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, by TEXT NOT NULL, act TEXT NOT NULL, about TEXT NOT NULL,
  content TEXT NOT NULL, chain TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS texts (number INTEGER NOT NULL, alert_id TEXT NOT NULL, text TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS acts_about ON acts (about, number) WHERE about <> '';
CREATE INDEX IF NOT EXISTS texts_of ON texts (number);
CREATE INDEX IF NOT EXISTS texts_about ON texts (alert_id) WHERE alert_id <> '';
CREATE TRIGGER IF NOT EXISTS acts_stay BEFORE DELETE ON acts
  BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
CREATE TRIGGER IF NOT EXISTS acts_hold BEFORE UPDATE OF number, at, act, about, content, chain ON acts
  BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END;
"""
logger = logging.getLogger("uploadwatch.audit")


class AuditLogError(MendableError, RuntimeError):
    """Error of an audit log that cannot be read or written; the act that it was to record is not done."""


class Act(NamedTuple):
    """An act of a person.

    Attributes:
        number: Number of the act, from 1.
        at: Time, UTC.
        by: Name of the person who acted.
        act: Kind of act, such as ``take`` or ``comment``.
        about: Case that it is about; empty for none.
        text: Details: the comment, the note of a review, the new assignee; None if it was erased with a person.
    """

    number: int
    at: datetime
    by: str
    act: str
    about: str
    text: str | None


def audit_log_path(lake: Lake) -> Path:
    """Return the file, which may not exist yet."""
    return Path(lake.root).absolute().parent / FILE


def record(
    lake: Lake, *, at: datetime, by: str, act: str, about: str = "", text: str = "", alerts: Sequence[str] = ()
) -> None:
    """Append an act.

    Args:
        lake: Lake beside which the log lies.
        at: Present time, UTC with zone.
        by: Name of the signed-in person.
        act: Kind of act.
        about: Case that it is about; empty for none.
        text: Details, which may name people.
        alerts: Alerts that it is about.

    Raises:
        AuditLogError: The log cannot be written.
    """
    with recording(lake) as log:
        log.add(at=at, by=by, act=act, about=about, text=text, alerts=alerts)


class _Log:
    """Open audit log within one transaction."""

    def __init__(self, con: sqlite3.Connection) -> None:
        self._con = con

    def add(
        self, *, at: datetime, by: str, act: str, about: str = "", text: str = "", alerts: Sequence[str] = ()
    ) -> None:
        """Append an act, see :func:`record`."""
        last = self._con.execute("SELECT number, chain FROM acts ORDER BY number DESC LIMIT 1").fetchone()
        number, before = (last[0] + 1, last[1]) if last else (1, "")
        when, content = at.astimezone(UTC).isoformat(timespec="milliseconds"), text_digest(text)
        chain = _chained(number, when, act, about, content, before)
        self._con.execute(
            "INSERT INTO acts VALUES (?, ?, ?, ?, ?, ?, ?)", [number, when, by, act, about, content, chain]
        )
        self._con.executemany("INSERT INTO texts VALUES (?, ?, ?)", [(number, each, text) for each in alerts or [""]])
        logger.info("audit: %s", json.dumps({"number": number, "at": when, "by": by, "act": act, "about": about}))

    def latest(self, alerts: Sequence[str], acts: Sequence[str]) -> Act | None:
        """Return the latest act of some kinds about any of the alerts."""
        return next(iter(_read(self._con, about_alerts=alerts, acts=acts, limit=1)), None)


@contextmanager
def recording(lake: Lake) -> Iterator[_Log]:
    """Open the log for acts that depend on the ones before: nobody else appends meanwhile.

    Raises:
        AuditLogError: The log cannot be written.
    """
    path = audit_log_path(lake)
    with _mendable(path), closing(sqlite3.connect(path, timeout=_SECONDS_TO_WAIT, isolation_level=None)) as con:
        con.execute("PRAGMA secure_delete = ON")
        con.execute("PRAGMA synchronous = FULL")
        con.executescript(_TABLES)
        con.execute("BEGIN IMMEDIATE")
        with con:
            yield _Log(con)


def read_acts(
    lake: Lake, *, about_alerts: Sequence[str] | None = None, acts: Sequence[str] = (), by: str = "", limit: int = 1000
) -> list[Act]:
    """Return acts, the latest first.

    Args:
        lake: Lake beside which the log lies.
        about_alerts: Only acts about any of these alerts; None for all acts.
        acts: Only these kinds; empty for all.
        by: Only acts of this person; empty for all.
        limit: At most so many.

    Raises:
        AuditLogError: The log cannot be read.
    """
    with _reading(lake) as con:
        return _read(con, about_alerts=about_alerts, acts=acts, by=by, limit=limit)


def latest_number(lake: Lake) -> int:
    """Return the number of the latest act; 0 if there is none.

    Raises:
        AuditLogError: The log cannot be read.
    """
    with _reading(lake) as con:
        return int(con.execute("SELECT coalesce(max(number), 0) FROM acts").fetchone()[0])


def latest_acts(lake: Lake, acts: Sequence[str]) -> dict[str, Act]:
    """Return the latest act of some kinds about each alert.

    Raises:
        AuditLogError: The log cannot be read.
    """
    with _reading(lake) as con:
        rows = con.execute(
            """
            SELECT alert_id, a.number, at, by, act, about, text
            FROM (
              SELECT t.alert_id, max(t.number) AS number
              FROM texts t
              JOIN acts a ON a.number = t.number
              WHERE t.alert_id <> '' AND a.act IN (SELECT value FROM json_each(?))
              GROUP BY t.alert_id
            ) AS latest
            JOIN acts a USING (number)
            JOIN texts t USING (number, alert_id)
            """,
            [json.dumps(list(acts))],
        ).fetchall()
    return {alert: Act(number, datetime.fromisoformat(at), *rest) for alert, number, at, *rest in rows}


def _read(
    con: sqlite3.Connection,
    *,
    about_alerts: Sequence[str] | None = None,
    acts: Sequence[str] = (),
    by: str = "",
    limit: int,
) -> list[Act]:
    rows = con.execute(
        """
        SELECT a.number, a.at, a.by, a.act, a.about, (SELECT min(t.text) FROM texts t WHERE t.number = a.number)
        FROM acts a
        WHERE (:alerts IS NULL
            OR a.number IN (SELECT number FROM texts WHERE alert_id IN (SELECT value FROM json_each(:alerts))))
          AND (:acts = '[]' OR a.act IN (SELECT value FROM json_each(:acts)))
          AND (:by = '' OR a.by = :by)
        ORDER BY a.number DESC
        LIMIT :limit
        """,
        {
            "alerts": None if about_alerts is None else json.dumps(list(about_alerts)),
            **{"acts": json.dumps(list(acts)), "by": by, "limit": limit},
        },
    ).fetchall()
    return [Act(number, datetime.fromisoformat(at), *rest) for number, at, *rest in rows]


def broken_acts(path: Path) -> list[int]:
    """Return the numbers of acts that do not follow from the one before: changed, or behind one that was removed.

    Raises:
        sqlite3.DatabaseError: The file is damaged.
    """
    broken, before, expected = [], "", 1
    with closing(sqlite3.connect(path, timeout=_SECONDS_TO_WAIT)) as con:
        for number, at, act, about, content, chain in con.execute(
            "SELECT number, at, act, about, content, chain FROM acts ORDER BY number"
        ):
            if number != expected or chain != _chained(number, at, act, about, content, before):
                broken.append(number)
            before, expected = chain, number + 1
    return broken


def _chained(number: int, at: str, act: str, about: str, content: str, before: str) -> str:
    # The name is left out: the erasure of a person who acted replaces it.
    return text_digest(json.dumps([number, at, act, about, content, before]))


@contextmanager
def _reading(lake: Lake) -> Iterator[sqlite3.Connection]:
    path = audit_log_path(lake)
    with (
        _mendable(path),
        closing(sqlite3.connect(path if path.exists() else ":memory:", timeout=_SECONDS_TO_WAIT)) as con,
    ):
        # A process may have been killed before it made the tables.
        con.executescript(_TABLES)
        yield con


@contextmanager
def _mendable(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.DatabaseError, OSError) as error:
        raise AuditLogError(
            f"The audit log {path} cannot be used: {error}. Nothing was changed. See that its directory is writable "
            "and has space; a damaged file has to be restored from a backup."
        ) from error
