"""Dictionary of sensitive terms: words in file and folder names, and extensions, each with a category."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Literal

import pyarrow as pa
from pydantic import Field, field_validator

from detection.operator_files import Row, read_rows

__all__ = ["Term", "read_terms", "terms_table"]

_SEPARATORS = re.compile(r"[\W_]+")
_SCHEMA = pa.schema([("match", pa.string()), ("value", pa.string()), ("category", pa.string())])


class Term(Row):
    """Row of the dictionary.

    Attributes:
        match: ``word`` is searched in the names of files and folders, ``extension`` is that of the file.
        value: Word or words, or the extension without the dot; case and punctuation are ignored.
        category: Category of such a file, such as personnel; shown on the page.
    """

    match: Literal["word", "extension"]
    value: str = Field(min_length=1, max_length=100)
    category: str = Field(min_length=1, max_length=60)

    @field_validator("value")
    @classmethod
    def _words(cls, value: str) -> str:
        words = _SEPARATORS.sub(" ", value.lower()).strip()
        if not words:
            raise ValueError("it holds neither letters nor digits")
        return words

    @field_validator("category")
    @classmethod
    def _printable(cls, value: str) -> str:
        if not value.isprintable():
            raise ValueError("it holds characters that can't be printed")
        return value


def read_terms(path: Path | None = None) -> list[Term]:
    """Read the operator's dictionary, CSV or Parquet with the columns of :class:`Term`; without a path the shipped one.

    Raises:
        detection.operator_files.OperatorFileError: The file or a row of it can't be used.
    """
    if path:
        return list(read_rows(path, Term))
    with as_file(files("detection").joinpath("data", "sensitive.csv")) as shipped:
        return list(read_rows(shipped, Term))


def terms_table(terms: Sequence[Term]) -> pa.Table:
    """Return the dictionary as the table ``terms`` that ``detection/sql/dossier/sensitive.sql`` reads."""
    return pa.Table.from_pylist([term.model_dump() for term in terms], schema=_SCHEMA)
