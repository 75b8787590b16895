"""The files of an export: where each stands, and how rows are written into several at once.

Layout below the directory that is written to::

    ocsf-json/<class>/day=YYYY-MM-DD/part-HHMMSS.ndjson
    ocsf-parquet/ext/<source>/region=<region>/accountId=<account>/eventDay=YYYYMMDD/part-HHMMSS.parquet
    csv/<uploads or alerts>/day=YYYY-MM-DD/part-HHMMSS.csv

A file holds an hour, or less of it where the hour has many rows; its name is when it begins. It is written beside its
place and renamed, so that a reader sees the old one or the new one. What was written is recorded in the lake, see
:mod:`exports.records`.
"""

from __future__ import annotations

import os
import re
import shutil
from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from exports.formats import ExportFormat, Subject
from exports.mapping import Piece, csv_header, csv_line, json_line
from lake.durable import file_digest
from lake.store import Lake, replacing
from privacy.pseudonyms import Pseudonyms

__all__ = ["CLASSES", "GROUP_ROWS", "SUBJECTS", "Destination", "write_pieces"]

CLASSES = {"file_hosting": "uploadwatch-uploads", "detection_finding": "uploadwatch-alerts"}
"""Classes of OCSF that are written, with the name of each one's custom source in Amazon Security Lake."""

_DAY = re.compile(r"(?:day|eventDay)=(\d{4})-?(\d{2})-?(\d{2})")
_READ_ROWS = 5_000
_PAGE = 1 << 20
"""Security Lake wants pages of a megabyte at most, uncompressed,"""
GROUP_ROWS = 100_000
"""and row groups of 256 MB at most: so many rows are a few megabytes."""


SUBJECTS = {
    Subject.UPLOADS: {
        ExportFormat.OCSF_JSON: "file_hosting",
        ExportFormat.OCSF_PARQUET: "file_hosting",
        ExportFormat.CSV: "uploads",
    },
    Subject.ALERTS: {
        ExportFormat.OCSF_JSON: "detection_finding",
        ExportFormat.OCSF_PARQUET: "detection_finding",
        ExportFormat.CSV: "alerts",
    },
}
"""Subjects of an export, with the table of each format: a class of OCSF, or the subject itself as CSV."""

_SUFFIXES = {ExportFormat.OCSF_JSON: "ndjson", ExportFormat.OCSF_PARQUET: "parquet", ExportFormat.CSV: "csv"}


@dataclass(frozen=True)
class Destination:
    """Target of an export: directory, formats and settings.

    Attributes:
        out: Directory.
        formats: What is written.
        region: AWS region of the Security Lake, part of the path of OCSF as Parquet.
        account: AWS account that the records are of, or a name for what is outside of AWS; likewise.
        pseudonyms: What makes tokens of names; None leaves names as they are.
        console_url: Address of the console, for links to the pages of alerts; empty for none.
    """

    out: Path
    formats: tuple[ExportFormat, ...]
    region: str = ""
    account: str = "external"
    pseudonyms: Pseudonyms | None = None
    console_url: str = ""

    @property
    def settings(self) -> str:
        """Settings that decide, together with the rows, which files there are and what they contain."""
        covered = self.pseudonyms.of("key") if self.pseudonyms else "names"
        return "|".join([*sorted(self.formats), self.region, self.account, covered, self.console_url])

    def directory(self, kind: ExportFormat, table: str, day: date) -> Path:
        """Return the directory of one table and day: a class of OCSF, or uploads or alerts as CSV."""
        if kind is ExportFormat.OCSF_PARQUET:
            source = self.out / kind / "ext" / CLASSES[table]
            return source / f"region={self.region}" / f"accountId={self.account}" / f"eventDay={day:%Y%m%d}"
        return self.out / kind / table / f"day={day:%Y-%m-%d}"

    def path(self, kind: ExportFormat, table: str, starts: datetime) -> Path:
        """Return the file of the part that begins then."""
        return self.directory(kind, table, starts.date()) / f"part-{starts:%H%M%S}.{_SUFFIXES[kind]}"

    def former_path(self, kind: ExportFormat, table: str, day: date) -> Path:
        """Return the one file of the day that earlier versions wrote."""
        directory = self.directory(kind, table, day)
        if kind is ExportFormat.OCSF_PARQUET:
            return directory / "part.parquet"
        return directory.with_name(f"{directory.name}.{_SUFFIXES[kind]}")

    def files(self, kind: ExportFormat, table: str, day: date) -> list[Path]:
        """Return the parts of a day that are on disk, and what a killed process left of them."""
        directory = self.directory(kind, table, day)
        names = (name for name in _names(directory) if name.startswith((".part-", "part-")))
        return [directory / name for name in sorted(names) if name[0] == "." or name.endswith(f".{_SUFFIXES[kind]}")]

    def outputs(self, subject: Subject) -> dict[ExportFormat, str]:
        """Return the tables of a subject by format, of the formats that are written."""
        return {kind: table for kind, table in SUBJECTS[subject].items() if kind in self.formats}

    def lacks(self, day: date) -> bool:
        """Check whether one of the formats has no file of a day, which has rows for each of them."""
        return not all(
            any(_names(self.directory(kind, tables[kind], day)) for tables in SUBJECTS.values())
            for kind in self.formats
        )

    def unknown_days(self, known: Container[date]) -> set[date]:
        """Return the days that have files, though they are not among the known ones.

        A command may have written them, or an earlier version, which recorded them elsewhere.
        """
        found = set()
        for kind in self.formats:
            for tables in SUBJECTS.values():
                root = self.directory(kind, tables[kind], date.min).parent
                for name in _names(root):
                    day = _day(name)
                    if day and day not in known and ((root / name).is_file() or _names(root / name)):
                        found.add(day)
        return found

    def drop_former_state(self) -> None:
        """Remove what earlier versions recorded beside the files."""
        former = self.out / "made-from"
        if (former / ".lock").exists():
            shutil.rmtree(former, ignore_errors=True)

    def alone(self) -> AbstractContextManager[None]:
        """Keep other runs and commands from writing to the directory."""
        return Lake(root=str(self.out)).alone()


