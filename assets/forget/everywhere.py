"""The walk over a home, in the order in which a run that is killed can be taken up again."""

from __future__ import annotations

import re
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from pathlib import Path

import duckdb

from assets.forget.person import Person, plan_file
from assets.forget.raw import forget_day
from assets.forget.rows import forget_csv, forget_parquet, naming
from assets.lake import Lake, replacing
from assets.manifest import Manifest
from assets.normalised import read_again
from assets.raw_days import days_read_from
from connectors import PROVIDERS
from detection.sql import ENGINE

__all__ = ["Removed", "forget", "forget_database"]

_SQLITE = b"SQLite format 3\0"
_LEFT_BEHIND = re.compile(r"\..+\.[a-z0-9_]{8}")
"""What :func:`assets.lake.replacing` calls a file that is not whole; one that is there now is of a killed process."""
_MADE_UP = ("demo", "sandbox")
"""Directories of a replay's home that hold the made-up organisation and the stand-ins' credentials."""


@dataclass
class Removed:
    """What was removed from one table, or one kind of files.

    Attributes:
        rows: The person's own rows, events, records or files.
        redacted: Rows of others in which the person's address was replaced.
        files: Files changed.
    """

    rows: int = 0
    redacted: int = 0
    files: int = 0

    def add(self, rows: int, redacted: int) -> None:
        """Counts one file."""
        self.rows += rows
        self.redacted += redacted
        self.files += bool(rows or redacted)


def forget(
    lake: Lake, person: Person, *, organisation_domains: Sequence[str], write: bool, told: Callable[[str], None]
) -> dict[str, Removed]:
    """Removes a person from everything below the home that holds the lake.

    Every file is replaced whole, so that a reader sees the old or the new one. Raw events come first, then what is read
    from them, then all other files; what a killed run left is found by the next.

    Args:
        lake: The lake; it is kept to this process meanwhile.
        person: From :func:`assets.forget.person.identify`.
        organisation_domains: The organisation's mail domains, by which events are read.
        write: Whether files are changed, or what they hold is only counted.
        told: Called with what is being looked through.

    Returns:
        What was removed, by table or kind of files, as the lake names them; nothing where there was nothing.
    """
    found: dict[str, Removed] = defaultdict(Removed)
    with lake.alone():
        for provider in PROVIDERS:
            told(f"{provider}/audit_events")
            days = lake.landed_days(f"{provider}/audit_events")
            # A run that was killed may have changed events without reading them again.
            again = set(days) if person.resumed else set()
            for day in days:
                manifest = Manifest(lake.directory(f"{provider}/audit_events", day))
                removed, redacted, files = forget_day(
                    manifest, provider, person, organisation_domains=organisation_domains, write=write
                )
                if files:
                    each = found[f"{provider}/audit_events"]
                    each.rows, each.redacted, each.files = (
                        each.rows + removed,
                        each.redacted + redacted,
                        each.files + files,
                    )
                    again.update(days_read_from(provider, day))
            if write:
                _count_read(lake, provider, again, person, found)
                _read_again(lake, provider, again, organisation_domains)
        with duckdb.connect() as con:
            for table, together in groupby(_files(lake), key=lambda path: _table(lake, path)):
                told(table)
                paths = list(together)
                parquet = [path for path in paths if path.suffix == ".parquet"]
                for path in naming(con, parquet, person) if parquet else []:
                    found[table].add(*forget_parquet(con, path, person, write=write))
                for path in paths:
                    if path.suffix != ".parquet":
                        _forget_file(con, path, person, found[table], write=write)
        if write:
            plan_file(lake).unlink(missing_ok=True)
    return {table: removed for table, removed in sorted(found.items()) if removed.files}


def _count_read(lake: Lake, provider: str, days: set[date], person: Person, found: dict[str, Removed]) -> None:
    """Counts what reading the events again removes."""
    with duckdb.connect() as con:
        for table in ("logged_uploads", "activity", "rejects"):
            for path in lake.parts(f"{provider}/{table}", sorted(days)):
                found[f"{provider}/{table}"].add(*forget_parquet(con, Path(path), person, write=False))


