"""Files for other systems, a day at a time: OCSF as JSON lines, OCSF as Parquet for Amazon Security Lake, and CSV.

Layout below the directory that is written to::

    ocsf-json/<class>/day=YYYY-MM-DD.ndjson
    ocsf-parquet/ext/<source>/region=<region>/accountId=<account>/eventDay=YYYYMMDD/part.parquet
    csv/<uploads or alerts>/day=YYYY-MM-DD.csv

Every file is written beside its place and renamed, so that a reader sees the old one or the new one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from assets.lake import Lake, replacing
from assets.publishing import publish
from assets.refresh import days_between
from connectors import PROVIDERS
from detection.export import harmless, json_line, map_alerts, map_uploads
from detection.pseudonyms import Pseudonyms

__all__ = ["CLASSES", "Destination", "ExportFormat", "export_day", "open_lake", "upload_tables"]

CLASSES = {"file_hosting": "uploadwatch-uploads", "detection_finding": "uploadwatch-alerts"}
"""Classes of OCSF that are written, with the name of each one's custom source in Amazon Security Lake."""

_ROWS = {"uploads": "uploads", "alerts": "alert_rows"}
_PAGE = 1 << 20
"""Security Lake wants pages of a megabyte at most, uncompressed,"""
_GROUP = 100_000
"""and row groups of 256 MB at most: so many rows are a few megabytes."""


class ExportFormat(StrEnum):
    """What is written."""

    OCSF_JSON = "ocsf-json"
    OCSF_PARQUET = "ocsf-parquet"
    CSV = "csv"


@dataclass(frozen=True)
class Destination:
    """Where files go, and how.

    Attributes:
        out: Directory.
        formats: What is written.
        region: AWS region of the Security Lake, part of the path of OCSF as Parquet.
        account: AWS account that the records are of, or a name for what is outside of AWS; likewise.
        pseudonyms: What makes tokens of names; None leaves names as they are.
    """

    out: Path
    formats: tuple[ExportFormat, ...]
    region: str = ""
    account: str = "external"
    pseudonyms: Pseudonyms | None = None

    def path(self, kind: ExportFormat, table: str, day: date) -> Path:
        """File of one table and day: a class of OCSF, or uploads or alerts as CSV."""
        if kind is ExportFormat.OCSF_PARQUET:
            source = self.out / kind / "ext" / CLASSES[table]
            place = source / f"region={self.region}" / f"accountId={self.account}" / f"eventDay={day:%Y%m%d}"
            return place / "part.parquet"
        return self.out / kind / table / f"day={day:%Y-%m-%d}.{'csv' if kind is ExportFormat.CSV else 'ndjson'}"

    def paths(self, day: date) -> list[Path]:
        """All files of a day."""
        return [
            self.path(kind, table, day)
            for kind in self.formats
            for table in (_ROWS if kind is ExportFormat.CSV else CLASSES)
        ]


def upload_tables(lake: Lake) -> list[str]:
    """The tables of uploads that the lake holds."""
    return [table for provider in PROVIDERS if lake.landed_days(table := f"{provider}/uploads")]


def open_lake(con: duckdb.DuckDBPyConnection, lake: Lake, now: datetime, pseudonyms: Pseudonyms | None) -> None:
    """Publishes the alerts and makes them ready for :func:`export_day`, which may be called for many days then.

    Args:
        con: Connection; its time zone is set to UTC.
        lake: Where the alerts are.
        now: When they are published, UTC.
        pseudonyms: What makes tokens of names, if anything does.
    """
    con.execute("SET TimeZone = 'UTC'")
    publish(con, lake, now)
    con.execute("CREATE OR REPLACE TEMP TABLE plain_alerts AS FROM shown")
    con.execute("CREATE OR REPLACE TEMP TABLE plain_reviews AS FROM reviews")
    con.execute("DROP VIEW reviews")
    if pseudonyms:
        pseudonyms.register(con)
        for table in ("shown", "ledger", "revisions"):
            pseudonyms.cover(con, table, table)
        pseudonyms.cover(con, "reviews", "plain_reviews")
    else:
        con.execute("CREATE OR REPLACE TEMP TABLE reviews AS FROM plain_reviews")


