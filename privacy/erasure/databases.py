"""Erasure from SQLite databases: deletes rows about the person's alerts, and replaces their address elsewhere."""

from __future__ import annotations

import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

from privacy.erasure.person import Person

__all__ = ["SQLITE", "forget_database"]

SQLITE = b"SQLite format 3\0"
"""First bytes of a SQLite database."""
_PATIENCE_SECONDS = 10
_Value = str | bytes | int | float | None


def forget_database(path: Path, person: Person, *, write: bool) -> tuple[int, int]:
    """Remove a person from an SQLite database, such as Dagster's event log.

    Args:
        path: The file.
        person: The person to remove.
        write: Whether to change the file, rather than only count the rows.

    Returns:
        Number of removed rows about the person's alerts, and of values in which the name was replaced.

    Raises:
        sqlite3.Error: The database is damaged, or another process keeps it locked.
    """
    removed = redacted = 0
    with closing(sqlite3.connect(path, timeout=_PATIENCE_SECONDS)) as con:
        con.execute("PRAGMA secure_delete = ON")
        con.create_function("about", 1, lambda value: value in person.alert_ids)
        con.create_function("named", 1, lambda value: _redacted(value, person) != value)
        con.create_function("redacted", 1, lambda value: _redacted(value, person))
        tables = con.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        for (name,) in tables.fetchall():
            table = _quoted(name)
            columns = [column for _, column, *_ in con.execute(f"PRAGMA table_info({table})").fetchall()]
            if "alert_id" in columns:
                removed += con.execute(f"DELETE FROM {table} WHERE about(alert_id)").rowcount  # noqa: S608 -- the database's own names
            redacted += sum(_redact_column(con, table, _quoted(column)) for column in columns)
        if not write:
            con.rollback()
            return removed, redacted
        con.commit()
        if removed or redacted or person.resumed:
            # Else the freed pages keep their content; an earlier run may have been killed at this point.
            con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            con.execute("VACUUM")
            con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return removed, redacted


def _redact_column(con: sqlite3.Connection, table: str, column: str) -> int:
    change = f"UPDATE {table} SET {column} = redacted({column}) WHERE named({column})"  # noqa: S608 -- as above
    try:
        return con.execute(change).rowcount
    except sqlite3.IntegrityError:
        # Unique values would become equal without the name, so a number is added.
        change = f"UPDATE {table} SET {column} = redacted({column}) || ' ' || rowid WHERE named({column})"  # noqa: S608 -- as above
        return con.execute(change).rowcount


def _redacted(value: _Value, person: Person) -> _Value:
    if isinstance(value, str):
        return person.redacted(value) if person.named_in(value) else value
    if not isinstance(value, bytes):
        return value
    try:
        # Dagster compresses its snapshots.
        plain = zlib.decompress(value)
    except zlib.error:
        return _redacted_bytes(value, person)
    after = _redacted_bytes(plain, person)
    return value if after == plain else zlib.compress(after)


def _redacted_bytes(value: bytes, person: Person) -> bytes:
    text = value.decode("utf-8", "surrogateescape")
    return person.redacted(text).encode("utf-8", "surrogateescape") if person.named_in(text) else value


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
