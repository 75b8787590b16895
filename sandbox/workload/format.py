"""Workload files: schema, reading and writing.

Belongs here: the schema of a workload, its checks, Parquet and CSV in and out, the labels beside it.
Does not belong here: making events (`sandbox.workload.making`) or serving them.

A workload is one row per audit event. All times are UTC, all sizes are bytes.
"""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

import providers

__all__ = [
    "EXPECTED",
    "KINDS",
    "PROVIDERS",
    "SCHEMA",
    "Label",
    "WorkloadError",
    "check_workload",
    "labels_path",
    "read_labels",
    "read_workload",
    "write_labels",
    "write_workload",
]

PROVIDERS = tuple(providers.PROVIDERS)
KINDS = (
    "upload",
    "edit",
    "download",
    "share_external",
    "delete",
    "sign_in",
    "sign_in_failed",
    "mfa_disabled",
    "password_reset",
    "new_device",
    "provider_alert",
)
EXPECTED = ("alert", "suspicious", "miss", "quiet")

TIME = pa.timestamp("us", tz="UTC")

SCHEMA = pa.schema(
    [
        pa.field("provider", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("time", TIME, nullable=False),
        pa.field("published_at", TIME),  # null: published the moment it happened
        pa.field("user", pa.string()),  # null: anonymous
        pa.field("file_name", pa.string()),
        pa.field("folder", pa.string()),
        pa.field("bytes", pa.int64()),  # the file's true size, whether or not the log carries it
        pa.field("size_in_log", pa.bool_()),  # null: as the provider does
        pa.field("file_gone", pa.bool_(), nullable=False),
        pa.field("ip", pa.string()),
        pa.field("country", pa.string()),
        pa.field("app", pa.string()),
        pa.field("event_id", pa.string()),  # repeated: the same event delivered again
        pa.field("address", pa.string()),  # the user's address in the log, "-" for none; null: the user's own
    ]
)
"""Columns of a workload in their order. In a table made by `read_workload` an empty text is null."""

_REQUIRED = ("provider", "kind", "time")
_CARRY_A_FILE = ("upload", "edit")
_ZONE = r"(Z|[+-]\d{2}:?\d{2})$"
_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no")
_TIME_REMEDY = "write it as 2026-01-05T09:30:00Z (UTC; an offset such as +01:00 is understood)"


class WorkloadError(ValueError):
    """A workload or labels file can't be used; the message names column, row and remedy."""


@dataclass(frozen=True)
class Label:
    """One incident or look-alike of a workload.

    Attributes:
        incident_id: Unique in the file.
        scenario: Name of the function that made it.
        malicious: False for a benign look-alike.
        expected: `alert` (Informational or Low), `suspicious` (the Low variation), `miss` (known to be
            missed) or `quiet` (no alert may come).
        users: Email of the user, in lower case.
        providers: Provider names joined by "+".
        start: UTC, first event.
        end: UTC, last event.
        note: Why it is expected to be found or missed.
    """

    incident_id: str
    scenario: str
    malicious: bool
    expected: str
    users: str
    providers: str
    start: datetime
    end: datetime
    note: str


def read_workload(path: Path) -> pa.Table:
    """Read a workload from Parquet or CSV (by the file's ending) and check it.

    Returns:
        A table of exactly `SCHEMA`, rows in the file's order.

    Raises:
        WorkloadError: the file is missing, of another kind, or a value can't be used.
    """
    if not path.is_file():
        raise WorkloadError(f"{path}: no such file. Make one with `python -m sandbox workload --out {path}`.")
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        try:
            table = pq.read_table(path)
        except pa.ArrowInvalid as error:
            raise WorkloadError(f"{path}: not a Parquet file ({error}). Write it again.") from error
    elif suffix == ".csv":
        table = _read_csv(path)
    else:
        raise WorkloadError(f"{path}: a workload ends in .parquet or .csv. Rename or convert the file.")
    return check_workload(table, str(path))


def write_workload(table: pa.Table, path: Path) -> None:
    """Write a workload (`SCHEMA`) as Parquet or CSV, by the file's ending; the same rows give the same bytes.

    Raises:
        WorkloadError: the ending is neither, or the table is not a workload.
    """
    table = check_workload(table, str(path))
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        pq.write_table(table, path, compression="zstd")
    elif suffix == ".csv":
        plain = table
        for name in ("time", "published_at"):
            text = pc.strftime(table[name], format="%Y-%m-%dT%H:%M:%SZ")
            plain = plain.set_column(plain.schema.get_field_index(name), name, text)
        pa_csv.write_csv(plain, path, write_options=pa_csv.WriteOptions(quoting_style="needed"))
    else:
        raise WorkloadError(f"{path}: a workload ends in .parquet or .csv. Choose one of them.")


def check_workload(table: pa.Table, where: str) -> pa.Table:
    """Bring a table to `SCHEMA` and check every value.

    Columns may be in any order; optional ones may be left out. Text columns are parsed, naive times are
    UTC, empty text becomes null, an empty `file_gone` becomes false.

    Args:
        table: The rows as read.
        where: Name of the source, for messages.

    Raises:
        WorkloadError: names the column, the row (1 is the first below the header) and the remedy.
    """
    unknown = [name for name in table.column_names if name not in SCHEMA.names]
    if unknown:
        raise WorkloadError(
            f"{where}: column {unknown[0]!r} is not part of a workload. "
            f"Remove or rename it; the columns are {', '.join(SCHEMA.names)}."
        )
    missing = [name for name in _REQUIRED if name not in table.column_names]
    if missing:
        raise WorkloadError(f"{where}: column {missing[0]!r} is missing. Add it; every row needs a value.")
    columns = []
    for field in SCHEMA:
        if field.name in table.column_names:
            column = _column(table[field.name].combine_chunks(), field, where)
        else:
            column = pa.nulls(table.num_rows, field.type)
        if field.name == "file_gone":
            column = column.fill_null(False)
        columns.append(column)
    checked = pa.Table.from_arrays(columns, schema=SCHEMA)
    _check_values(checked, where)
    return checked


def _read_csv(path: Path) -> pa.Table:
    """Read every column of a CSV file as text, so that our own checks can name the row at fault."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        header = next(csv.reader(file), None)
    if not header:
        raise WorkloadError(f"{path}: empty. The first line must name the columns: {','.join(SCHEMA.names)}.")
    try:
        return pa_csv.read_csv(
            path,
            parse_options=pa_csv.ParseOptions(newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                column_types={name: pa.string() for name in header}, strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        raise WorkloadError(f"{path}: not a readable CSV file ({error}). Mend that line.") from error


def _column(values: Any, field: pa.Field, where: str) -> pa.Array:
    """Cast one column to its field's type; text is parsed, empty text is null."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        stripped = pc.utf8_trim_whitespace(values.cast(pa.string()))
        values = pc.if_else(pc.equal(stripped, ""), pa.scalar(None, pa.string()), stripped)
        if field.type == TIME:
            zoned = pc.match_substring_regex(values, _ZONE)
            values = pc.if_else(zoned, values, pc.binary_join_element_wise(values, "Z", ""))
        elif field.type == pa.bool_():
            values = pc.utf8_lower(values)
            is_true = pc.is_in(values, pa.array(_TRUE))
            is_false = pc.is_in(values, pa.array(_FALSE))
            bad = pc.and_(pc.is_valid(values), pc.invert(pc.or_(is_true, is_false)))
            _refuse(values, bad, field.name, where, "write true or false, or leave it empty")
            return pc.if_else(pc.is_valid(values), is_true, pa.scalar(None, pa.bool_()))
    elif field.type == TIME and pa.types.is_timestamp(values.type) and values.type.tz is None:
        return pc.assume_timezone(values.cast(pa.timestamp("us")), "UTC")
    try:
        return values.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        _refuse_cast(values, field, where, error)


def _refuse_cast(values: Any, field: pa.Field, where: str, error: Exception) -> NoReturn:
    """Find the first value that can't be cast and raise an error that names it."""
    remedies = {TIME: _TIME_REMEDY, pa.int64(): "write whole bytes without a unit, such as 1048576"}
    remedy = remedies.get(field.type, f"the column must hold {field.type}")
    for row, value in enumerate(values):
        try:
            value.cast(field.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            raise WorkloadError(
                f"{where}: column {field.name!r}, row {row + 1}: {value.as_py()!r} can't be used: {remedy}."
            ) from error
    raise WorkloadError(f"{where}: column {field.name!r} holds {values.type}: {remedy}.") from error


def _refuse(values: Any, bad: Any, column: str, where: str, remedy: str) -> None:
    """Raise an error for the first row marked in `bad` (booleans, null = fine)."""
    row = pc.index(bad, value=True).as_py()
    if row >= 0:
        raise WorkloadError(
            f"{where}: column {column!r}, row {row + 1}: {values[row].as_py()!r} can't be used: {remedy}."
        )


def _check_values(table: pa.Table, where: str) -> None:
    """Check what types alone can't express."""
    column = {name: table[name] for name in table.column_names}

    def refuse(name: str, bad: Any, remedy: str) -> None:
        _refuse(column[name], bad, name, where, remedy)

    for name in _REQUIRED:
        refuse(name, pc.is_null(column[name]), "every row needs a value")
    for name, allowed in (("provider", PROVIDERS), ("kind", KINDS)):
        known = pc.is_in(column[name], pa.array(allowed))
        refuse(name, pc.invert(known), f"choose one of {', '.join(allowed)}")
    refuse("published_at", pc.less(column["published_at"], column["time"]), "it can't lie before `time`")
    refuse("bytes", pc.less(column["bytes"], 0), "a size is zero or more")
    has_file = pc.is_in(column["kind"], pa.array(_CARRY_A_FILE))
    for name in ("bytes", "file_name"):
        empty = pc.and_(has_file, pc.is_null(column[name]))
        refuse(name, empty, "an upload or edit needs the file's name and true size in bytes")
    for name, pattern, remedy in (
        ("user", "@", "write an email address, or leave it empty for an anonymous user"),
        ("address", "@|^-$", "write an email address, - for none, or leave it empty for the user's own"),
        ("country", "^[A-Z]{2}$", "write two capital letters (ISO 3166), such as DE"),
    ):
        refuse(name, pc.invert(pc.match_substring_regex(column[name], pattern)), remedy)


# --- labels ---------------------------------------------------------------------------------------------


def labels_path(workload: Path) -> Path:
    """Return the path of a workload's labels: beside it, as `<stem>.labels.csv`."""
    return workload.with_name(f"{workload.stem}.labels.csv")


def write_labels(labels: Sequence[Label], path: Path) -> None:
    """Write labels as CSV, one row each, in the order given; times as ISO 8601 with Z."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([field.name for field in fields(Label)])
    for label in labels:
        row = [getattr(label, field.name) for field in fields(Label)]
        writer.writerow([_as_text(value) for value in row])
    path.write_text(text.getvalue(), encoding="utf-8")


def read_labels(path: Path) -> list[Label]:
    """Read labels as written by `write_labels`.

    Raises:
        WorkloadError: names the column, the row and the remedy.
    """
    if not path.is_file():
        raise WorkloadError(f"{path}: no such file. Labels lie beside their workload as <stem>.labels.csv.")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    names = [field.name for field in fields(Label)]
    labels = []
    for number, row in enumerate(rows, start=1):
        missing = [name for name in names if row.get(name) is None]
        if missing:
            raise WorkloadError(f"{path}: column {missing[0]!r}, row {number}: no value. Add the column.")
        values: dict[str, Any] = {name: row[name] for name in names}
        values["malicious"] = _label_bool(row["malicious"], path, number)
        for name in ("start", "end"):
            values[name] = _label_time(row[name], name, path, number)
        if row["expected"] not in EXPECTED:
            raise WorkloadError(
                f"{path}: column 'expected', row {number}: {row['expected']!r} can't be used: "
                f"choose one of {', '.join(EXPECTED)}."
            )
        labels.append(Label(**values))
    return labels


def _as_text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _label_bool(text: str, path: Path, row: int) -> bool:
    if text.lower() not in (*_TRUE, *_FALSE):
        raise WorkloadError(f"{path}: column 'malicious', row {row}: {text!r}: write true or false.")
    return text.lower() in _TRUE


def _label_time(text: str, column: str, path: Path, row: int) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as error:
        raise WorkloadError(f"{path}: column {column!r}, row {row}: {text!r}: {_TIME_REMEDY}.") from error
    return time.replace(tzinfo=UTC) if not re.search(_ZONE, text) else time.astimezone(UTC)