def export_day(con: duckdb.DuckDBPyConnection, lake: Lake, destination: Destination, day: date) -> dict[str, int]:
    """Writes all files of a day; :func:`open_lake` comes first.

    Args:
        con: Connection.
        lake: Where the uploads are.
        destination: What is written, and where.
        day: The day of the uploads, and of the opening of the alerts, UTC.

    Returns:
        How many uploads, findings and alerts were written.
    """
    tables = upload_tables(lake)
    _evidences(con, lake, destination.pseudonyms, tables, day)
    map_alerts(con, day)
    lake.view(con, "plain_uploads", tables or ["uploads"], [day])
    _uploads(con, destination.pseudonyms, "plain_uploads")
    if {ExportFormat.OCSF_JSON, ExportFormat.OCSF_PARQUET} & set(destination.formats):
        map_uploads(con)
        for table in CLASSES:
            if ExportFormat.OCSF_JSON in destination.formats:
                _write_lines(con, table, destination.path(ExportFormat.OCSF_JSON, table, day))
            if ExportFormat.OCSF_PARQUET in destination.formats:
                _write_parquet(con, table, destination.path(ExportFormat.OCSF_PARQUET, table, day))
    if ExportFormat.CSV in destination.formats:
        for name, table in _ROWS.items():
            _write_csv(con, table, destination.path(ExportFormat.CSV, name, day))
    counted = con.execute(
        "SELECT (SELECT count(*) FROM uploads), (SELECT count(*) FROM detection_finding), "
        "(SELECT count(*) FROM alert_rows)"
    ).fetchall()
    return dict(zip(("uploads", "findings", "alerts"), counted[0], strict=True))


def _uploads(con: duckdb.DuckDBPyConnection, pseudonyms: Pseudonyms | None, source: str) -> None:
    if pseudonyms:
        pseudonyms.cover(con, "uploads", source)
    else:
        con.execute(f"CREATE OR REPLACE TEMP TABLE uploads AS FROM {source}")


def _evidences(
    con: duckdb.DuckDBPyConnection, lake: Lake, pseudonyms: Pseudonyms | None, tables: Sequence[str], day: date
) -> None:
    """Makes ``ocsf_uploads``: the uploads of the users of the day's alerts, over the days that these span."""
    [(last,)] = con.execute(
        "SELECT CAST(max(last_window_end) AS DATE) FROM plain_alerts WHERE CAST(first_window_start AS DATE) = $day",
        {"day": day},
    ).fetchall()
    lake.view(con, "plain_uploads", list(tables) or ["uploads"], days_between(day, last) if last else [])
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE theirs AS
        SELECT u.*
        FROM plain_uploads u
        WHERE u."user" IN (SELECT a."user" FROM plain_alerts a WHERE CAST(a.first_window_start AS DATE) = $day)
        """,
        {"day": day},
    )
    _uploads(con, pseudonyms, "theirs")
    map_uploads(con, "ocsf_uploads")


def _write_lines(con: duckdb.DuckDBPyConnection, table: str, path: Path) -> None:
    with replacing(path) as temporary:
        # JSON has no control characters of its own, so that this separator and quotes of CSV never come into play.
        con.execute(
            f"COPY (SELECT {json_line(con, table)} FROM {table}) TO '{_quoted(temporary)}' "  # noqa: S608 -- our own names
            "(FORMAT csv, HEADER false, DELIMITER '\x01', QUOTE '', ESCAPE '')"
        )


def _write_parquet(con: duckdb.DuckDBPyConnection, table: str, path: Path) -> None:
    batches = con.table(table).to_arrow_reader(_GROUP)
    with (
        replacing(path) as temporary,
        pq.ParquetWriter(temporary, batches.schema, compression="zstd", data_page_size=_PAGE) as out,
    ):
        for batch in batches:
            out.write_batch(batch, row_group_size=_GROUP)


def _write_csv(con: duckdb.DuckDBPyConnection, table: str, path: Path) -> None:
    with replacing(path) as temporary:
        con.execute(
            f"COPY (SELECT {harmless(con, table)} FROM {table}) TO '{_quoted(temporary)}' "  # noqa: S608 -- our own names
            "(FORMAT csv, HEADER, FORCE_QUOTE *, TIMESTAMPFORMAT '%Y-%m-%dT%H:%M:%SZ')"
        )


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
