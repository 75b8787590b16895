"""What leaves the product: uploads and alerts mapped to OCSF, and flat rows for a spreadsheet.

The mapping is SQL on columns (``detection/sql/export``); this module runs it and says how a row becomes JSON without
what is not known, and a cell text that no spreadsheet takes for a formula.
"""

from __future__ import annotations

from datetime import date

import duckdb
from duckdb.sqltypes import DuckDBPyType

from detection.sql import into, version

__all__ = ["EVIDENCES", "QUERIES", "harmless", "json_line", "map_alerts", "map_uploads", "rules_version"]

EVIDENCES = 20
"""So many of an alert's files are evidences of its finding, the largest first."""

QUERIES = ("export/file_hosting", "export/evidences", "export/detection_finding", "export/alert_rows")
"""The queries that the exported files depend on."""
_FORMULA = r"^[=+\-@\t\r\n＝＋－＠]"
"""What a spreadsheet may take for the beginning of a formula; the wide forms are those of Japanese input."""


def map_uploads(con: duckdb.DuckDBPyConnection, table: str = "file_hosting") -> None:
    """Makes the temporary table ``file_hosting``, or one of another name, of the table or view ``uploads``.

    One row an upload, ordered by time: OCSF 1.8 File Hosting Activity (class 6006), a column for each attribute. Sizes
    are bytes, times milliseconds since 1970, UTC; a size that is not known is NULL.
    """
    into(con, table, "export/file_hosting")


def map_alerts(con: duckdb.DuckDBPyConnection, day: date) -> None:
    """Makes the temporary tables ``detection_finding`` and ``alert_rows`` of the alerts that open on a day.

    Reads ``shown``, ``ledger``, ``revisions`` and ``reviews`` (as :func:`assets.publishing.publish` makes them), and
    ``ocsf_uploads``, what :func:`map_uploads` makes of the days of these alerts.

    Args:
        con: Connection in which these exist.
        day: The day, UTC.
    """
    into(con, "evidences", "export/evidences", {"day": day, "most": EVIDENCES})
    into(con, "detection_finding", "export/detection_finding", {"day": day})
    into(con, "alert_rows", "export/alert_rows", {"day": day})


def json_line(con: duckdb.DuckDBPyConnection, table: str) -> str:
    """An expression that makes a row of the table one JSON object, without the attributes that are NULL."""
    relation = con.table(table)
    fields = [f"'{name}', {_json(_name(name), kind)}" for name, kind in _typed(relation)]
    # As RFC 7396 says: a null in what is merged removes, an object is merged, anything else is taken as it is.
    return f"json_merge_patch('{{}}', json_object({', '.join(fields)}))"


def _json(value: str, kind: DuckDBPyType) -> str:
    """Within a list nothing is merged, so that each of its objects is on its own."""
    within = _within(kind)
    if kind.id == "list" and within[0][1].id == "struct":
        return f"list_transform({value}, lambda e: json_merge_patch('{{}}', to_json({_json('e', within[0][1])})))"
    if kind.id == "struct" and _holds_list(kind):
        fields = [f"'{name}', {_json(f'({value}).{_name(name)}', of)}" for name, of in within]
        return f"CASE WHEN {value} IS NOT NULL THEN json_object({', '.join(fields)}) END"
    return value


def _holds_list(kind: DuckDBPyType) -> bool:
    return kind.id == "list" or any(_holds_list(of) for _, of in _within(kind))


def _within(kind: DuckDBPyType) -> list[tuple[str, DuckDBPyType]]:
    """Fields of a struct, or the one element of a list."""
    if kind.id not in ("struct", "list"):
        return []
    return [(name, of) for name, of in kind.children if isinstance(of, DuckDBPyType)]


def harmless(con: duckdb.DuckDBPyConnection, table: str) -> str:
    """The columns of a table for a CSV file: text that a spreadsheet could take for a formula after an apostrophe."""
    return ", ".join(
        f"CASE WHEN regexp_matches({_name(name)}, '{_FORMULA}') THEN concat('''', {_name(name)}) "
        f"ELSE {_name(name)} END AS {_name(name)}"
        if kind.id == "varchar"
        else _name(name)
        for name, kind in _typed(con.table(table))
    )


def _typed(relation: duckdb.DuckDBPyRelation) -> list[tuple[str, DuckDBPyType]]:
    return list(zip(relation.columns, relation.types, strict=True))


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def rules_version() -> str:
    """Short digest of the mapping: changes when one of its queries does."""
    return version(*QUERIES)
