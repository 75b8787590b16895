"""Records of exported files: rows of the lake's table ``exports``, by which a run knows which files to write."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa

from detection.tables import empty
from lake.damage import DamagedError
from lake.durable import file_digest
from lake.store import Lake

__all__ = ["TABLE", "FileRecord", "is_as_written", "put_records", "read_records", "record_of"]

TABLE = "exports"
"""Table of the lake that holds the records."""


class FileRecord(NamedTuple):
    """An exported file, as it was when it was written; see ``exports`` in :data:`detection.tables.TABLES`."""

    subject: str
    file: str
    made_from: str
    content: str
    rows: int
    sha256: str
    size: int
    modified_ns: int
    valid_by: str


def record_of(out: Path, path: Path, *, subject: str, made_from: str, content: str, rows: int) -> FileRecord:
    """Describe a file that was just written.

    Args:
        out: Directory of the export.
        path: The file.
        subject: Subject of its rows: uploads or alerts.
        made_from: Digest of what the subject's files of the day are made from.
        content: Digest of the rows in this file, the mapping and the settings.
        rows: Number of its rows.
    """
    stat = path.stat()
    name = str(path.relative_to(out))
    return FileRecord(
        subject, name, made_from, content, rows, file_digest(path), stat.st_size, stat.st_mtime_ns, valid_by=""
    )


def is_as_written(out: Path, record: FileRecord) -> bool:
    """Check that a file exists, with the size and the modification time of its record."""
    try:
        stat = os.stat(f"{out}/{record.file}")  # noqa: PTH116 -- a run asks this of each file, and a Path takes longer
    except (FileNotFoundError, NotADirectoryError):
        return False
    return (stat.st_size, stat.st_mtime_ns) == (record.size, record.modified_ns)


def read_records(
    con: duckdb.DuckDBPyConnection, lake: Lake, days: Collection[date]
) -> Mapping[date, Mapping[str, FileRecord]]:
    """Return the records of days, by day and file; none of a day whose partition is missing or damaged.

    A damaged partition is removed, so that the day counts as lost and is made again.
    """
    found: dict[date, dict[str, FileRecord]] = {day: {} for day in days}
    columns = ", ".join(FileRecord._fields)
    for _ in days:
        try:
            lake.view(con, "recorded", [TABLE], days, dated=True, lost_too=True)
        except DamagedError:
            continue
        rows = con.execute(f"SELECT day, {columns} FROM recorded").fetchall()  # noqa: S608 -- our own columns
        for day, *values in rows:
            record = FileRecord._make(values)
            found[day][record.file] = record
        break
    return found


def put_records(con: duckdb.DuckDBPyConnection, relation: str, records: Iterable[FileRecord]) -> None:
    """Make a temporary table of records, ordered by file."""
    rows = [record._asdict() for record in sorted(records, key=lambda record: record.file)]
    con.execute(f"CREATE OR REPLACE TEMP TABLE {relation} AS {empty(TABLE)}")
    if rows:
        con.register("given_records", pa.Table.from_pylist(rows))
        con.execute(f"INSERT INTO {relation} BY NAME FROM given_records")
        con.unregister("given_records")
