"""Reads the rows of an export, as text: DuckDB reads the file; one that it can't, Python does row by row.

So a file that is as it should be is read fast, and no row of one that is not is lost. A row is ``text`` (VARCHAR, the
event) and ``cells`` (VARCHAR[], all columns of a CSV, otherwise NULL).
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
import pyarrow as pa

from assets.history_files import LIST_OF_EVENTS, Export, ExportError, Kind
from connectors.verbatim import decode, lines

__all__ = ["LONGEST_ROW", "Reject", "fast_rows", "mended", "slow_rows"]

Reject = Callable[[int, str, str], None]
"""Takes what is no row: its line, why, and its text."""

LONGEST_ROW = 2_000_000
"""Longest row, bytes; records of audit logs have thousands."""
_LONGEST_ANSWER = 128 << 20
"""As for the answers of an API."""
_BUFFER = 8_000_000
_BATCH = 1024
_BATCH_SIZE = 16_000_000
_Row = tuple[str, list[str] | None]
_SCHEMA = pa.schema([("text", pa.string()), ("cells", pa.list_(pa.string()))])


def fast_rows(export: Export) -> str | None:
    """Query that gives the rows of a file; None where DuckDB can't read such a file.

    The query fails with a ``duckdb.InvalidInputException`` where the file is not as it should be.
    """
    path = str(export.path).replace("'", "''")
    if export.kind is Kind.CSV:
        names = [f"c{n}" for n in range(export.columns)]
        columns = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
        # Threads that begin within a row notice so, and the query fails.
        return f"""
            SELECT {names[export.event_column]} AS text, [{", ".join(names)}] AS cells
            FROM read_csv(
                '{path}', columns = {{{columns}}}, auto_detect = FALSE, header = FALSE, skip = {export.header_lines},
                delim = '{export.delimiter}', quote = '"', escape = '"',
                max_line_size = {LONGEST_ROW}, buffer_size = {_BUFFER}
            )
        """  # noqa: S608 -- made of numbers, names of ours and a quoted path
    if export.kind is Kind.LINES:
        # A control character that JSON can't hold, so that the line is the one column.
        return f"""
            SELECT line AS text, CAST(NULL AS VARCHAR[]) AS cells
            FROM read_csv(
                '{path}', columns = {{'line': 'VARCHAR'}}, auto_detect = FALSE, header = FALSE, delim = e'\\x01',
                quote = '', escape = '', max_line_size = {LONGEST_ROW}, buffer_size = {_BUFFER}
            )
            WHERE trim(line) <> ''
        """  # noqa: S608 -- as above
    if export.kind is Kind.ARRAY:
        return f"""
            SELECT CAST(json AS VARCHAR) AS text, CAST(NULL AS VARCHAR[]) AS cells
            FROM read_json_objects('{path}', format = 'array', maximum_object_size = {LONGEST_ROW})
        """  # noqa: S608 -- as above
    return None


def slow_rows(provider: str, export: Export, reject: Reject) -> pa.RecordBatchReader:
    """The rows of a file, a few at a time.

    Args:
        provider: Whose events they are.
        export: The file.
        reject: Takes the rows that hold no event.

    Raises:
        ExportError: The file is one JSON text that is broken or too long.
    """
    rows: Iterator[_Row]
    if export.kind is Kind.CSV:
        rows = _csv_rows(export, reject)
    elif export.kind is Kind.LINES:
        rows = ((text, None) for _, line in _lines(export.path, reject) if (text := line.strip()))
    elif export.kind is Kind.ANSWERS:
        rows = ((text, None) for text in _answers(provider, export, reject))
    else:
        rows = ((text, None) for text in _answer(provider, export))
    return pa.RecordBatchReader.from_batches(_SCHEMA, _batches(rows))


def _batches(rows: Iterator[_Row]) -> Iterator[pa.RecordBatch]:
    held: list[_Row] = []
    size = 0
    for row in rows:
        held.append(row)
        size += len(row[0])
        if len(held) == _BATCH or size > _BATCH_SIZE:
            yield _batch(held)
            held, size = [], 0
    yield _batch(held)


def _batch(rows: Sequence[_Row]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {"text": [text for text, _ in rows], "cells": [all_ for _, all_ in rows]}, _SCHEMA
    )


def _lines(path: Path, reject: Reject, longest: int = LONGEST_ROW) -> Iterator[tuple[int, str]]:
    """Lines with their breaks, as text; of one that is too long the beginning is kept as a reject."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        number = 0
        while line := file.readline(longest):
            number += 1
            if len(line) < longest or line.endswith(("\r", "\n")):
                yield number, line
                continue
            reject(number, f"longer than {longest:,} characters, of which these are the first", line)
            while (rest := file.readline(longest)) and not rest.endswith(("\r", "\n")):
                pass


def _csv_rows(export: Export, reject: Reject) -> Iterator[_Row]:
    csv.field_size_limit(sys.maxsize)
    read = (line for _, line in _lines(export.path, reject))
    for _ in range(export.header_lines):
        next(read)
    rows = csv.reader(read, delimiter=export.delimiter)
    for row in rows:
        # Who saved the file again may have left out what is empty at the end of a row.
        if export.event_column < len(row) <= export.columns:
            yield row[export.event_column], row
        elif row:
            number = export.header_lines + rows.line_num
            reject(number, f"has {len(row)} columns in place of {export.columns}", json.dumps(row, ensure_ascii=False))


def _answers(provider: str, export: Export, reject: Reject) -> Iterator[str]:
    for number, line in _lines(export.path, reject, _LONGEST_ANSWER):
        found = _events(provider, line.encode())
        if found is None and line.strip():
            reject(number, "not JSON", line)
        yield from found or ()


def _answer(provider: str, export: Export) -> list[str]:
    found = None
    if export.path.stat().st_size <= _LONGEST_ANSWER:
        found = _events(provider, export.path.read_bytes())
    if found is None:
        raise ExportError(
            f"{export.source} is one JSON text that is broken, cut off or longer than {_LONGEST_ANSWER:,} bytes. "
            "Export it anew, or write its events one a line, each a JSON object: `jq -c '.[]'` does so."
        )
    return found


def _events(provider: str, text: bytes) -> list[str] | None:
    """The events of an answer, an array, or a single one, each on one line; None where it is not JSON."""
    try:
        whole = decode(text, msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return None
    try:
        held = msgspec.json.decode(whole, type=list[msgspec.Raw] | dict[str, msgspec.Raw])
        part = held if isinstance(held, list) else held[LIST_OF_EVENTS[provider]]
        listed = part if isinstance(part, list) else msgspec.json.decode(part, type=list[msgspec.Raw])
    except (KeyError, msgspec.ValidationError):
        listed = [whole]
    return lines(listed).decode().split("\n")[:-1]


def mended(text: str) -> str:
    """A JSON text in which half characters and control characters were replaced; empty where it is no JSON even so."""
    try:
        return bytes(decode(text.encode(errors="replace"), msgspec.Raw)).decode()
    except (msgspec.DecodeError, RecursionError):
        return ""
