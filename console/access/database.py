"""SQLite file of sessions and of sign-ins under way, which only its owner can read."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

__all__ = ["SESSIONS", "open_private"]

SESSIONS = "sessions.db"
"""File in the home."""
_SECONDS_TO_WAIT = 10.0
_TABLES = """
CREATE TABLE IF NOT EXISTS sessions (
  key TEXT PRIMARY KEY, authority TEXT NOT NULL, person TEXT NOT NULL, name TEXT NOT NULL, role INTEGER NOT NULL,
  since REAL NOT NULL, seen REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS names (name TEXT PRIMARY KEY, person TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS pending (
  state TEXT PRIMARY KEY, browser TEXT NOT NULL, nonce TEXT NOT NULL, verifier TEXT NOT NULL, target TEXT NOT NULL,
  until REAL NOT NULL
) WITHOUT ROWID;
"""


@contextmanager
def open_private(path: Path) -> Iterator[sqlite3.Connection]:
    """Yield a connection within one transaction; make the file and its tables if they are missing."""
    is_new = not path.exists()
    if is_new:
        # SQLite gives its journals the permissions of the file.
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    with closing(sqlite3.connect(path, timeout=_SECONDS_TO_WAIT)) as con:
        if is_new:
            con.execute("PRAGMA journal_mode = WAL")
        con.executescript(_TABLES)
        with con:
            yield con
