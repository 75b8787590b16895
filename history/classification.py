"""Classification of every event of a file, for a person to check.

The events are read like those of an import, and classified by the product's rules.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
from rich import box
from rich.markup import escape
from rich.table import Table

from detection.normalise import outcomes_of_lines
from detection.sql import ENGINE
from history.formats import EventFile, EventFileError, advice, batches, event_files
from history.staging import MENDED, register_mended

__all__ = ["SHOWN_AT_MOST", "Classification", "classify", "outcome_table"]

SHOWN_AT_MOST = 500
"""Upper bound on events in a table for the terminal."""
_LIMITS: dict[str, str | int] = {"threads": 2, "memory_limit": "768MB"}
_ROWS_AT_ONCE = 4096
_ROWS_HELD = 8192
"""Rows per read in each thread: DuckDB's default would take hundreds of megabytes."""
_SHOWN = """
SELECT
    source, line, number, outcome, kind, operation,
    CASE
        WHEN time = date_trunc('second', time) THEN strftime(time, '%Y-%m-%dT%H:%M:%SZ')
        ELSE strftime(time, '%Y-%m-%dT%H:%M:%S.%fZ')
    END AS time, "user", actor_class, ip, country, app,
    file_name AS file, files, bytes, event_key, reason, detail
FROM shown
ORDER BY source_number, number
"""


class Classification:
    """Outcomes of the events of some files.

    Attributes:
        counts: Events by outcome and, if ignored or rejected, the reason.
        advice: What to do about files without readable events, one sentence each.
        empty: Whether all files are answers without events.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, advice_: list[str], *, empty: bool) -> None:
        self._con = con
        counts = "SELECT outcome, reason, count(*) FROM shown GROUP BY ALL ORDER BY ALL"
        self.counts: dict[tuple[str, str | None], int] = {
            (outcome, reason): n for outcome, reason, n in con.execute(counts).fetchall()
        }
        self.advice = advice_
        self.empty = empty

    @property
    def read(self) -> int:
        """Return the number of events that could be read."""
        return sum(n for (outcome, _), n in self.counts.items() if outcome != "rejected")

    @property
    def rejected(self) -> int:
        """Return the number of parts of the files that could not be read."""
        return sum(self.counts.values()) - self.read

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield one dictionary per event, in the order of the files.

        Its keys are source, line (on which the event begins), number (of the event in the file), outcome (upload,
        activity, ignored or rejected), kind, operation, time (ISO 8601, UTC), user, actor_class, ip, country, app,
        file, files (how many an upload counts as), bytes (of all of them; None is unknown), event_key, reason (why
        ignored or rejected) and detail (of activity).
        """
        for batch in self._con.sql(_SHOWN).to_arrow_reader(_ROWS_AT_ONCE):
            yield from batch.to_pylist()


@contextmanager
def classify(
    provider: str, sources: Sequence[Path], *, organisation_domains: Sequence[str]
) -> Iterator[Classification]:
    """Read events from files and classify each, on its own or beside the others.

    Args:
        provider: Provider of the events.
        sources: Files, see :mod:`history.formats`.
        organisation_domains: The organisation's mail domains.

    Raises:
        EventFileError: A file can't be opened, or there are more events than fit into memory.
    """
    with (
        tempfile.TemporaryDirectory() as directory,
        duckdb.connect(config={**ENGINE, **_LIMITS, "temp_directory": f"{directory}/spilled"}) as con,
    ):
        con.execute("SET enable_progress_bar = FALSE")
        register_mended(con)
        try:
            files = _stage(con, provider, sources, directory)
            _decide(con, provider, f"{directory}/*.parquet", organisation_domains)
        except duckdb.OutOfMemoryException as error:
            raise EventFileError(
                f"The files hold more events than fit into the {_LIMITS['memory_limit']} that classify takes. Classify "
                "them one by one, or in smaller pieces."
            ) from error
        read = "SELECT DISTINCT source_number FROM shown WHERE outcome <> 'rejected'"
        some = {number for (number,) in con.execute(read).fetchall()}
        unread = [advice(provider, file) for n, file in enumerate(files) if n not in some]
        yield Classification(con, unread, empty=all(file.empty_answer for file in files))