def _read_again(lake: Lake, provider: str, days: set[date], organisation_domains: Sequence[str]) -> None:
    with duckdb.connect(config=dict(ENGINE)) as con:
        for day in sorted(days):
            if lake.part(f"{provider}/logged_uploads", day).exists():
                read_again(con, lake, provider, day, organisation_domains)


def _files(lake: Lake) -> Iterator[Path]:
    """All files of the home but the raw events and the plan, those last that say what the person is known by."""
    root = Path(lake.root)
    last = []
    for path in sorted(root.parent.rglob("*")):
        made_up = path.relative_to(root.parent).parts[0] in _MADE_UP
        if made_up or not path.is_file() or path.name.endswith(".zst") or path in (plan_file(lake), root / ".lock"):
            continue
        if path.parent == root:
            last.append(path)
        else:
            yield path
    yield from last


def _table(lake: Lake, path: Path) -> str:
    home = Path(lake.root).parent
    parts = path.relative_to(lake.root if path.is_relative_to(lake.root) else home).parts
    kept = [part for part in parts[:-1] if "=" not in part]
    return "/".join(kept[:3]) if kept else path.stem


def _forget_file(con: duckdb.DuckDBPyConnection, path: Path, person: Person, removed: Removed, *, write: bool) -> None:
    if _LEFT_BEHIND.fullmatch(path.name):
        removed.add(1, 0)
        if write:
            path.unlink()
    elif path.suffix == ".csv":
        removed.add(forget_csv(con, path, person, write=write), 0)
    elif any(alert_id in str(path) for alert_id in person.alert_ids):
        removed.add(1, 0)
        if write:
            path.unlink()
    elif path.suffix == ".ndjson":
        removed.add(_lines(path, person, write=write), 0)
    elif not path.name.endswith(("-wal", "-shm", "-journal")):
        with path.open("rb") as file:
            is_database = file.read(len(_SQLITE)) == _SQLITE
        if is_database:
            removed.add(*forget_database(path, person, write=write))
        else:
            removed.add(0, _text(path, person, write=write))


def _lines(path: Path, person: Person, *, write: bool) -> int:
    """Removes the lines that name the person; returns how many."""
    with path.open(encoding="utf-8", newline="\n") as lines:
        count = sum(person.named_in(line) for line in lines)
    if count and write:
        with (
            replacing(path) as temporary,
            path.open(encoding="utf-8", newline="\n") as lines,
            temporary.open("w", encoding="utf-8", newline="\n") as out,
        ):
            out.writelines(line for line in lines if not person.named_in(line))
    return count


def _text(path: Path, person: Person, *, write: bool) -> int:
    """Replaces the person's name in a small file, whatever it holds; returns 1 where it stood there."""
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    if not person.named_in(text):
        return 0
    if write:
        with replacing(path) as temporary:
            temporary.write_bytes(person.redacted(text).encode("utf-8", "surrogateescape"))
    return 1


def forget_database(path: Path, person: Person, *, write: bool) -> tuple[int, int]:
    """Removes a person from an SQLite database, such as Dagster's event log.

    Returns:
        Rows about the person's alerts, which are removed, and texts in which the name was replaced.
    """
    removed = redacted = 0
    with closing(sqlite3.connect(path, timeout=60)) as con:
        con.create_function("about", 1, lambda value: value in person.alert_ids)
        con.create_function("named", 1, lambda value: isinstance(value, str) and person.named_in(value))
        con.create_function("redacted", 1, person.redacted)
        tables = con.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        for (table,) in tables.fetchall():
            columns = [column for _, column, *_ in con.execute(f'PRAGMA table_info("{table}")').fetchall()]
            if "alert_id" in columns:
                removed += con.execute(f'DELETE FROM "{table}" WHERE about(alert_id)').rowcount  # noqa: S608 -- the database's own names
            for column in columns:
                change = f'UPDATE "{table}" SET "{column}" = redacted("{column}") WHERE named("{column}")'  # noqa: S608 -- likewise
                redacted += con.execute(change).rowcount
        if not write:
            con.rollback()
            return removed, redacted
        con.commit()
        if removed or redacted:
            # Without this the old pages keep what they held.
            con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            con.execute("VACUUM")
            con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return removed, redacted
