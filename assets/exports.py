"""``exports``: uploads and alerts as files for other systems, and the check that they are valid."""

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import dagster as dg
import duckdb
from dagster_duckdb import DuckDBResource
from pydantic import Field

from assets.calendar import SINGLE_RUN, window
from assets.describe import described
from assets.exporting import CLASSES, Destination, ExportFormat, export_day, open_lake, upload_tables
from assets.lake import Lake, quoted, replace_text
from assets.refresh import range_of
from assets.resources import Clock
from detection.export import json_line, rules_version
from detection.ocsf import VERSION, check
from detection.pseudonyms import Pseudonyms
from detection.sql import ENGINE

__all__ = ["Exporter", "exports", "valid_exports"]

_STATE = "made-from"


class Exporter(dg.ConfigurableResource[None]):
    """What is exported, and where to.

    Attributes:
        out: Directory of the files.
        formats: ocsf-json, ocsf-parquet and csv, or some of them.
        region: AWS region of the Security Lake.
        account: AWS account that the records are of, or a name for what is outside of AWS.
        pseudonym_key: Key by which names become tokens, given as an ``EnvVar``; empty leaves names as they are.
    """

    out: str
    formats: list[str] = Field(default_factory=list)
    region: str = ""
    account: str = "external"
    pseudonym_key: str = ""

    def destination(self) -> Destination:
        """The same for :mod:`assets.exporting`.

        Raises:
            detection.pseudonyms.KeyFormatError: The key cannot be used.
        """
        return Destination(
            out=Path(self.out),
            formats=tuple(ExportFormat(name) for name in self.formats),
            region=self.region,
            account=self.account,
            pseudonyms=Pseudonyms(self.pseudonym_key) if self.pseudonym_key else None,
        )


