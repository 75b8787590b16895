"""Staging of a file's events by day in Parquet files, with a record of rows that are not events of the provider."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from detection.normalise import identities_of_lines
from history.formats import EventFile, EventFileError, batches, mended
from lake.days import midnight

__all__ = ["MENDED", "Progress", "Rejects", "Span", "line_pieces", "prepare", "register_mended", "stage"]

Progress = Callable[[str, float], None]
"""Callback for progress: the current step, and the share of it that is done."""

_REJECTED = "rejects"
MENDED = """
    CASE
        -- JSON strings contain no line breaks, so these are between tokens.
        WHEN json_valid(text) AND (contains(text, chr(10)) OR contains(text, chr(13)))
            THEN translate(text, chr(10) || chr(13), '  ')
        WHEN json_valid(text) THEN text
        ELSE nullif(translate(mended(text), chr(10) || chr(13), '  '), '')
    END
"""
"""Expression for a text as one line of JSON, or NULL if it is not JSON; needs :func:`register_mended`."""
_POLL = 0.2
_AT_ONCE = 512


@dataclass(frozen=True)
class Span:
    """Range of days of a deployment.

    Attributes:
        first: First day.
        end: Day after the last one; None if it is open.
    """

    first: date
    end: date | None


class Rejects:
    """Rows that are not events of the provider: one JSON object each, with file, line, reason and row.

    Attributes:
        counts: Rows by reason.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._out = path.open("wb")
        self.counts: Counter[str] = Counter()

    def add_staged(self, con: duckdb.DuckDBPyConnection, file: str, directory: Path) -> None:
        """Add the rows that :func:`stage` rejected."""
        parts = [str(path) for path in sorted((directory / f"place={_REJECTED}").glob("*.parquet"))]
        if not parts:
            return
        con.execute("SET VARIABLE parts = $parts", {"parts": parts})
        counts = "SELECT rejected, count(*) FROM read_parquet(getvariable('parts')) GROUP BY ALL ORDER BY ALL"
        self.counts.update(dict(con.execute(counts).fetchall()))
        lines = con.sql(
            """
            SELECT to_json({'file': $file, 'line': line, 'reason': rejected, 'row': text}) || chr(10) AS line
            FROM read_parquet(getvariable('parts'))
            """,
            params={"file": file},
        )
        for piece in line_pieces(lines):
            self._out.write(piece)

    def keep(self, directory: Path) -> Path | None:
        """Move the rows to a file named by its content, so that equal rows share one file; return None without rows."""
        self._out.close()
        if not self.counts:
            return None
        with self._path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        directory.mkdir(parents=True, exist_ok=True)
        return self._path.replace(directory / f"{digest[:16]}.ndjson")


def line_pieces(lines: duckdb.DuckDBPyRelation) -> Iterator[bytes]:
    """Yield the lines of a query with one text column in batches, without a Python object for each."""
    for batch in lines.to_arrow_reader(_AT_ONCE):
        column = batch.column(0)
        _, offsets, data = column.buffers()
        bounds = memoryview(offsets).cast("i")
        first, last = bounds[column.offset], bounds[column.offset + len(column)]
        yield bytes(data[first:last]) if data else b""


def prepare(con: duckdb.DuckDBPyConnection, span: Span, now: datetime) -> None:
    """Prepare a connection for :func:`stage`.

    Args:
        con: Connection.
        span: Days on which events can land.
        now: Present time; later events are rejected.
    """
    con.execute("SET TimeZone = 'UTC'")
    # Enabled so that the progress can be queried; not printed, since it would overwrite ours.
    con.execute("SET enable_progress_bar = TRUE")
    con.execute("SET enable_progress_bar_print = FALSE")
    register_mended(con)
    values = {
        "now": now.astimezone(UTC).replace(tzinfo=None),
        "first_day": midnight(span.first),
        "end_day": midnight(span.end) if span.end else None,
    }
    for name, value in values.items():
        con.execute(f"SET VARIABLE {name} = CAST($value AS TIMESTAMP)", {"value": value})


def register_mended(con: duckdb.DuckDBPyConnection) -> None:
    """Register the function of :data:`MENDED` in a connection."""
    con.create_function("mended", mended, ["VARCHAR"], "VARCHAR")


def stage(
    con: duckdb.DuckDBPyConnection,
    provider: str,
    file: EventFile,
    directory: Path,
    rejects: Rejects,
    progress: Progress,
) -> None:
    """Read a file into ``directory/place=YYYY-MM-DD/*.parquet``, with event_key, time, text, line and content.

    Args:
        con: Connection, see :func:`prepare`.
        provider: Provider of the events.
        file: The file.
        directory: Directory for the files; must not exist yet.
        rejects: Receives the rows that are not events of the provider.
        progress: Called with the progress.

    Raises:
        EventFileError: The file can't be read.
    """
    con.register("found", batches(file.blocks()))
    # DuckDB estimates one row, since the number is unknown. It would then hold all rows in memory for a join with
    # a table of a hundred codes, instead of the table.
    con.execute("SET disabled_optimizers = 'build_side_probe_side'")
    try:
        _sort(con, provider, directory, lambda: progress(f"reading {file.name}", file.share))
    except duckdb.OutOfMemoryException as error:
        raise EventFileError(
            f"{file.name} has rows so large that they do not fit into memory. Import it in smaller files, and "
            "leave out what is not an audit event."
        ) from error
    finally:
        con.execute("RESET disabled_optimizers")
        con.unregister("found")
    rejects.add_staged(con, file.name, directory)


def _sort(con: duckdb.DuckDBPyConnection, provider: str, directory: Path, progress: Callable[[], None]) -> None:
    # The rules carry the place of an event in the column for the name of a landed file, and the reason of a reject
    # likewise.
    identities_of_lines(
        con,
        provider,
        f"""
        SELECT
            CAST(event AS JSON) AS json,
            CASE WHEN event IS NULL THEN text END AS unreadable,
            concat_ws(':', line, fault) AS file
        FROM (SELECT *, CASE WHEN fault IS NULL THEN {MENDED} END AS event FROM found)
        """,  # noqa: S608 -- made of this module's texts
    )
    path = str(directory).replace("'", "''")
    query = f"""
        COPY (
            SELECT
                event_key, time, text, line, rejected, hash(text) AS content,
                CASE WHEN rejected IS NULL THEN strftime(time, '%Y-%m-%d') ELSE '{_REJECTED}' END AS place
            FROM (
                SELECT
                    *,
                    CAST(split_part(file, ':', 1) AS BIGINT) AS line,
                    CASE
                        WHEN contains(file, ':') THEN substr(file, strpos(file, ':') + 1)
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
                progress()
    progress()
