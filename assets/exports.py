"""``exports``: uploads and alerts as files for other systems, and the check that they are valid."""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import duckdb
from dagster_duckdb import DuckDBResource
from pydantic import Field

from assets.core.descriptions import described
from assets.core.partitions import SINGLE_RUN, range_of, window
from assets.core.resources import Clock
from exports.files import CLASSES, Destination, ExportFormat
from exports.mapping import json_line
from exports.ocsf_validation import CHECKED_BY, VERSION, Verdict, check
from exports.state import (
    FileState,
    digest_of,
    is_as_written,
    made_days,
    read_day,
    read_told,
    write_day,
    write_told,
)
from exports.writing import Export, alert_rules, open_export, upload_rules
from lake.damage import DamagedError
from lake.days import REACH
from lake.store import Lake, quoted
from privacy.pseudonyms import Pseudonyms

__all__ = ["Exporter", "exports", "valid_exports"]

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
    """

    out: str
    formats: list[str] = Field(default_factory=list)
    region: str = ""
    account: str = "external"
    pseudonym_key: str = ""

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
        failed: dict[date, Exception] = {}
        files = 0
        try:
            with open_export(lake, destination, clock.now()) as export:
                said = _said(export, destination)
                known = read_told(destination.out)
                days = _days(destination, lake, wanted, known, said)
                for day in days:
                    try:
                        made = export.day(day)
                    # A day whose tables or files are damaged keeps no other from being exported.
                    except (OSError, duckdb.Error, DamagedError) as error:
                        context.log.exception("The files of %s could not be written", day)
                        failed[day] = error
                        continue
                    files += made.written
                    metadata = {**made.rows, "files": made.files, "files written": made.written}
                    if day in wanted:
                        context.add_asset_metadata(metadata, partition_key=day.isoformat())
                    elif made.written:
                        context.log_event(
                            dg.AssetMaterialization("exports", partition=day.isoformat(), metadata=metadata)
                        )
                seen = _said(export, destination).items()
                write_told(destination.out, {day: it for day, it in seen if date.fromisoformat(day) not in failed})
        except OSError as error:
            raise _failure(destination, error) from error
        if failed:
            raise _failure(destination, next(iter(failed.values())), sorted(failed)) from next(iter(failed.values()))
        context.log.info("%d days looked at, %d files written, the others were up to date", len(days), files)

    return _asset


def _said(export: Export, destination: Destination) -> dict[str, str]:
    """Return, by day, a digest of what its alerts say and of how it is written."""
    by = [upload_rules(), alert_rules(), destination.settings]
    days = {*export.told, *made_days(destination.out)}
    return {day.isoformat(): digest_of(*by, export.told.get(day, "")) for day in sorted(days)}


def _days(
    destination: Destination, lake: Lake, wanted: Sequence[date], known: dict[str, str], said: dict[str, str]
) -> list[date]:
    """Return the days that the run may change, ascending.

    Those are its range, the exported days that late data can reach, and older ones of which an alert was reviewed or
    withdrawn since.
    """
    exported = [
        day
        for day in made_days(destination.out)
        if (day >= wanted[0] - REACH or known.get(day.isoformat()) != said[day.isoformat()])
        # Where the retention has removed the alerts of a day, its findings would all become withdrawn ones.
        and lake.parts("alerts", [day])
    ]
    return sorted({*wanted, *exported})


def _failure(destination: Destination, error: Exception, days: Sequence[date] = ()) -> dg.Failure:
    of = f" of {', '.join(map(str, days[:5]))}{' and others' if len(days) > 5 else ''}" if days else ""
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error).partition("\n")[0]
    return dg.Failure(
        f"The exports{of} below {destination.out} could not be written: {why}. Alerts and notifications go on. Check "
        "that the directory can be written to and the disk has room; the next run writes what is missing."
    )


class _File(NamedTuple):
    """OCSF file to check; its state is None if no state is recorded."""

    day: date
    name: str
    path: Path
    state: FileState | None


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
        faults: list[str] = []
        seen = dict.fromkeys(("rows", "files", "files read", "rows read", "shapes", "checked one by one"), 0)
        seen["values checked"] = 0
        valid: dict[date, list[_File]] = {}
        with engine.get_connection() as con:
            for kind in (kind for kind in destination.formats if kind is not ExportFormat.CSV):
                for table in CLASSES:
                    due = []
                    for file in _files(destination, kind, table, range_of(context)):
                        seen["files"] += 1
                        seen["rows"] += file.state.rows if file.state else 0
                        if not (file.state and file.state.valid_by == CHECKED_BY):
                            due.append(file)
                    for together in _together(due):
                        found, verdicts = _check_files(con, kind, table, together)
                        for file, verdict in zip(together, verdicts, strict=True):
                            faults += [f"{file.path}: {fault}" for fault in verdict]
                            if not verdict and file.state:
                                valid.setdefault(file.day, []).append(file)
                        for name, count in found.items():
                            seen[name] += count
        _remember(destination, valid)
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


def _files(destination: Destination, kind: ExportFormat, table: str, days: Sequence[date]) -> Iterator[_File]:
    """Find the files of the days, those that should be there and those that are."""
    for day in days:
        states = read_day(destination.out, day).files
        directory = destination.directory(kind, table, day)
        names = {name for name in states if (destination.out / name).parent == directory}
        names |= {str(path.relative_to(destination.out)) for path in destination.files(kind, table, day)}
        for name in sorted(names):
            path, state = destination.out / name, states.get(name)
            if not path.name.startswith("."):
                yield _File(day, name, path, state if state and is_as_written(path, state) else None)


def _together(files: Sequence[_File]) -> Iterator[list[_File]]:
    """Put files together up to so many rows."""
    batch: list[_File] = []
    rows = 0
    for file in files:
        own = file.state.rows if file.state else _CHECKED_ROWS
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


def _remember(destination: Destination, valid: dict[date, list[_File]]) -> None:
    """Note which contents were found valid, unless another run has replaced the files meanwhile."""
    if not valid:
        return
    with destination.alone():
        for day, files in valid.items():
            state = read_day(destination.out, day)
            for file in files:
                now = state.files.get(file.name)
                if now and file.state and now.sha256 == file.state.sha256:
                    now.valid_by = CHECKED_BY
            write_day(destination.out, day, state)