def exports(providers: Sequence[str], partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The asset of exported files."""

    @dg.asset(
        name="exports",
        deps=[
            "alerts",
            # An alert that opens on the day has its evidence on that day and the two after it.
            *(dg.AssetDep([provider, "uploads"], partition_mapping=window(0, 2)) for provider in providers),
        ],
        partitions_def=partitions,
        backfill_policy=SINGLE_RUN,
        **described("exports"),
    )
    def _asset(context: dg.AssetExecutionContext, lake: Lake, clock: Clock, exporter: Exporter) -> None:
        destination = exporter.destination()
        wanted = range_of(context)
        # The functions that make tokens belong to a database: not to the one that all steps share.
        with duckdb.connect(config=dict(ENGINE)) as con:
            open_lake(con, lake, clock.now(), destination.pseudonyms)
            told = _told(con)
            # An old alert that is reviewed or withdrawn changes the files of its day.
            for day in sorted({*wanted, *_made_days(destination)}):
                made_from = _made_from(lake, destination, day, told.get(day, ""))
                rows = _up_to_date(destination, day, made_from)
                if rows is None and (day in wanted or lake.parts("alerts", [day])):
                    rows = export_day(con, lake, destination, day)
                    note = {"made_from": made_from, "rows": rows}
                    replace_text(_state(destination, day), json.dumps(note))
                    if day not in wanted:
                        context.log_event(dg.AssetMaterialization("exports", partition=day.isoformat(), metadata=rows))
                if day in wanted and rows is not None:
                    context.add_asset_metadata(rows, partition_key=day.isoformat())

    return _asset


def _state(destination: Destination, day: date) -> Path:
    return destination.out / _STATE / f"day={day:%Y-%m-%d}.json"


def _made_days(destination: Destination) -> list[date]:
    return [
        date.fromisoformat(path.stem.removeprefix("day=")) for path in (destination.out / _STATE).glob("day=*.json")
    ]


def _told(con: duckdb.DuckDBPyConnection) -> dict[date, str]:
    """By the day of its opening, a digest of what was said of each alert: its forms, how it ended, and its reviews."""
    return dict(
        con.execute(
            """
            WITH reviewed AS (
              SELECT
                alert_id,
                string_agg(concat_ws('|', review, verdict, note, reviewed_by), ';' ORDER BY review) AS text
              FROM reviews
              GROUP BY alert_id
            )
            SELECT
              CAST(r.first_window_start AS DATE),
              sha256(string_agg(concat_ws('|', r.alert_id, r.revision, r.state, l.reason, v.text), ';'
                ORDER BY r.alert_id, r.revision))
            FROM revisions r
            LEFT JOIN ledger l ON l.alert_id = r.alert_id
            LEFT JOIN reviewed v ON v.alert_id = r.alert_id
            GROUP BY 1
            """
        ).fetchall()
    )


def _made_from(lake: Lake, destination: Destination, day: date, told: str) -> str:
    settings = json.dumps([*destination.formats, destination.region, destination.account])
    covered = destination.pseudonyms.of("key") if destination.pseudonyms else "names"
    return lake.digest([*upload_tables(lake), "alerts"], [day], told, settings, covered, rules_version())


def _up_to_date(destination: Destination, day: date, made_from: str) -> dict[str, int] | None:
    """The rows of a day whose files are there and as they would be made; None where they are to be made."""
    try:
        note = json.loads(_state(destination, day).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    there = note["made_from"] == made_from and all(path.exists() for path in destination.paths(day))
    return dict(note["rows"]) if there else None


def valid_exports() -> dg.AssetChecksDefinition:
    """The check of every exported row against the OCSF schema."""

    @dg.asset_check(
        name="ocsf_valid",
        asset="exports",
        description=f"Every row of the OCSF files is valid by the schema of OCSF {VERSION}.",
    )
    def _check(
        context: dg.AssetCheckExecutionContext, engine: DuckDBResource, exporter: Exporter
    ) -> dg.AssetCheckResult:
        destination = exporter.destination()
        formats = [kind for kind in destination.formats if kind is not ExportFormat.CSV]
        faults: list[str] = []
        seen = {"rows": 0, "shapes": 0, "checked one by one": 0, "values checked": 0}
        with engine.get_connection() as con:
            for kind in formats:
                for table in CLASSES:
                    for day in range_of(context):
                        path = destination.path(kind, table, day)
                        try:
                            _read(con, kind, path)
                            verdict = check(con, "exported_lines", table)
                        except duckdb.Error as error:
                            faults.append(f"{path} cannot be read: {type(error).__name__}")
                            continue
                        found = (verdict.rows, verdict.shapes, verdict.one_by_one, verdict.values)
                        seen = {name: had + more for (name, had), more in zip(seen.items(), found, strict=True)}
                        faults += [f"{path}: {fault}" for fault in verdict.faults]
        told = "; ".join(faults[:5]) + (f" and {len(faults) - 5} more" if len(faults) > 5 else "")
        return dg.AssetCheckResult(
            passed=not faults,
            description=f"{told}. Do not deliver these files; materialise exports of these days again, and report it "
            "if it stays."
            if faults
            else f"all {seen['rows']:,} rows are valid OCSF {VERSION}",
            metadata=seen,
        )

    return _check


def _read(con: duckdb.DuckDBPyConnection, kind: ExportFormat, path: Path) -> None:
    """Makes ``exported_lines`` of a file."""
    if kind is ExportFormat.OCSF_PARQUET:
        con.execute(
            "CREATE OR REPLACE TEMP VIEW exported_rows AS "
            f"FROM read_parquet('{quoted(path)}', hive_partitioning = false)"
        )
        lines = f"SELECT {json_line(con, 'exported_rows')} AS line FROM exported_rows"  # noqa: S608 -- our own names
    else:
        lines = f"SELECT json AS line FROM read_ndjson_objects('{quoted(path)}')"  # noqa: S608 -- our own path
    con.execute(f"CREATE OR REPLACE TEMP VIEW exported_lines AS {lines}")
