"""Lake: one Parquet file per table and day, replaced atomically, with a note of its inputs.

Layout below the root::

    <table>/day=YYYY-MM-DD/part.parquet      the rows; readers see the old file or the new one, never half of one
    <table>/day=YYYY-MM-DD/part.json         what the rows were made from, see Note
    .made_days/<table>                       days that were written, so that lost partitions are detected
    <provider>/audit_events/day=YYYY-MM-DD/  raw slices and their manifest, see lake.landing
        .parsed/                             what was parsed of them, see lake.parsed_events
    <provider>/.passed/                      checks that passed and what of, see assets.checks.passed
    <provider>/import_rejects/               rows of exports that were not events, see history.staging

A table's name is its asset key joined by ``/``, such as ``box/uploads`` or ``alerts``.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from detection.tables import empty
from lake.damage import DamagedError
from lake.durable import (
    file_digest,
    indicates_damage,
    make_directory,
    make_way,
    read_content,
    read_digest,
    replace_text,
    replacing,
)
from lake.kept import intact, write_kept
from lake.made_days import enter_made_day, forget_made_day, forget_made_tables, is_day, read_made_days
from lake.table_columns import declared_digest, verify_columns

__all__ = ["Lake", "Note", "file_has", "quoted", "replace_text", "replacing"]


@dataclass(frozen=True)
class Note:
    """Metadata of a written partition, readable without opening it.

    Attributes:
        made_from: Digest of the inputs' content, the code and the parameters.
        content: SHA-256 of the Parquet file.
        rows: Number of rows.
        size: Size of the file in bytes, and
        modified: its modification time in nanoseconds, to detect a note that belongs to another file.
        columns: Digest of its columns' names and types; empty if not recorded.
        prior: SHA-256 of the file that this one replaces: the note is written first.
    """

    made_from: str
    content: str
    rows: int
    size: int
    modified: int
    columns: str = ""
    prior: str = ""


_notes: dict[str, tuple[tuple[int, int, int], Note]] = {}
"""Notes read by this process, by the partition's path and the file's identity: a note only changes with its file, and a
run reads each some fifty times."""


KEPT_TABLES = ("file_sizes",)
"""Kinds of tables that cannot be computed again, see :mod:`lake.kept`."""

_CHANGED = "its content is not what was written"


@dataclass(frozen=True)
class Lake:
    """Tables as files below ``root``.

    Attributes:
        root: Directory of the lake; made when first written to.
    """

    root: str

    def directory(self, table: str, day: date) -> Path:
        """Return the directory of one partition."""
        return Path(self.root, table, f"day={day}")

    def part(self, table: str, day: date) -> Path:
        """Return the Parquet file of one partition, which may not exist."""
        return Path(self._part(table, day))

    def _part(self, table: str, day: date) -> str:
        # Called for hundreds of partitions per day, and faster than with a Path.
        return f"{self.root}/{table}/day={day}/part.parquet"

    def parts(self, table: str, days: Iterable[date]) -> list[str]:
        """Return the existing Parquet files of these days, in the order of the days."""
        paths = (self._part(table, day) for day in days)
        return [path for path in paths if os.path.exists(path)]  # noqa: PTH110 -- see _part

    def landed_days(self, table: str) -> list[date]:
        """Return the days for which the table has a directory, ascending."""
        root = Path(self.root) / table
        if not root.is_dir():
            return []
        names = (entry.name.removeprefix("day=") for entry in os.scandir(root) if entry.name.startswith("day="))
        return sorted(date.fromisoformat(name) for name in names if is_day(name))

    def days(self, table: str) -> list[date]:
        """Return the days for which the table has a partition, ascending."""
        return [day for day in self.landed_days(table) if self.parts(table, [day])]

    def lost_days(self, table: str) -> list[date]:
        """Return the days of lost partitions, ascending; those that retention removed are not lost."""
        made = self.made_days(table)
        return sorted(made - set(self.days(table))) if made else []

    def made_days(self, table: str) -> set[date]:
        """Return the days for which the table has, or had, a partition, without those that retention removed."""
        return read_made_days(self.root, table)

    def _enter_made(self, table: str, day: date) -> None:
        enter_made_day(self.root, table, day, lambda: self.days(table))

    def remove(self, table: str, day: date) -> None:
        """Remove a partition for good, so that it does not count as lost."""
        forget_made_day(self.root, table, day)
        shutil.rmtree(self.directory(table, day))

    def remove_tables(self, directory: str) -> None:
        """Remove all tables below a directory for good, so that none counts as lost."""
        forget_made_tables(self.root, directory)
        shutil.rmtree(Path(self.root) / directory)

    @contextmanager
    def alone(self, table: str = "") -> Iterator[None]:
        """Exclude other runs in any process of this machine while data is read, changed and written back.

        The kernel releases the lock when the process ends.

        Args:
            table: The table to change, or the first of several made by one step. Empty: the ledger and the reviews.
        """
        directory = Path(self.root) / table
        make_directory(directory)
        with (directory / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def note(self, table: str, day: date) -> Note | None:
        """Return the note beside a partition; None if there is no partition or the note is of another file."""
        path = self._part(table, day)
        try:
            stat = os.stat(path)  # noqa: PTH116 -- see _part
            file = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
            known = _notes.get(path)
            if known and known[0] == file:
                return known[1]
        except OSError as error:
            if not indicates_damage(error):
                raise
            return None
        note = _recorded_note(path)
        if note is None or note.size != file[1]:
            return None
        if note.modified != file[2] and read_digest(Path(path)) != note.content:
            # A copied lake has the same content with another modification time; this file has other content.
            return None
        _notes[path] = (file, note)
        return note

    def fault(self, table: str, day: date, *, deep: bool = False) -> str:
        """Return what is wrong with a partition; empty if it is intact, or was never written.

        Args:
            table: The table.
            day: The day.
            deep: Whether to read its content, rather than only compare its size and time.
        """
        part, note = self.part(table, day), self.note(table, day)
        if note is None:
            missing = not part.exists()
            return ("it is missing" if day in self.made_days(table) else "") if missing else _fault_without_note(part)
        if not deep or file_has(part, note.content):
            return ""
        # Another run may have replaced the partition meanwhile.
        again = self.note(table, day)
        replaced = again not in (None, note) and file_has(part, again.content if again else "")
        return "" if replaced else _CHANGED

    def digest(self, tables: Sequence[str], days: Iterable[date], *also: str) -> str:
        """Return a digest of the content of these partitions, missing ones included, and of further text."""
        sha = hashlib.sha256()
        for text in also:
            sha.update(text.encode() + b"\0")
        for day in days:
            for table in tables:
                note = self.note(table, day)
                if note is None and (path := self.part(table, day)).exists():
                    content = read_digest(path) or "unreadable"
                else:
                    content = note.content if note else "absent"
                sha.update(f"{table}|{day}|{content}\0".encode())
        return sha.hexdigest()

    def write(
        self, con: duckdb.DuckDBPyConnection, relation: str, table: str, day: date, made_from: str
    ) -> tuple[Note, bool]:
        """Write a relation of ``con`` as one partition.

        Args:
            con: Connection in which the relation exists.
            relation: Table, view or subquery, in the storage order of its rows.
            table: Name of the table in the lake.
            day: Day of the partition.
            made_from: Digest of the inputs, from :meth:`digest`.

        Returns:
            The note, and whether the content changed.

        Raises:
            TableColumnsError: The relation does not have the table's declared columns.
        """
        verify_columns(con, relation, table)
        if table.rpartition("/")[2] in KEPT_TABLES:
            return self._write_kept(con, relation, table, day, made_from)
        path = self.part(table, day)
        with replacing(path, durable=False) as temporary:
            _copy_out(con, relation, temporary)
            content = file_digest(temporary)
            before = self.note(table, day)
            changed = before is None or before.content != content
            prior = before.content if before else _digest_of(path)
            note = _note_of(temporary, table, content, made_from, prior)
            replace_text(path.with_suffix(".json"), json.dumps(asdict(note)), durable=False)
        self._enter_made(table, day)
        return note, changed

    def _write_kept(
        self, con: duckdb.DuckDBPyConnection, relation: str, table: str, day: date, made_from: str
    ) -> tuple[Note, bool]:
        path = self.part(table, day)
        before = self.note(table, day)
        content = write_kept(path, lambda temporary: _copy_out(con, relation, temporary))
        note = _note_of(path, table, content, made_from)
        replace_text(path.with_suffix(".json"), json.dumps(asdict(note)))
        self._enter_made(table, day)
        return note, before is None or before.content != content

    def _intact(self, tables: Sequence[str], days: Sequence[date], *, lost_too: bool) -> dict[str, Note | None]:
        """Return the existing partitions with their notes; with ``lost_too``, omit lost ones.

        Raises:
            DamagedError: A partition is lost or damaged.
        """
        found: dict[str, Note | None] = {}
        for table in tables:
            kept = table.rpartition("/")[2] in KEPT_TABLES
            made = self.made_days(table)
            for day in days:
                path = self._part(table, day)
                if kept:
                    intact(Path(path))
                if day not in made and not os.path.exists(path):  # noqa: PTH110 -- see _part
                    continue
                if lost_too and not os.path.exists(path):  # noqa: PTH110 -- see _part
                    continue
                if fault := self.fault(table, day, deep=True):
                    if not kept:
                        # Recorded, so that it counts as lost and is made again.
                        make_way(Path(path))
                        Path(path).unlink(missing_ok=True)
                    raise DamagedError(path, fault, f"The next run makes it again, or materialise {table} of {day}.")
                found[path] = self.note(table, day)
        return found

    def view(
        self,
        con: duckdb.DuckDBPyConnection,
        name: str,
        tables: Sequence[str],
        days: Iterable[date],
        *,
        dated: bool = False,
        lost_too: bool = False,
    ) -> None:
        """Make partitions readable under ``name`` in ``con``; missing ones that were never written have no rows.

        Columns that were added after a partition was written are NULL in it.

        Args:
            con: Connection.
            name: Name of the view.
            tables: Tables of one kind, such as the uploads of several providers.
            days: Days wanted.
            dated: Whether each row has the day of its partition, as ``day``.
            lost_too: Whether to continue without lost partitions: only for data that a result does not depend on.

        Raises:
            DamagedError: A partition is lost or damaged, and ``lost_too`` is not set.
        """
        wanted = list(days)
        parts = self._intact(tables, wanted, lost_too=lost_too)
        kind = tables[0].rpartition("/")[2] if tables else name
        query = empty(kind, dated=dated)
        if parts:
            paths = ", ".join(f"'{quoted(path)}'" for path in parts)
            hive = "hive_partitioning = true, hive_types = {'day': DATE}" if dated else "hive_partitioning = false"
            if all(note and note.columns == declared_digest(kind) for note in parts.values()):
                query = f"SELECT * FROM read_parquet([{paths}], {hive})"  # noqa: S608 -- our own paths
            else:
                # DuckDB opens every file to find the columns, here and again in each query.
                query += f" UNION ALL BY NAME SELECT * FROM read_parquet([{paths}], {hive}, union_by_name = true)"  # noqa: S608 -- our own paths
        con.execute(f'CREATE OR REPLACE TEMP VIEW "{name}" AS {query}')


def _fault_without_note(part: Path) -> str:
    """Return what is wrong with a partition without a note of its own."""
    if not part.is_file():
        return "it is not a file"
    if part.stat().st_size == 0:
        return "it is empty"
    recorded = _recorded_note(str(part))
    if recorded is not None:
        # A run may have been killed after it wrote the note, or be about to replace the file.
        return "" if read_digest(part) in (recorded.prior, recorded.content) else _CHANGED
    try:
        pq.read_metadata(part)
    except (OSError, pa.ArrowException):
        return "it is not a Parquet file"
    return ""


_read: dict[str, tuple[tuple[int, ...], str]] = {}
"""Verified digests of partitions, by path and the file's identity on disk, since a run reads each many times."""


