"""Queries over landed events, which other queries read as ``raw``: one row per line, whatever the line holds.

There are three ways of reading, each slower than the one before and used only where the one before fails:

1. DuckDB reads the fields directly into text columns. A field of an unexpected shape becomes NULL, and
   so does every field of a line that is not a JSON object; the text of the event is not kept.
2. DuckDB reads the lines as text and extracts the fields. Here the text can be shown, hashed and repaired;
   a line that is not JSON is NULL.
3. Python reads the lines, whatever bytes they hold.

So no line can stop the reading of a file, and no line is lost.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import zstandard

from providers import Layout, Shape

__all__ = ["LONGEST_LINE", "raw_by_line", "raw_by_text", "raw_of_files", "raw_of_lines"]

_HALF_CHARACTER = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    r"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
"""File names on Windows may hold a lone surrogate, and then DuckDB calls the line malformed."""

LONGEST_LINE = 32 << 20
"""Bytes. DuckDB's buffers hold two such lines, and it stops at a longer one. With its default buffers, half as large,
files of 30 MB take longer."""

_ZSTD = b"\x28\xb5\x2f\xfd"
_RAW_DAY = r"TRY_CAST(nullif(regexp_extract(file, 'day=(\d{4}-\d{2}-\d{2})', 1), '') AS DATE) AS raw_day"


def raw_of_files(con: duckdb.DuckDBPyConnection, layout: Layout, files: Sequence[str]) -> str:
    """Return the query that reads the files; valid in this connection until other files are requested.

    Its columns are ``file``, ``raw_day`` (DATE from ``day=YYYY-MM-DD`` in the file's path, or NULL), ``by_text``
    (FALSE), ``event`` and ``unreadable`` (NULL), ``is_object`` (TRUE, unchecked), ``perhaps_text`` (whether one of
    the layout's ``objects`` exists, as an object or as a text that was not read), and the layout's columns.

    Args:
        con: Connection.
        layout: Fields to extract from the events.
        files: Files of newline-delimited JSON, compressed with zstd or not; may be empty.
    """
    tree: dict[str, Shape] = {}
    for path, shape in [*((path, "VARCHAR") for path in layout.columns.values()), *layout.lists.values()]:
        *way, leaf = path.split("/")
        at = tree
        for key in way:
            at = at.setdefault(key, {})  # type: ignore[assignment]  # no path leads through another
        at[leaf] = [shape] if (path, shape) in layout.lists.values() else shape
    types = ", ".join(f"'{key}': '{_type(shape)}'" for key, shape in tree.items())
    con.execute("SET VARIABLE raw_files = $files", {"files": list(files)})
    source = f"""
        SELECT * FROM read_json(
            getvariable('raw_files'), format = 'newline_delimited', columns = {{{types}}},
            ignore_errors = TRUE, filename = 'file', maximum_object_size = {LONGEST_LINE}
        )
    """  # noqa: S608 -- made of the layout's names only
    if not files:
        columns = ", ".join(f'CAST(NULL AS {_type(shape)}) AS "{key}"' for key, shape in tree.items())
        source = f"SELECT {columns}, '' AS file WHERE FALSE"
    fields = {name: _reference(path) for name, path in layout.columns.items()}
    fields |= {name: _reference(path) for name, (path, _) in layout.lists.items()}
    held = " OR ".join(f'"{key}" IS NOT NULL' for key in layout.objects) or "FALSE"
    return f"""
        WITH lines AS ({source}),
        named AS (SELECT {_select(fields)}, {held} AS perhaps_text, file FROM lines)
        SELECT
            *,
            {_text_lists(layout)}
            {_embedded(layout)}
            {_canonical(layout)}
            FALSE AS by_text,
            CAST(NULL AS VARCHAR) AS event,
            CAST(NULL AS VARCHAR) AS unreadable,
            TRUE AS is_object,
            {_RAW_DAY}
        FROM named
    """  # noqa: S608 -- made of this module's texts and the layout's only


def raw_by_text(con: duckdb.DuckDBPyConnection, layout: Layout, files: Sequence[str]) -> str:
    """Return the query that reads the files' text: like :func:`raw_of_files`, but with ``event`` and ``is_object`` set.

    ``by_text`` is TRUE. Where a line is not JSON, ``event`` is NULL.
    """
    con.execute("SET VARIABLE raw_files = $files", {"files": list(files)})
    lines = "SELECT CAST(NULL AS JSON) AS json, CAST(NULL AS VARCHAR) AS unreadable, '' AS file WHERE FALSE"
    if files:
        lines = f"""
            SELECT json, CAST(NULL AS VARCHAR) AS unreadable, filename AS file
            FROM read_ndjson_objects(
                getvariable('raw_files'), ignore_errors = TRUE, filename = TRUE, maximum_object_size = {LONGEST_LINE}
            )
        """  # noqa: S608 -- our own number
    return raw_of_lines(layout, lines)


def raw_by_line(con: duckdb.DuckDBPyConnection, layout: Layout, files: Sequence[str]) -> str:
    """Return the query over the files' lines, which Python reads; else like :func:`raw_by_text`.

    A replacement character stands for half a character (a lone surrogate) and for bytes that are not UTF-8. A line that
    is still not JSON is in ``unreadable``. The lines are kept in the temporary table ``text_lines``.
    """
    texts: list[str] = []
    names: list[str] = []
    for file in files:
        found = [line for line in _text(file).split("\n") if line.strip()]
        texts += [_HALF_CHARACTER.sub(r"\\ufffd", line) for line in found]
        names += [file] * len(found)
    table = pa.table({"line": pa.array(texts, pa.string()), "file": pa.array(names, pa.string())})
    con.register("python_lines", table)
    con.execute("CREATE OR REPLACE TEMP TABLE text_lines AS SELECT line, file FROM python_lines")
    con.unregister("python_lines")
    return raw_of_lines(
        layout,
        """
        SELECT
            CASE WHEN json_valid(line) THEN CAST(line AS JSON) END AS json,
            CASE WHEN NOT json_valid(line) THEN line END AS unreadable,
            file
        FROM text_lines
        """,
    )


def raw_of_lines(layout: Layout, lines: str) -> str:
    """Return the query over any lines, like :func:`raw_by_text`.

    Args:
        layout: Fields to extract from the events.
        lines: Query with json (JSON, NULL if a line is not), unreadable (its text in that case) and file.
    """
    pointers = ", ".join(f"'/{path}'" for path in layout.columns.values())
    fields = {name: f"taken[{n}]" for n, name in enumerate(layout.columns, 1)}
    fields |= {
        name: _list(f"json_extract_string(json, '/{path}')", shape) for name, (path, shape) in layout.lists.items()
    }
    opened = "json"
    for key in layout.objects:
        inside = f"json_extract_string(json, '/{key}')"
        opened = (
            f"CASE WHEN json_type(json, '/{key}') = 'VARCHAR' AND json_valid({inside}) "
            f"THEN json_merge_patch(json, json_object('{key}', CAST({inside} AS JSON))) ELSE {opened} END"
        )
    return f"""
        WITH lines AS ({lines}),
        taken AS (SELECT *, json_extract_string({opened}, [{pointers}]) AS taken FROM lines),
        named AS (SELECT {_select(fields)}, json, unreadable, file FROM taken)
        SELECT
            * EXCLUDE (json),
            {_text_lists(layout)}
            {_embedded(layout)}
            {_canonical(layout)}
            TRUE AS by_text,
            FALSE AS perhaps_text,
            CAST(json AS VARCHAR) AS event,
            coalesce(starts_with(CAST(json AS VARCHAR), '{{'), FALSE) AS is_object,
            {_RAW_DAY}
        FROM named
    """  # noqa: S608 -- made of this module's texts and the layout's only


def _text(file: str) -> str:
    content = Path(file).read_bytes()
    if content.startswith(_ZSTD):
        with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(content), read_across_frames=True) as reader:
            content = reader.read()
    return content.decode("utf-8", errors="replace")


def _type(shape: Shape) -> str:
    """Return the DuckDB type of a shape."""
    if isinstance(shape, str):
        return shape
    if isinstance(shape, list):
        return f"{_type(shape[0])}[]"
    return "STRUCT(" + ", ".join(f'"{key}" {_type(inner)}' for key, inner in shape.items()) + ")"


def _reference(path: str) -> str:
    return ".".join(f'"{key}"' for key in path.split("/"))


def _select(fields: dict[str, str]) -> str:
    return ", ".join(f"{expression} AS {name}" for name, expression in fields.items())


def _embedded(layout: Layout) -> str:
    return "".join(
        f"CASE WHEN json_valid({column}) THEN json_extract_string({column}, '/{path}') END AS {name}, "
        for name, (column, path) in layout.embedded.items()
    )


def _canonical(layout: Layout) -> str:
    if not layout.without_id:
        return ""
    # A row without column names: the names are as long as the values, and would be hashed too.
    return f"CAST(row({', '.join((*layout.columns, *layout.lists))}) AS VARCHAR) AS canonical, "


def _text_lists(layout: Layout) -> str:
    return "".join(f"{_list(column, shape)} AS {name}, " for name, (column, shape) in layout.text_lists.items())


def _list(text: str, shape: Shape) -> str:
    """Return the expression that reads a list from a text; a single object becomes a list of one.

    Objects in it may themselves be encoded as text.
    """
    opened = f"CAST({text} AS JSON)"
    if isinstance(shape, dict):
        opened = (
            f"to_json(list_transform(CAST(CAST({text} AS JSON) AS JSON []), lambda e: "
            "CASE WHEN json_type(e) = 'VARCHAR' AND json_valid(e ->> '$') THEN CAST(e ->> '$' AS JSON) ELSE e END"
            "))"
        )
    return (
        f"CASE WHEN json_valid({text}) THEN CASE json_type({text}) "
        f"WHEN 'ARRAY' THEN json_transform({opened}, '{json.dumps([shape])}') "
        f"WHEN 'OBJECT' THEN [json_transform({text}, '{json.dumps(shape)}')] END END"
    )
