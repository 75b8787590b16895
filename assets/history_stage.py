"""Sorts the rows of an export by day into Parquet files, and keeps those that are no event of the provider."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from assets.calendar import midnight
from assets.history_files import Export, ExportError, Kind
from assets.history_rows import fast_rows, mended, slow_rows
from detection.normalise import identities_of_lines

__all__ = ["Rejects", "Span", "Tell", "line_pieces", "prepare", "stage"]

Tell = Callable[[str, float], None]
"""Takes what is being done, and the share of it that is done."""

_REJECTED = "rejects"
_POLL = 0.2
_AT_ONCE = 512


@dataclass(frozen=True)
class Span:
    """The days of a deployment.

    Attributes:
        first: First day.
        end: Day after the last one; None where it goes on.
    """

    first: date
    end: date | None


class Rejects:
    """Rows that are no event of the provider: one JSON object each, with file, line (where known), reason and row.

    Attributes:
        counts: Rows by reason.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._out = path.open("wb")
        self.counts: Counter[str] = Counter()

    def add(self, file: str, line: int, reason: str, row: str) -> None:
        """Adds one row."""
        self.counts[reason] += 1
        told = {"file": file, "line": line, "reason": reason, "row": row}
        self._out.write(json.dumps(told, ensure_ascii=False).encode(errors="replace") + b"\n")

    def add_staged(self, con: duckdb.DuckDBPyConnection, file: str, directory: Path) -> None:
        """Adds the rows that :func:`stage` rejected."""
        parts = [str(path) for path in sorted((directory / f"place={_REJECTED}").glob("*.parquet"))]
        if not parts:
            return
        con.execute("SET VARIABLE parts = $parts", {"parts": parts})
        counts = "SELECT rejected, count(*) FROM read_parquet(getvariable('parts')) GROUP BY ALL ORDER BY ALL"
        self.counts.update(dict(con.execute(counts).fetchall()))
        told = con.sql(
            """
            SELECT to_json({'file': $file, 'line': NULL, 'reason': rejected, 'row': text}) || chr(10) AS line
            FROM read_parquet(getvariable('parts'))
            """,
            params={"file": file},
        )
        for piece in line_pieces(told):
            self._out.write(piece)

    def keep(self, directory: Path) -> Path | None:
        """Puts the rows into a file named by its content, so that the same rows have one file; None without rows."""
        self._out.close()
        if not self.counts:
            return None
        with self._path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        directory.mkdir(parents=True, exist_ok=True)
        return self._path.replace(directory / f"{digest[:16]}.ndjson")


def line_pieces(lines: duckdb.DuckDBPyRelation) -> Iterator[bytes]:
    """The lines of a query's one column of text, many at a time, without a Python object for each."""
    for batch in lines.to_arrow_reader(_AT_ONCE):
        column = batch.column(0)
        _, offsets, data = column.buffers()
        bounds = memoryview(offsets).cast("i")
        first, last = bounds[column.offset], bounds[column.offset + len(column)]
        yield bytes(data[first:last]) if data else b""


def prepare(con: duckdb.DuckDBPyConnection, span: Span, now: datetime) -> None:
    """Readies a connection for :func:`stage`.

    Args:
        con: Connection.
        span: Days on which events can land.
        now: The clock's time; later events are rejected.
    """
    con.execute("SET TimeZone = 'UTC'")
    # So that the progress can be asked for, and is not printed over ours.
    con.execute("SET enable_progress_bar = TRUE")
    con.execute("SET enable_progress_bar_print = FALSE")
    con.create_function("mended", mended, ["VARCHAR"], "VARCHAR")
    values = {
        "now": now.astimezone(UTC).replace(tzinfo=None),
        "first_day": midnight(span.first),
        "end_day": midnight(span.end) if span.end else None,
    }
    for name, value in values.items():
        con.execute(f"SET VARIABLE {name} = CAST($value AS TIMESTAMP)", {"value": value})


