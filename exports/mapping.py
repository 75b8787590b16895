"""Mapping of exported data: uploads and alerts as OCSF, and as flat rows for a spreadsheet.

The mapping is SQL on columns (``detection/sql/export``); this module runs it and says how a row becomes JSON without
what is not known, and a cell text that no spreadsheet takes for a formula.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import duckdb
from duckdb.sqltypes import DuckDBPyType

from detection.rule import RULE, SEVERITIES
from detection.scales import create_scales
from detection.sql import into, load, parsed
from lake.home import console_page

__all__ = [
    "EVIDENCES",
    "Piece",
    "csv_header",
    "csv_line",
    "json_line",
    "largest_uploads",
    "map_alerts",
    "map_uploads",
    "pick_uploads",
    "pieces",
]

EVIDENCES = 20
"""Most uploads of an alert that become evidences of its finding, the largest first."""

_RULE = {
    "rule_id": RULE.id,
    "rule_name": RULE.name,
    "rule_kind": RULE.kind,
    "rule_description": RULE.description,
    "attacks": [each.model_dump() for each in RULE.attacks],
    "severities": list(SEVERITIES),
    "window_hours": RULE.periods.test_window_hours,
}
"""Parameters of the query by which a finding names the rule."""
_SPANS_SECONDS = (3600, 600, 60, 10, 1)
"""Possible lengths of a piece in seconds, as in ``export/pieces``."""
_FORMULA = r"^[=+\-@\t\r\n＝＋－＠]"
"""Start of a text that a spreadsheet may take for a formula; the wide forms are those of Japanese input."""


@dataclass(frozen=True)
class Piece:
    """Rows of a day that stand in one file.

    Attributes:
        starts: Start, UTC without zone, inclusive.
        ends: End, exclusive; the start where there are no rows.
        rows: How many.
        content: Digest of the rows, whatever their order; that of several pieces is the sum of theirs.
    """

    starts: datetime
    ends: datetime
    rows: int
    content: int

    @property
    def ends_ms(self) -> int:
        """The end in milliseconds since 1970."""
        return int(self.ends.replace(tzinfo=UTC).timestamp() * 1000)


def pieces(con: duckdb.DuckDBPyConnection, table: str, time: str, *, most_rows: int) -> list[Piece]:
    """Cut the rows of a day in pieces: hours, and shorter ones where an hour has many rows.

    A piece that is cut in shorter ones stays as the first of them, with no rows if it has to be: so a name that was
    given by a start is not taken away as rows are added.

    Args:
        con: Connection.
        table: Table or view of the rows of one day.
        time: Expression of a row's time, a TIMESTAMP.
        most_rows: Rows of a piece, unless one second has more.

    Returns:
        The pieces in the order of time.
    """
    con.execute(
        f'CREATE OR REPLACE TEMP VIEW hashed AS SELECT {time} AS time, hash(t) AS content FROM "{table}" t'  # noqa: S608 -- a caller's own names
    )
    rows = con.execute(parsed(load("export/pieces")), {"most_rows": most_rows}).fetchall()
    found = {
        starts: Piece(starts, starts + timedelta(seconds=span), count, int(content))
        for starts, span, count, content in rows
    }
    for starts, span, *_ in rows:
        for longer in _SPANS_SECONDS[: _SPANS_SECONDS.index(span)]:
            seconds = (starts.minute * 60 + starts.second) % longer
            first = starts - timedelta(seconds=seconds)
            found.setdefault(first, Piece(first, first, 0, 0))
    return [found[starts] for starts in sorted(found)]


def pick_uploads(con: duckdb.DuckDBPyConnection, chosen: Sequence[Piece]) -> None:
    """Make the temporary table ``picked``: the rows of ``plain_uploads`` from the first piece to the last, in order."""
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE picked AS
        SELECT *
        FROM plain_uploads
        WHERE time >= $first AND time < $last
        ORDER BY time, provider, event_key, asset
        """,
        {"first": chosen[0].starts, "last": chosen[-1].ends},
    )


def map_uploads(con: duckdb.DuckDBPyConnection, table: str = "file_hosting") -> None:
    """Make the temporary table ``file_hosting``, or one of another name, of the table or view ``uploads``.

    One row an upload, ordered by time: OCSF 1.8 File Hosting Activity (class 6006), a column for each attribute. Sizes
    are bytes, times milliseconds since 1970, UTC; a size that is not known is NULL.
    """
    into(con, table, "export/file_hosting")


def largest_uploads(con: duckdb.DuckDBPyConnection, day: date) -> None:
    """Make the temporary tables ``chosen`` and ``largest``: the uploads that are evidences of a day's alerts.

    Reads ``plain_alerts``, alerts with names rather than tokens, and ``person_uploads`` of the days of these alerts,
    uploads with the key of the ``person`` beside.

    Args:
        con: Connection in which these exist.
        day: The day, UTC.
    """
    into(con, "chosen", "export/chosen", {"day": day, "most": EVIDENCES})
    into(con, "largest", "export/largest")


def map_alerts(con: duckdb.DuckDBPyConnection, day: date, console_url: str = "") -> None:
    """Make the temporary tables ``detection_finding`` and ``alert_rows`` of the alerts that open on a day.

    Reads ``chosen`` (see :func:`largest_uploads`), ``shown``, ``largest_members``, ``ledger``, ``revisions`` and
    ``reviews`` (as :func:`lake.ledger.publish` makes them), and ``ocsf_uploads``, what :func:`map_uploads` makes of the
    days of these alerts.

    Args:
        con: Connection in which these exist.
        day: The day, UTC.
        console_url: Address of the console, for links to the pages of alerts; empty for none.
    """
    page = console_page(console_url, "{}") if console_url else None
    into(con, "evidences", "export/evidences")
    create_scales(con)
    into(con, "largest_names", "export/largest_names")
    into(con, "detection_finding", "export/detection_finding", {"day": day, "page": page, **_RULE})
    into(con, "alert_rows", "export/alert_rows", {"day": day, "page": page})


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
    """Return the fields of a struct, or the one element of a list."""
    if kind.id not in ("struct", "list"):
        return []
    return [(name, of) for name, of in kind.children if isinstance(of, DuckDBPyType)]


def csv_header(con: duckdb.DuckDBPyConnection, table: str) -> str:
    """Return the first line of a CSV file of the table, with its line break."""
    return ",".join(_name(name) for name in con.table(table).columns) + "\n"


def csv_line(con: duckdb.DuckDBPyConnection, table: str) -> str:
    """Return an expression that makes a row of the table one record of CSV: every cell in quotes, NULL as nothing."""
    cells = [_cell(_text(name, kind)) for name, kind in _typed(con.table(table))]
    return " || ',' || ".join(cells)


def _cell(text: str) -> str:
    return f"""coalesce('"' || replace({text}, '"', '""') || '"', '')"""


def _text(name: str, kind: DuckDBPyType) -> str:
    if kind.id == "varchar":
        return _tame(_name(name))
    if kind.id == "timestamp":
        return f"strftime({_name(name)}, '%Y-%m-%dT%H:%M:%SZ')"
    return f"CAST({_name(name)} AS VARCHAR)"


def _tame(name: str) -> str:
    """Put an apostrophe before what a spreadsheet could take for a formula."""
    return f"CASE WHEN regexp_matches({name}, '{_FORMULA}') THEN concat('''', {name}) ELSE {name} END"


def _typed(relation: duckdb.DuckDBPyRelation) -> list[tuple[str, DuckDBPyType]]:
    return list(zip(relation.columns, relation.types, strict=True))


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