def file_has(path: Path, content: str) -> bool:
    """Return whether a file has this SHA-256; one that did not change since is not read again by this process."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return False
    identity = (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
    if _read.get(str(path)) != (identity, content):
        if read_digest(path) != content:
            return False
        _read[str(path)] = (identity, content)
    return True


def _copy_out(con: duckdb.DuckDBPyConnection, relation: str, path: Path) -> None:
    con.execute(f"COPY (FROM {relation}) TO '{quoted(path)}' (FORMAT parquet, COMPRESSION zstd)")


def _digest_of(path: Path) -> str:
    return read_digest(path) or ""


def _recorded_note(path: str) -> Note | None:
    """Return the note beside a partition, even if of another file; None if it is missing or unreadable."""
    try:
        return Note(**json.loads(read_content(Path(path).with_suffix(".json")) or b""))
    except (ValueError, TypeError):
        return None


def _note_of(path: Path, table: str, content: str, made_from: str, prior: str = "") -> Note:
    stat = path.stat()
    rows, columns = pq.read_metadata(path).num_rows, declared_digest(table.rpartition("/")[2])
    return Note(made_from, content, rows, stat.st_size, stat.st_mtime_ns, columns, prior)


def quoted(path: Path | str) -> str:
    """Return a path, escaped for quotes in a query."""
    return str(path).replace("'", "''")