def stage(
    con: duckdb.DuckDBPyConnection, provider: str, export: Export, directory: Path, rejects: Rejects, tell: Tell
) -> None:
    """Reads an export into ``directory/place=YYYY-MM-DD/*.parquet``, with the columns event_key, time, text, content.

    Args:
        con: Connection, see :func:`prepare`.
        provider: Whose events they are.
        export: The file.
        directory: Where the files are made; is not there yet.
        rejects: Takes the rows that are no event of the provider.
        tell: Takes the progress.

    Raises:
        ExportError: The file can't be read.
    """
    try:
        _stage(con, provider, export, directory, rejects, tell)
    except duckdb.OutOfMemoryException as error:
        raise ExportError(
            f"{export.source} has rows so large that they do not fit into memory. Import it in smaller files, and "
            "leave out what is no audit event."
        ) from error


def _stage(
    con: duckdb.DuckDBPyConnection, provider: str, export: Export, directory: Path, rejects: Rejects, tell: Tell
) -> None:
    what, name = f"reading {export.source.name}", export.source.name
    fast = fast_rows(export)
    if fast:
        try:
            _sort(con, provider, export, fast, directory, lambda share: tell(what, share))
        except duckdb.InvalidInputException:
            shutil.rmtree(directory, ignore_errors=True)
            fast = None
    if not fast:
        con.register("export_rows", slow_rows(provider, export, lambda *told: rejects.add(name, *told)))
        rows = "SELECT text, cells FROM export_rows"
        _sort(con, provider, export, rows, directory, lambda _share: tell(f"{what} row by row", 0))
        con.unregister("export_rows")
    rejects.add_staged(con, name, directory)


def _sort(
    con: duckdb.DuckDBPyConnection,
    provider: str,
    export: Export,
    rows: str,
    directory: Path,
    tell: Callable[[float], None],
) -> None:
    # Purview's searches by PowerShell and by Microsoft Graph hold the record inside an object of their own.
    inside = "text"
    if provider == "office365" and export.kind is not Kind.CSV:
        inside = """
            CASE WHEN json_valid(text) THEN coalesce(
                nullif(json_extract_string(text, '/AuditData'), ''), json_extract_string(text, '/auditData'), text
            ) ELSE text END
        """
    identities_of_lines(
        con,
        provider,
        f"""
        SELECT
            -- JSON has no line breaks within strings, so those found stand between tokens.
            CAST(CASE
                WHEN contains(event, chr(10)) OR contains(event, chr(13))
                    THEN translate(event, chr(10) || chr(13), '  ')
                ELSE event
            END AS JSON) AS json,
            CASE WHEN event IS NULL THEN coalesce(CAST(to_json(cells) AS VARCHAR), text) END AS unreadable,
            '' AS file
        FROM (
            SELECT text, cells, CASE WHEN json_valid(held) THEN held ELSE nullif(mended(held), '') END AS event
            FROM (SELECT text, cells, {inside} AS held FROM ({rows}))
        )
        """,  # noqa: S608 -- made of this room's texts
    )
    path = str(directory).replace("'", "''")
    query = f"""
        COPY (
            SELECT
                event_key, time, text, rejected, hash(text) AS content,
                CASE WHEN rejected IS NULL THEN strftime(time, '%Y-%m-%d') ELSE '{_REJECTED}' END AS place
            FROM (
                SELECT
                    *,
                    CASE
                        WHEN rejected_because IS NOT NULL THEN rejected_because
                        WHEN time > getvariable('now') THEN 'later than now'
                        WHEN time < getvariable('first_day') THEN 'before UPLOADWATCH_START_DATE'
                        WHEN time >= getvariable('end_day') THEN 'not before UPLOADWATCH_END_DATE'
                    END AS rejected
                FROM identities
            )
        ) TO '{path}' (FORMAT parquet, COMPRESSION lz4, PARTITION_BY (place))
    """  # noqa: S608 -- made of this module's texts and a quoted path
    with ThreadPoolExecutor(1, thread_name_prefix="export") as thread:
        copied = thread.submit(con.execute, query)
        while True:
            try:
                copied.result(_POLL)
                break
            except NotYet:
                tell(max(0.0, con.query_progress()) / 100)
    tell(1)
