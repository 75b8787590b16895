"""Import of exported history: events that a provider's API no longer returns land on their days.

An export is read once, into one file per day; from there each day's new events land in a file of their own. So memory
does not grow with the export, and each event is only compared with the landed events of its day.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import duckdb

from detection.normalise import has_ids, identities_of_files
from detection.sql import ENGINE
from history.formats import advice, event_files
from history.staging import Progress, Rejects, Span, line_pieces, prepare, stage
from lake.days import DAY
from lake.landing import land_import
from lake.manifest import Manifest
from lake.raw_days import raw_files
from lake.scratch import scratch
from lake.store import Lake

__all__ = ["ImportReport", "import_history"]

_LIMITS: dict[str, str | int | float | list[str]] = {
    # More threads would hold more rows in memory, and more than two gain little.
    "threads": 2,
    "memory_limit": "768MB",
    "preserve_insertion_order": False,
    # Rows that wait for their day's file; the default is half a million in each thread.
    "partitioned_write_flush_threshold": 8_192,
}
_ROWS_AT_ONCE = 500_000
"""Upper bound on rows of the days that are compared with landed events in one query."""
_HOUR = timedelta(hours=1)


@dataclass
class ImportReport:
    """Result of an import. Rows read are those landed, duplicate and rejected.

    Attributes:
        read: Rows of the files.
        landed: New events by day.
        duplicate: Rows of events that had already landed, from the API or an import, or were read before.
        rejected: Rows that are not events of the provider, by reason.
        rejects: File of these rows; None if there are none.
        advice: What to do about files of which nothing could be read, one sentence each.
        empty: Whether all files are answers without events.
    """

    read: int = 0
    landed: dict[date, int] = field(default_factory=dict)
    duplicate: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    rejects: Path | None = None
    advice: list[str] = field(default_factory=list)
    empty: bool = True


@dataclass(frozen=True)
class _Day:
    """Content of the exports for a day: rows, the files that have them, and the hours that they cover."""

    day: date
    rows: int
    parts: list[str]
    start: datetime
    end: datetime


def import_history(
    lake: Lake, provider: str, files: Sequence[Path], *, span: Span, now: datetime, progress: Progress
) -> ImportReport:
    """Land the events of exported files. Idempotent: events that have already landed are skipped.

    Events land on the day on which they happened, also at Office 365: an exported record has no time of publication,
    and a day of uploads reads the raw events of its own day first.

    Args:
        lake: Lake in which they land.
        provider: Provider of the events.
        files: Exports, see :mod:`history.formats`.
        span: Days on which events can land.
        now: Present time; later events are rejected.
        progress: Called with the progress.

    Raises:
        EventFileError: A file can't be opened, or is of another provider; nothing of any file has landed.
    """
    root = Path(lake.root)
    with (
        scratch(root, "import") as directory,
        duckdb.connect(config={**ENGINE, **_LIMITS, "temp_directory": f"{directory}/spilled"}) as con,
    ):
        prepare(con, span, now)
        rejects = Rejects(directory / "rejects.ndjson")
        report = ImportReport()
        for number, file in enumerate(file for source in files for file in event_files(provider, source)):
            staged = directory / f"export={number}"
            stage(con, provider, file, staged, rejects, progress)
            report.empty = report.empty and file.empty_answer
            if _holds_none(con, staged):
                report.advice.append(advice(provider, file))
        report.rejected, report.rejects = dict(rejects.counts), rejects.keep(root / provider / "import_rejects")
        days = _days(con, directory, now)
        accepted, seen = sum(day.rows for day in days), 0
        for batch in _batches(days):
            fresh = _compare(con, lake, provider, batch)
            for day in batch:
                progress(f"landing {day.day}", seen / accepted)
                manifest = Manifest(lake.directory(f"{provider}/audit_events", day.day))
                land_import(manifest, day.start, day.end, _fresh_lines(con, day) if day.day in fresh else (), now=now)
                seen += day.rows
            report.landed.update(fresh)
        progress("landed", 1)
    report.read = accepted + sum(report.rejected.values())
    report.duplicate = accepted - sum(report.landed.values())
    return report


def _holds_none(con: duckdb.DuckDBPyConnection, staged: Path) -> bool:
    """Check whether a file holds no event of any date."""
    parts = [str(path) for path in staged.glob("place=*/*.parquet")]
    if any(Path(part).parent.name != "place=rejects" for part in parts):
        return False
    if not parts:
        return True
    con.execute("SET VARIABLE parts = $parts", {"parts": parts})
    dated = "SELECT count(time) FROM read_parquet(getvariable('parts'))"
    return con.execute(dated).fetchall() == [(0,)]


def _days(con: duckdb.DuckDBPyConnection, directory: Path, now: datetime) -> list[_Day]:
    """Return the days of the exports, ascending.

    An export covers each day on which it has events: the first day from the hour of the first event, the last day to
    the hour of the last one, since its requested range is not known.
    """
    parts: dict[date, list[str]] = {}
    for path in sorted(directory.glob("export=*/place=*-*/*.parquet")):
        parts.setdefault(date.fromisoformat(path.parent.name.removeprefix("place=")), []).append(str(path))
    found = []
    for day in sorted(parts):
        [(rows, first, last)] = con.execute(
            "SELECT count(*), date_trunc('hour', min(time)), date_trunc('hour', max(time)) FROM read_parquet(?)",
            [parts[day]],
        ).fetchall()
        start, end = datetime.combine(day, time(), UTC), datetime.combine(day + DAY, time(), UTC)
        if day == min(parts):
            start = first.replace(tzinfo=UTC)
        if day == max(parts):
            # The current hour is not over.
            end = max(start, min(last.replace(tzinfo=UTC) + _HOUR, now.replace(minute=0, second=0, microsecond=0)))
        found.append(_Day(day, rows, parts[day], start, end))
    return found


def _batches(days: Sequence[_Day]) -> Iterator[list[_Day]]:
    held: list[_Day] = []
    for day in days:
        if held and sum(each.rows for each in held) + day.rows > _ROWS_AT_ONCE:
            yield held
            held = []
        held.append(day)
    if held:
        yield held


def _compare(con: duckdb.DuckDBPyConnection, lake: Lake, provider: str, days: Sequence[_Day]) -> dict[date, int]:
    """Make ``fresh``, the rows to land; return how many new events each day has."""
    files = dict.fromkeys(file for day in days for file in raw_files(lake, provider, day.day))
    identities_of_files(con, provider, list(files))
    # Equal events without an id are several in one file, and the same in two, as in numbered.sql.
    number, of = "1", "1"
    if not has_ids(provider):
        number = "row_number() OVER (PARTITION BY file, event_key)"
        of = "row_number() OVER (PARTITION BY regexp_extract(filename, 'export=(\\d+)'), event_key)"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE landed AS
        SELECT DISTINCT event_key, {number} AS n FROM identities WHERE event_key IS NOT NULL
        """  # noqa: S608 -- ours
    )
    con.execute("SET VARIABLE parts = $parts", {"parts": [part for day in days for part in day.parts]})
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE once AS
        SELECT event_key, n, unnest(arg_min(row, struct_pack(content := content, row := row)))
        FROM (
            SELECT
                event_key, content, {of} AS n,
                struct_pack(part := hash(filename), place := file_row_number, day := CAST(time AS DATE)) AS row
            FROM read_parquet(getvariable('parts'), filename = TRUE, file_row_number = TRUE)
        )
        GROUP BY event_key, n
        """  # noqa: S608 -- ours
    )
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE missing AS
        SELECT event_key, n, day FROM once
        WHERE NOT EXISTS (FROM landed WHERE landed.event_key = once.event_key AND landed.n = once.n)
        """
    )
    # Equal events must stay in one file, or their numbers would start again.
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE fresh AS
        SELECT part, place FROM once WHERE event_key IN (SELECT event_key FROM missing)
        """
    )
    return dict(con.execute("SELECT day, count(*) FROM missing GROUP BY day ORDER BY day").fetchall())


def _fresh_lines(con: duckdb.DuckDBPyConnection, day: _Day) -> Iterator[bytes]:
    return line_pieces(
        con.sql(
            """
            SELECT text || chr(10) AS line
            FROM read_parquet($parts, filename = TRUE, file_row_number = TRUE) AS staged
            SEMI JOIN fresh ON hash(staged.filename) = fresh.part AND staged.file_row_number = fresh.place
            """,
            params={"parts": day.parts},
        )
    )