def _stage(con: duckdb.DuckDBPyConnection, provider: str, sources: Sequence[Path], directory: str) -> list[EventFile]:
    """Write what the files hold to ``directory/*.parquet``, and make the table ``sources``."""
    con.execute("CREATE TEMP TABLE sources (source_number INTEGER, source VARCHAR)")
    files = []
    for number, file in enumerate(file for source in sources for file in event_files(provider, source)):
        con.execute("INSERT INTO sources VALUES (?, ?)", [number, file.path])
        con.register("found", batches(file.blocks()))
        # Byte-identical events of one file share a name, which decides whether a repetition counts.
        con.execute(
            f"""
            COPY (
                SELECT
                    text, line, number, fault, event, {number} AS source_number,
                    concat({number}, ':', hash(coalesce(event, text))) AS place
                FROM (SELECT *, CASE WHEN fault IS NULL THEN {MENDED} END AS event FROM found)
            ) TO '{directory}/{number}.parquet' (FORMAT parquet, COMPRESSION lz4, ROW_GROUP_SIZE {_ROWS_HELD})
            """  # noqa: S608 -- made of ours
        )
        con.unregister("found")
        files.append(file)
    return files


def _decide(con: duckdb.DuckDBPyConnection, provider: str, parts: str, organisation_domains: Sequence[str]) -> None:
    """Make the table ``shown``, with one row per event or unreadable part."""
    found = f"read_parquet('{parts}')"
    lines = f"""
        SELECT CAST(event AS JSON) AS json, CASE WHEN event IS NULL THEN text END AS unreadable, place AS file
        FROM {found} WHERE fault IS NULL
    """  # noqa: S608 -- a path of ours
    outcomes_of_lines(con, provider, lines, organisation_domains=organisation_domains)
    con.execute(
        f"""
        CREATE TEMP TABLE shown AS
        WITH placed AS (
            SELECT
                source_number, line, number, place, fault,
                row_number() OVER (PARTITION BY place, fault IS NULL ORDER BY number) AS nth
            FROM {found}
        ),
        ranked AS (
            SELECT *, row_number() OVER (PARTITION BY file ORDER BY reason IS NOT NULL, event_key) AS nth
            FROM outcomes
        )
        SELECT
            placed.source_number, sources.source, placed.line, placed.number,
            CASE WHEN placed.fault IS NULL THEN ranked.outcome ELSE 'rejected' END AS outcome,
            coalesce(placed.fault, ranked.reason) AS reason,
            ranked.* EXCLUDE (file, outcome, reason, nth)
        FROM placed
        INNER JOIN sources ON placed.source_number = sources.source_number
        LEFT JOIN ranked ON placed.place = ranked.file AND placed.nth = ranked.nth AND placed.fault IS NULL
        """  # noqa: S608 -- as above
    )


def outcome_table(rows: Iterator[dict[str, Any]], *, several: bool) -> Table:
    """Render outcomes as a table for the terminal; names from events are shown as plain text, whatever they contain.

    Args:
        rows: From :meth:`Classification.rows`; at most :data:`SHOWN_AT_MOST` are shown.
        several: Whether they are from several files.
    """
    table = Table(box=box.SIMPLE, pad_edge=False)
    table.add_column("Line", justify="right", overflow="fold")
    titles = ("Outcome\nkind", "Operation\ntime (UTC)", "User, class\naddress, app", "File, bytes\nevent key", "Reason")
    for title in titles:
        table.add_column(title, overflow="fold", min_width=19 if "time" in title else 8)
    for row in islice(rows, SHOWN_AT_MOST):
        more = f" and {row['files'] - 1} more" if (row["files"] or 0) > 1 else ""
        size = f"{row['bytes']:,}" if row["bytes"] is not None else "unknown" if row["files"] else ""
        time = (row["time"] or "")[:19].replace("T", " ")
        table.add_row(
            _shown(f"{Path(row['source']).name}:{row['line']}" if several else str(row["line"])),
            _shown(row["outcome"], row["kind"]),
            _shown(row["operation"], time),
            _shown(row["user"], row["actor_class"], _together(row["ip"], row["country"]), row["app"]),
            _shown(f"{row['file'] or ''}{more}", size, row["event_key"]),
            _shown(row["reason"] or row["detail"]),
        )
    return table


def _together(*texts: str | None) -> str:
    return " ".join(text for text in texts if text)


def _shown(*texts: str | None) -> str:
    """Return the texts on one line each, whatever they contain."""
    clean = (
        "".join(character if character.isprintable() else "\ufffd" for character in text) for text in texts if text
    )
    return escape("\n".join(clean))
