"""Verification of the columns of the lake's tables, declared in ``detection.tables``, before a table is written."""

from __future__ import annotations

from functools import cache

import duckdb

from common.digests import text_digest
from detection.tables import TABLES, empty

__all__ = ["TableColumnsError", "declared_digest", "verify_columns"]

_DECLARATION = "detection/tables.py"


class TableColumnsError(ValueError):
    """Error of a relation without its table's declared columns; says which, and what to do."""


_declarations: dict[str, tuple[tuple[str, str], ...]] = {}
"""Declared columns by kind of table, once DuckDB has named their types."""


def _declared(con: duckdb.DuckDBPyConnection, kind: str) -> tuple[tuple[str, str], ...]:
    """Return the declared names and types of a kind of table, with DuckDB's names of types."""
    if kind not in TABLES:
        raise TableColumnsError(f"{kind} is not a declared table. Declare its columns in {_DECLARATION}.")
    if kind not in _declarations:
        _declarations[kind] = _described(con, f"({empty(kind)})")
    return _declarations[kind]


def _described(con: duckdb.DuckDBPyConnection, relation: str) -> tuple[tuple[str, str], ...]:
    # The relation is only planned, which takes half the time of DESCRIBE.
    found = con.sql(f"FROM {relation}")
    return tuple(zip(found.columns, map(str, found.types), strict=True))


@cache
def declared_digest(kind: str) -> str:
    """Return a digest of the names and types of a kind of table, in order."""
    text = "\0".join(f"{column.name} {column.type}" for column in TABLES[kind])
    return text_digest(text)[:16]


def verify_columns(con: duckdb.DuckDBPyConnection, relation: str, table: str) -> None:
    """Verify that a relation has the columns of its table: the declared names, types and order.

    Args:
        con: Connection in which the relation exists.
        relation: Table, view or subquery.
        table: Name of the table in the lake, such as ``box/uploads``.

    Raises:
        TableColumnsError: It has other columns.
    """
    declared = _declared(con, table.rpartition("/")[2])
    found = _described(con, relation)
    if found == declared:
        return
    expected, actual = dict(declared), dict(found)
    faults = [f"column {name} is missing (declared as {kind})" for name, kind in declared if name not in actual]
    faults += [f"column {name} ({kind}) is not declared" for name, kind in found if name not in expected]
    faults += [
        f"column {name} is {actual[name]}, declared as {kind}"
        for name, kind in declared
        if name in actual and actual[name] != kind
    ]
    if not faults:
        place = next(n for n, pair in enumerate(zip(declared, found, strict=True)) if pair[0] != pair[1])
        faults = [f"column {found[place][0]} stands in the place of {declared[place][0]}"]
    raise TableColumnsError(
        f"{table} is not written: {'; '.join(faults)}. Correct the query that makes it, or the declaration in "
        f"{_DECLARATION}."
    )
