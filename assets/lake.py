"""The lake: one Parquet file per table and day, replaced whole, with a note of what it was made from.

Layout below the root::

    <table>/day=YYYY-MM-DD/part.parquet      the rows; readers see the old file or the new one, never half of one
    <table>/day=YYYY-MM-DD/part.json         what the rows were made from, see Note
    <provider>/audit_events/day=YYYY-MM-DD/  raw slices and their manifest, see assets.landing
    <provider>/import_rejects/               rows of exports that were no event, see assets.history_stage

A table's name is its asset key joined by ``/``, such as ``box/uploads`` or ``alerts``.
"""

import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import dagster as dg
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from detection.tables import TABLES, empty

__all__ = ["Lake", "Note", "quoted", "replace_text", "replacing"]


@dataclass(frozen=True)
class Note:
    """What is known of a written partition without opening it.

    Attributes:
        made_from: Digest of the inputs' content, the code and the parameters.
        content: SHA-256 of the Parquet file.
        rows: Number of rows.
        size: Size of the file in bytes, and
        modified: its modification time in nanoseconds, by which a note that belongs to another file is known.
        columns: Digest of its columns' names and types; empty where the note does not tell.
    """

    made_from: str
    content: str
    rows: int
    size: int
    modified: int
    columns: str = ""


_notes: dict[str, tuple[tuple[int, int, int], Note]] = {}
"""Notes read by this process, by the partition's path and by the file that they are of: a note is only ever written
with a new file, and a run asks for each some fifty times."""


_TYPES = {
    "bool": "BOOLEAN",
    "date32[day]": "DATE",
    "double": "DOUBLE",
    "int32": "INTEGER",
    "int64": "BIGINT",
    "string": "VARCHAR",
    "timestamp[us]": "TIMESTAMP",
}
"""DuckDB's type of a column by Arrow's name of what its Parquet file holds."""

_ABANDONED = 86_400
"""Seconds after which nobody writes to a temporary file any more: longer than any run."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Gives a temporary path beside ``path`` and, when the block ends well, renames it over ``path``.

    What a process that was killed left beside it for more than a day is removed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    abandoned = temporary.stat().st_mtime - _ABANDONED
    with os.scandir(path.parent) as beside:
        for left in beside:
            # Another process may replace the same file meanwhile.
            with suppress(FileNotFoundError):
                if left.name.startswith(f".{path.name}.") and left.stat().st_mtime < abandoned:
                    Path(left.path).unlink()
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def replace_text(path: Path, text: str) -> None:
    """Writes a small text file so that readers see the old text or the new."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


