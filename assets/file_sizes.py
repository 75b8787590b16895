"""``<provider>/file_sizes``: sizes that the audit log does not carry, asked of the provider's file API."""

from datetime import UTC, date, datetime

import dagster as dg
import duckdb
import pyarrow as pa
from dagster_duckdb import DuckDBResource

from assets.describe import described
from assets.lake import Lake
from assets.normalised import raw_days, raw_files
from assets.pulls import pull_check, pulled
from assets.refresh import range_of, touched_days
from assets.resources import Clock, Detector, Source
from connectors import ConnectorError, FileQuestion, FileSize
from detection.normalise import size_questions

__all__ = ["file_sizes"]

_SCHEMA = pa.schema(
    [
        ("file_id", pa.string()),
        ("state", pa.string()),
        ("bytes", pa.int64()),
        ("version", pa.string()),
        ("modified_at", pa.timestamp("us")),
        ("checked_at", pa.timestamp("us")),
    ]
)


def file_sizes(provider: str, partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The asset of one provider's recovered sizes: a cache by file and version, per day of the upload."""
    table = f"{provider}/file_sizes"

    @dg.asset(
        key=[provider, "file_sizes"],
        deps=[dg.AssetDep([provider, "audit_events"], partition_mapping=raw_days(provider))],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool=provider,
        required_resource_keys={"lake", "clock", "engine", "detector", f"{provider}_source"},
        check_specs=[pull_check(provider, "file_sizes")],
        **described("file_sizes", provider),
    )
    def _asset(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        lake: Lake = context.resources.lake
        clock: Clock = context.resources.clock
        engine: DuckDBResource = context.resources.engine
        detector: Detector = context.resources.detector
        source: Source = getattr(context.resources, f"{provider}_source")
        days_of: dict[str, set[date]] = {}
        questions: list[FileQuestion] = []
        days = touched_days(context, lake, table)
        with engine.get_connection() as con:
            for day in days:
                asked = size_questions(
                    con,
                    provider,
                    day=day,
                    raw_files=raw_files(lake, provider, day),
                    size_files=lake.parts(table, [day]),
                    organisation_domains=detector.organisation_domains,
                )
                for row in asked.to_pylist():
                    questions.append(FileQuestion(**{**row, "since": row["since"].replace(tzinfo=UTC)}))
                    days_of.setdefault(row["file_id"], set()).add(day)
            context.log.info("%s: sizes of %d files to look up", provider, len(questions))
            found: dict[date, list[dict[str, object]]] = {}
            failure: ConnectorError | None = None
            try:
                for answer in source.connector(clock).file_sizes(questions) if questions else ():
                    for day in days_of[answer.file_id]:
                        found.setdefault(day, []).append(_row(answer, clock.now()))
            except ConnectorError as error:
                failure = error
            # What was answered before a failure need not be asked again.
            for day in days:
                _merge(con, lake, table, day, found.get(day, []))
            for day in range_of(context):
                note = lake.note(table, day)
                context.add_asset_metadata(
                    {"dagster/row_count": note.rows if note else 0, "looked up": len(found.get(day, []))},
                    partition_key=day.isoformat(),
                )

        return dg.MaterializeResult(check_results=[pulled(provider, "file_sizes", [failure] if failure else [])])

    return _asset


def _row(answer: FileSize, now: datetime) -> dict[str, object]:
    modified = answer.modified_at.astimezone(UTC).replace(tzinfo=None) if answer.modified_at else None
    return {
        "file_id": answer.file_id,
        "state": answer.state,
        "bytes": answer.bytes,
        "version": answer.version,
        "modified_at": modified,
        "checked_at": now.replace(tzinfo=None),
    }


def _merge(con: duckdb.DuckDBPyConnection, lake: Lake, table: str, day: date, rows: list[dict[str, object]]) -> None:
    """Adds answers to a day's cache; a newer answer about the same version takes the older one's place."""
    if not rows and lake.part(table, day).exists():
        return
    lake.view(con, "cached", [table], [day])
    con.register("answered", pa.Table.from_pylist(rows, schema=_SCHEMA))
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE merged AS
        SELECT * FROM (SELECT * FROM cached UNION ALL SELECT * FROM answered)
        QUALIFY row_number() OVER (PARTITION BY file_id, state, version ORDER BY checked_at DESC) = 1
        ORDER BY file_id, state, version
        """
    )
    con.unregister("answered")
    lake.write(con, "merged", table, day, "answers of the file API")