def _names(directory: Path) -> list[str]:
    """Return the names in a directory; none where there is no such directory."""
    try:
        return os.listdir(directory)  # noqa: PTH208 -- a Path for each name takes longer than the listing
    except (FileNotFoundError, NotADirectoryError):
        return []


def _day(name: str) -> date | None:
    """Return the day of a directory, or of a file of an earlier version, by its name."""
    found = _DAY.match(name)
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:
        return None


class _SameError(Exception):
    """The file that is there has the same content."""


def write_pieces(
    con: duckdb.DuckDBPyConnection,
    kind: ExportFormat,
    relation: str,
    chosen: Sequence[Piece],
    wanted: Mapping[int, Path],
) -> None:
    """Write the rows of a relation, which are those of the parts in order, into the files of some of the parts."""
    header = ""
    if kind is ExportFormat.OCSF_PARQUET:
        query = f"SELECT time AS at, * FROM {relation}"  # noqa: S608 -- our own names
    elif kind is ExportFormat.OCSF_JSON:
        query = f"SELECT time AS at, {json_line(con, relation)} AS line FROM {relation}"  # noqa: S608 -- likewise
    else:
        time = "first_window_start" if "first_window_start" in con.table(relation).columns else "time"
        header = csv_header(con, relation)
        query = f"SELECT epoch_us({time}) // 1000 AS at, {csv_line(con, relation)} AS line FROM {relation}"  # noqa: S608 -- likewise
    # A reader that an error leaves open would block the connection.
    with con.sql(query).to_arrow_reader(_READ_ROWS) as reader:
        groups = groupby(_cut(reader, [piece.ends_ms for piece in chosen]), key=itemgetter(0))
        found = next(groups, None)
        for number in range(len(chosen)):
            here = found if found and found[0] == number else None
            if number in wanted:
                rows = (batch for _, batch in here[1]) if here else iter(())
                with suppress(_SameError), replacing(wanted[number]) as temporary:
                    if kind is ExportFormat.OCSF_PARQUET:
                        _fill_parquet(temporary, pa.schema(list(reader.schema)[1:]), rows)
                    else:
                        _fill_lines(temporary, header, rows)
                    if _same(temporary, wanted[number]):
                        raise _SameError
            if here:
                found = next(groups, None)


def _cut(batches: Iterable[pa.RecordBatch], ends: Sequence[int]) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Cut rows in the order of their first column at these values of it; yields the piece's number and its rows."""
    for batch in batches:
        times = batch.column(0).to_pylist()
        at = 0
        while at < len(times):
            number = bisect_right(ends, times[at])
            upto = bisect_left(times, ends[number], at)
            yield number, batch.slice(at, upto - at)
            at = upto


def _fill_lines(path: Path, header: str, batches: Iterable[pa.RecordBatch]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(header)
        for batch in batches:
            file.writelines(f"{line}\n" for line in batch.column(1).to_pylist())


def _fill_parquet(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Write rows in groups that depend on nothing but the rows, so that the same rows are the same bytes."""
    with pq.ParquetWriter(path, schema, compression="zstd", data_page_size=_PAGE) as out:
        held: list[pa.RecordBatch] = []
        for batch in batches:
            held.append(batch.drop_columns([batch.schema.field(0).name]))
            if sum(each.num_rows for each in held) >= GROUP_ROWS:
                table = pa.Table.from_batches(held, schema).combine_chunks()
                out.write_table(table.slice(0, GROUP_ROWS))
                held = table.slice(GROUP_ROWS).to_batches()
        if held:
            out.write_table(pa.Table.from_batches(held, schema).combine_chunks())


def _same(one: Path, other: Path) -> bool:
    try:
        return one.stat().st_size == other.stat().st_size and file_digest(one) == file_digest(other)
    except FileNotFoundError:
        return False