class Lake(dg.ConfigurableResource[None]):
    """The tables as files below ``root``.

    Attributes:
        root: Directory of the lake; made when first written to.
    """

    root: str

    def directory(self, table: str, day: date) -> Path:
        """Directory of one partition."""
        return Path(self.root, table, f"day={day}")

    def part(self, table: str, day: date) -> Path:
        """Parquet file of one partition, whether it exists or not."""
        return Path(self._part(table, day))

    def _part(self, table: str, day: date) -> str:
        # A day's tables are made of hundreds of others' partitions, of which this is asked: a Path takes longer.
        return f"{self.root}/{table}/day={day}/part.parquet"

    def parts(self, table: str, days: Iterable[date]) -> list[str]:
        """Existing Parquet files of these days, in the order of the days."""
        paths = (self._part(table, day) for day in days)
        return [path for path in paths if os.path.exists(path)]  # noqa: PTH110 -- see _part

    def landed_days(self, table: str) -> list[date]:
        """Days of which the table has a directory, ascending."""
        root = Path(self.root) / table
        if not root.is_dir():
            return []
        names = (entry.name for entry in os.scandir(root) if entry.name.startswith("day="))
        return sorted(date.fromisoformat(name.removeprefix("day=")) for name in names)

    def days(self, table: str) -> list[date]:
        """Days of which the table has a partition, ascending."""
        return [day for day in self.landed_days(table) if self.parts(table, [day])]

    @contextmanager
    def alone(self, table: str = "") -> Iterator[None]:
        """Keeps other runs, of any process of this machine, from what is read, changed and written back.

        The kernel lets go of it when the process ends, however that comes about.

        Args:
            table: The table that is changed; of several made by one step the first. Empty: the ledger and the reviews.
        """
        directory = Path(self.root) / table
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def note(self, table: str, day: date) -> Note | None:
        """The note beside a partition; None where there is no partition or the note is not of this file."""
        path = self._part(table, day)
        try:
            stat = os.stat(path)  # noqa: PTH116 -- see _part
            file = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
            known = _notes.get(path)
            if known and known[0] == file:
                return known[1]
            note = Note(**json.loads(Path(path).with_suffix(".json").read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        if (note.size, note.modified) != file[1:]:
            return None
        _notes[path] = (file, note)
        return note

    def digest(self, tables: Sequence[str], days: Iterable[date], *also: str) -> str:
        """Digest of the content of these partitions, absent ones included, and of further text."""
        sha = hashlib.sha256()
        for text in also:
            sha.update(text.encode() + b"\0")
        for day in days:
            for table in tables:
                note = self.note(table, day)
                if note is None and (path := self.part(table, day)).exists():
                    content = _sha256(path)
                else:
                    content = note.content if note else "absent"
                sha.update(f"{table}|{day}|{content}\0".encode())
        return sha.hexdigest()

    def write(
        self, con: duckdb.DuckDBPyConnection, relation: str, table: str, day: date, made_from: str
    ) -> tuple[Note, bool]:
        """Writes a relation of ``con`` as one partition.

        Args:
            con: Connection in which the relation exists.
            relation: Table, view or subquery, in the order in which its rows are to be stored.
            table: Name of the table in the lake.
            day: Day of the partition.
            made_from: Digest of the inputs, from :meth:`digest`.

        Returns:
            The note, and whether the content differs from what was there.
        """
        path = self.part(table, day)
        with replacing(path) as temporary:
            con.execute(f"COPY (FROM {relation}) TO '{quoted(temporary)}' (FORMAT parquet, COMPRESSION zstd)")
            content = _sha256(temporary)
            before = self.note(table, day)
            changed = before is None or before.content != content
            stat = temporary.stat()
            parquet = pq.read_metadata(temporary)
            fields = parquet.schema.to_arrow_schema()
            columns = _columns((field.name, _type(field.type)) for field in fields)
            note = Note(made_from, content, parquet.num_rows, stat.st_size, stat.st_mtime_ns, columns)
        replace_text(path.with_suffix(".json"), json.dumps(asdict(note)))
        return note, changed

    def view(
        self,
        con: duckdb.DuckDBPyConnection,
        name: str,
        tables: Sequence[str],
        days: Iterable[date],
        *,
        dated: bool = False,
    ) -> None:
        """Makes partitions readable under ``name`` in ``con``; those that do not exist have no rows.

        Columns that a table has got since a partition was written are NULL in it.

        Args:
            con: Connection.
            name: Name of the view.
            tables: Tables of one kind, such as the uploads of several providers.
            days: Days wanted.
            dated: Whether each row tells its partition, as ``day``.
        """
        wanted = list(days)
        parts = {path: self.note(table, day) for table in tables for day in wanted for path in self.parts(table, [day])}
        kind = tables[0].rpartition("/")[2] if tables else name
        query = empty(kind, dated=dated)
        if parts:
            paths = ", ".join(f"'{quoted(path)}'" for path in parts)
            hive = "hive_partitioning = true, hive_types = {'day': DATE}" if dated else "hive_partitioning = false"
            declared = _columns((column.name, column.type) for column in TABLES[kind])
            if all(note and note.columns == declared for note in parts.values()):
                query = f"SELECT * FROM read_parquet([{paths}], {hive})"  # noqa: S608 -- our own paths
            else:
                # To learn the columns DuckDB opens every file, here and again in each query.
                query += f" UNION ALL BY NAME SELECT * FROM read_parquet([{paths}], {hive}, union_by_name = true)"  # noqa: S608 -- our own paths
        con.execute(f'CREATE OR REPLACE TEMP VIEW "{name}" AS {query}')


def _sha256(path: Path) -> str:
    """Return the digest of a file, which is not read into memory whole."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _type(kind: pa.DataType) -> str:
    """A type as DuckDB writes it."""
    if isinstance(kind, pa.MapType):
        return f"MAP({_type(kind.key_type)}, {_type(kind.item_type)})"
    if isinstance(kind, pa.ListType):
        return f"{_type(kind.value_type)}[]"
    if isinstance(kind, pa.StructType):
        return f"STRUCT({', '.join(f'{field.name} {_type(field.type)}' for field in kind)})"
    return _TYPES.get(str(kind), str(kind))


def _columns(columns: Iterable[tuple[str, str]]) -> str:
    """Digest of names and types, in order."""
    return hashlib.sha256("\0".join(f"{name} {kind}" for name, kind in columns).encode()).hexdigest()[:16]


def quoted(path: Path | str) -> str:
    """A path as it stands between quotes in a query."""
    return str(path).replace("'", "''")
