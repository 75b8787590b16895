"""Files that an operator writes: CSV or Parquet, untrusted until every row has been validated."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from common.errors import MendableError

__all__ = ["OperatorFileError", "Row", "read_rows", "read_rows_with_places"]

_MOST_ROWS = 1_000_000
_BATCH = 10_000


class OperatorFileError(MendableError, ValueError):
    """Error of an operator's file that can't be used; says which file and row, what is wrong and what to do."""


class Row(BaseModel):
    """Row of an operator's file: its fields are the columns; those without a default are required."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, str_strip_whitespace=True)

    @classmethod
    def names(cls) -> list[str]:
        """Return the columns, in order."""
        return list(cls.model_fields)

    @classmethod
    def required(cls) -> list[str]:
        """Return the required columns."""
        return [name for name, field in cls.model_fields.items() if field.is_required()]


RowType = TypeVar("RowType", bound=Row)


def read_rows(path: Path, model: type[RowType]) -> Iterator[RowType]:
    """Read the rows of a CSV or Parquet file (``.parquet``), and validate each.

    Raises:
        OperatorFileError: The file or a row of it can't be used.
    """
    return (row for _, row in read_rows_with_places(path, model))


def read_rows_with_places(path: Path, model: type[RowType]) -> Iterator[tuple[str, RowType]]:
    """Read rows like :func:`read_rows`, each with its place for a message, such as ``line 3``.

    Raises:
        OperatorFileError: The file or a row of it can't be used.
    """
    rows = _parquet(path, model) if path.suffix.lower() == ".parquet" else _csv(path, model)
    try:
        for count, (place, values) in enumerate(rows, 1):
            if count > _MOST_ROWS:
                raise OperatorFileError(f"{path} has more than {_MOST_ROWS:,} rows. Leave out what is not needed.")
            try:
                # An empty cell is a missing value.
                given = {name: value for name, value in values.items() if value not in (None, "")}
                yield place, model.model_validate(given)
            except ValidationError as error:
                raise OperatorFileError(f"{path}, {place}: {_said(error)}. Correct or remove that row.") from error
    except (OSError, pa.ArrowException) as error:
        said = getattr(error, "strerror", None) or error
        raise OperatorFileError(
            f"{path} can't be read: {said}. Name a CSV file, or a Parquet file that ends in .parquet."
        ) from error


def _said(error: ValidationError) -> str:
    first = error.errors()[0]
    where = str(first["loc"][0]) if first["loc"] else ""
    if first["type"] == "missing":
        return f"{where} is empty"
    shown = repr(first["input"])[:80] if where else ""
    return f"{where} {shown}: {first['msg'].removeprefix('Value error, ')}".strip(" :")


def _columns(path: Path, names: list[str], model: type[Row]) -> None:
    missing = [name for name in model.required() if name not in names]
    unknown = [name for name in names if name not in model.names()]
    if missing or unknown or len(set(names)) < len(names):
        raise OperatorFileError(
            f"{path} has the columns {', '.join(map(repr, names))[:300] or 'none'}. It needs "
            f"{' and '.join(model.required())}, may have {', '.join(model.names())}, and nothing else, each once."
        )


def _csv(path: Path, model: type[Row]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            names = [name.strip().lower() for name in next(reader, [])]
            _columns(path, names, model)
            for cells in reader:
                if not cells:
                    continue
                place = f"line {reader.line_num}"
                if len(cells) != len(names):
                    raise OperatorFileError(
                        f"{path}, {place}: {len(cells)} values for {len(names)} columns. Put a value with a comma in "
                        "double quotes, and leave none out."
                    )
                yield place, {name: cell.strip() for name, cell in zip(names, cells, strict=True)}
    except UnicodeDecodeError as error:
        raise OperatorFileError(f"{path} is not UTF-8 text ({error.reason}). Save it as CSV in UTF-8.") from error
    except csv.Error as error:
        raise OperatorFileError(f"{path}, line {reader.line_num}: {error}. Save it as CSV again.") from error


def _parquet(path: Path, model: type[Row]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    with pq.ParquetFile(path) as file:
        _columns(path, list(file.schema_arrow.names), model)
        count = 0
        for batch in file.iter_batches(batch_size=_BATCH):
            for values in batch.to_pylist():
                count += 1
                yield f"row {count}", values
