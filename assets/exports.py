"""``exports``: uploads and alerts as files for other systems, and the check that they are valid."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import duckdb
from pydantic import Field

from assets.core.descriptions import described
from assets.core.partitions import SINGLE_RUN, range_of, window
from assets.core.refresh import Step, refresh, touched_days
from assets.core.resources import Engine
from assets.core.runbooks import Runbooks
from common.clock import Clock
from detection.scales import scale_days
from exports.files import CLASSES, Destination
from exports.formats import ExportFormat
from exports.mapping import json_line
from exports.ocsf_validation import CHECKED_BY, VERSION, Verdict, check
from exports.records import TABLE, FileRecord, is_as_written, put_records, read_records
from exports.writing import Export, Exported, open_export
from lake.damage import DamagedError
from lake.store import Lake, quoted
from privacy.pseudonyms import Pseudonyms

__all__ = ["VALID", "Exporter", "exports", "valid_exports"]

VALID = "ocsf_valid"
"""Name of the check of every exported row."""

_CHECKED_ROWS = 200_000
"""Rows of the files that are checked together: a check costs a little, and each row memory."""


class Exporter(dg.ConfigurableResource[None]):
    """Content and destination of the exports.

    Attributes:
        out: Directory of the files.
        formats: ocsf-json, ocsf-parquet and csv, or some of them.
        region: AWS region of the Security Lake.
        account: AWS account that the records are of, or a name for what is outside of AWS.
        pseudonym_key: Key by which names become tokens, given as an ``EnvVar``; empty leaves names as they are.
        console_url: Address of the console, for links to the pages of alerts; empty for none.
    """

    out: str
    formats: list[str] = Field(default_factory=list)
    region: str = ""
    account: str = "external"
    pseudonym_key: str = ""
    console_url: str = ""

    def destination(self) -> Destination:
        """The same for :mod:`exports.writing`.

        Raises:
            privacy.pseudonyms.KeyFormatError: The key cannot be used.
        """
        return Destination(
            out=Path(self.out),
            formats=tuple(ExportFormat(name) for name in self.formats),
            region=self.region,
            account=self.account,
            pseudonyms=Pseudonyms(self.pseudonym_key) if self.pseudonym_key else None,
            console_url=self.console_url,
        )


def exports(providers: Sequence[str], partitions: dg.PartitionsDefinition[str]) -> dg.AssetsDefinition:
    """The asset of exported files."""
    longest = max(scale_days().values())

    @dg.asset(
        name="exports",
        deps=[
            "alerts",
            # An alert that opens on the day has its evidence on that day and the two after it, and on the days before
            # that a long scale adds up.
            *(dg.AssetDep([provider, "uploads"], partition_mapping=window(-longest, 2)) for provider in providers),
        ],
        partitions_def=partitions,
        backfill_policy=SINGLE_RUN,
        **described("exports"),
    )
    def _asset(
        context: dg.AssetExecutionContext,
        lake: dg.ResourceParam[Lake],
        engine: Engine,
        clock: dg.ResourceParam[Clock],
        exporter: Exporter,
    ) -> None:
        destination = exporter.destination()
        wanted = range_of(context)
        failed: dict[date, Exception] = {}
        files = 0

        def fail(error: Exception, day: date) -> None:
            # A day whose tables or files are damaged keeps no other from being exported.
            if not isinstance(error, OSError | duckdb.Error | DamagedError):
                raise error
            context.log.error("The files of %s could not be written", day, exc_info=error)
            failed[day] = error

        try:
            with open_export(lake, destination, clock.now()) as export, engine.get_connection() as con:
                further = _further_days(lake, destination, export, wanted)
                known = read_records(con, lake, {*touched_days(context, lake, TABLE), *further})

                def made_from(day: date) -> str:
                    note = lake.note(TABLE, day)
                    if note and not _can_be_made(lake, day, wanted):
                        return note.made_from
                    return export.made_from(day, known.get(day, {}))

                def compute(own: duckdb.DuckDBPyConnection, day: date) -> dict[str, dg.MetadataValue]:
                    nonlocal files
                    made = Exported({}, [], 0)
                    if _can_be_made(lake, day, wanted):
                        made = export.day(day, known.get(day, {}))
                    put_records(own, "day_exports", made.files)
                    files += made.written
                    counted = {**made.rows, "files": len(made.files), "files written": made.written}
                    return {name: dg.MetadataValue.int(count) for name, count in counted.items()}

                refresh(
                    context,
                    lake,
                    engine,
                    Step(outputs={"day_exports": TABLE}, made_from=made_from, compute=compute),
                    also=further,
                    failed=fail,
                )
        except OSError as error:
            raise _failure(destination, error) from error
        if failed:
            raise _failure(destination, next(iter(failed.values())), sorted(failed)) from next(iter(failed.values()))
        context.log.info("%d files written, the others were up to date", files)

    return _asset


def _further_days(lake: Lake, destination: Destination, export: Export, wanted: Collection[date]) -> list[date]:
    """Return the days, however old, of which an alert was reviewed or withdrawn, or that were moved or emptied."""
    notes = {day: lake.note(TABLE, day) for day in lake.days(TABLE)}
    changed = [
        day
        for day, note in notes.items()
        if note and (export.differs_from(day, note.made_from) or (note.rows and destination.lacks(day)))
    ]
    return [day for day in (*changed, *destination.unknown_days(notes)) if _can_be_made(lake, day, wanted)]


def _can_be_made(lake: Lake, day: date, wanted: Collection[date]) -> bool:
    """Check that a day has alerts: without those that retention removed, its findings would all be withdrawn ones."""
    return day in wanted or bool(lake.parts("alerts", [day]))


def _failure(destination: Destination, error: Exception, days: Sequence[date] = ()) -> dg.Failure:
    of = f" of {', '.join(map(str, days[:5]))}{' and others' if len(days) > 5 else ''}" if days else ""
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error).partition("\n")[0]
    return dg.Failure(
        f"The exports{of} below {destination.out} could not be written: {why}. Alerts and notifications go on. Check "
        "that the directory can be written to and the disk has room; the next run writes what is missing."
    )


class _File(NamedTuple):
    """OCSF file to check; its record is None if it is not the file that was recorded."""

    day: date
    path: Path
    record: FileRecord | None


def valid_exports(runbooks: Runbooks) -> dg.AssetChecksDefinition:
    """Return the check of every exported row against the OCSF schema."""

    @dg.asset_check(
        name=VALID,
        asset="exports",
        description=f"Every row of the OCSF files is valid by the schema of OCSF {VERSION}.",
        metadata=runbooks.metadata(VALID),
    )
    def _check(
        context: dg.AssetCheckExecutionContext, lake: dg.ResourceParam[Lake], engine: Engine, exporter: Exporter
    ) -> dg.AssetCheckResult:
        destination = exporter.destination()
        faults: list[str] = []
        seen = dict.fromkeys(("rows", "files", "files read", "rows read", "shapes", "checked one by one"), 0)
        seen["values checked"] = 0
        valid: dict[date, list[FileRecord]] = {}
        with engine.get_connection() as con:
            records = read_records(con, lake, range_of(context))
            for kind in (kind for kind in destination.formats if kind is not ExportFormat.CSV):
                for table in CLASSES:
                    due = []
                    for file in _files(destination, kind, table, records):
                        seen["files"] += 1
                        seen["rows"] += file.record.rows if file.record else 0
                        if not (file.record and file.record.valid_by == CHECKED_BY):
                            due.append(file)
                    for together in _together(due):
                        found, verdicts = _check_files(con, kind, table, together)
                        for file, verdict in zip(together, verdicts, strict=True):
                            faults += [f"{file.path}: {fault}" for fault in verdict]
                            if not verdict and file.record:
                                valid.setdefault(file.day, []).append(file.record)
                        for name, count in found.items():
                            seen[name] += count
            _remember(con, lake, valid)
        listed = "; ".join(faults[:5]) + (f" and {len(faults) - 5} more" if len(faults) > 5 else "")
        return dg.AssetCheckResult(
            passed=not faults,
            description=f"{listed}. Do not deliver these files; materialise exports of these days again, and report it "
            f"if it stays. {runbooks.sentence(VALID)}"
            if faults
            else f"all {seen['rows']:,} rows are valid OCSF {VERSION}",
            metadata={**seen, **(runbooks.metadata(VALID) if faults else {})},
        )

    return _check


def _files(
    destination: Destination, kind: ExportFormat, table: str, records: Mapping[date, Mapping[str, FileRecord]]
) -> Iterator[_File]:
    """Find the files of the days, those that should be there and those that are."""
    for day, known in records.items():
        place = destination.directory(kind, table, day).relative_to(destination.out)
        names = {name for name in known if name.startswith(f"{place}/")}
        names |= {f"{place}/{path.name}" for path in destination.files(kind, table, day) if path.name[0] != "."}
        for name in sorted(names):
            record = known.get(name)
            as_written = record and is_as_written(destination.out, record)
            yield _File(day, destination.out / name, record if as_written else None)


def _together(files: Sequence[_File]) -> Iterator[list[_File]]:
    """Put files together up to so many rows."""
    batch: list[_File] = []
    rows = 0
    for file in files:
        own = file.record.rows if file.record else _CHECKED_ROWS
        if batch and rows + own > _CHECKED_ROWS:
            yield batch
            batch, rows = [], 0
        batch.append(file)
        rows += own
    if batch:
        yield batch


def _check_files(
    con: duckdb.DuckDBPyConnection, kind: ExportFormat, table: str, files: Sequence[_File]
) -> tuple[dict[str, int], list[list[str]]]:
    """Check files at once, and where there is a fault one by one; returns counts, and the faults of each file."""
    try:
        verdict = _verdict(con, kind, table, [file.path for file in files])
    except (OSError, duckdb.Error) as error:
        if len(files) == 1:
            return {"files read": 1}, [[f"it can't be read: {type(error).__name__}"]]
        verdict = None
    if verdict and (not verdict.faults or len(files) == 1):
        counts = {
            "files read": len(files),
            "rows read": verdict.rows,
            "shapes": verdict.shapes,
            "checked one by one": verdict.one_by_one,
            "values checked": verdict.values,
        }
        return counts, [list(verdict.faults)] * len(files)
    total: dict[str, int] = {}
    faults = []
    for file in files:
        counts, [own] = _check_files(con, kind, table, [file])
        total = {name: total.get(name, 0) + counts.get(name, 0) for name in total | counts}
        faults.append(own)
    return total, faults


def _verdict(con: duckdb.DuckDBPyConnection, kind: ExportFormat, table: str, paths: Sequence[Path]) -> Verdict:
    listed = ", ".join(f"'{quoted(path)}'" for path in paths)
    if kind is ExportFormat.OCSF_PARQUET:
        con.execute(
            f"CREATE OR REPLACE TEMP VIEW exported_rows AS FROM read_parquet([{listed}], hive_partitioning = false)"
        )
        lines = f"SELECT {json_line(con, 'exported_rows')} AS line FROM exported_rows"  # noqa: S608 -- our own names
    else:
        lines = f"SELECT json AS line FROM read_ndjson_objects([{listed}])"  # noqa: S608 -- our own paths
    con.execute(f"CREATE OR REPLACE TEMP VIEW exported_lines AS {lines}")
    return check(con, "exported_lines", table)


def _remember(con: duckdb.DuckDBPyConnection, lake: Lake, valid: Mapping[date, Sequence[FileRecord]]) -> None:
    """Record which contents were found valid, unless another run has replaced the files meanwhile."""
    if not valid:
        return
    with lake.alone(TABLE):
        known = read_records(con, lake, valid)
        for day, found in valid.items():
            note = lake.note(TABLE, day)
            checked = {record.file: record.sha256 for record in found}
            if note:
                marked = [
                    record._replace(valid_by=CHECKED_BY) if checked.get(record.file) == record.sha256 else record
                    for record in known[day].values()
                ]
                put_records(con, "day_exports", marked)
                lake.write(con, "day_exports", TABLE, day, note.made_from)
