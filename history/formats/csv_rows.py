"""Events in one column of a CSV, such as from Purview's audit search or Splunk."""

from __future__ import annotations

import csv
import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from history.formats.blocks import LONGEST_TEXT, NOT_JSON, SHOWN, TOO_LONG, Block, fault
from history.formats.window import Window
from history.formats.wrappers import Unwrapper

__all__ = ["AUDIT_DATA", "Header", "csv_blocks", "find_header"]

AUDIT_DATA = "auditdata"
"""Column of Purview's audit searches."""
_EVENT_COLUMNS = (AUDIT_DATA, "_raw", "event.original", "event_original")
_DELIMITERS = ",;\t|"
_LINES_LOOKED_AT = 50
_ROWS_AT_ONCE = 1000
_TEXT_AT_ONCE = 1_000_000


@dataclass(frozen=True)
class Header:
    """First rows of a CSV.

    Attributes:
        names: Names of the columns, in lower case.
        column: Position of the column that holds the events; None if there is none.
        delimiter: Delimiter of columns.
        lines: Lines up to the first row of data.
    """

    names: list[str]
    column: int | None
    delimiter: str
    lines: int


def find_header(text: str, unwrapper: Unwrapper) -> Header | None:
    """Return the header of a CSV; None if the text is blank.

    The column with the events is found by its name, or by an event of the provider in one of the first rows.

    Args:
        text: Beginning of the file.
        unwrapper: Finder of the provider's events.
    """
    lines = text.split("\n", _LINES_LOOKED_AT)[:_LINES_LOOKED_AT]
    delimiters = _DELIMITERS
    for number, line in enumerate(lines):
        plain = line.strip().strip('"')
        # PowerShell's Export-Csv puts the type of its rows before the header, Excel the delimiter.
        if plain.lower().startswith("sep=") and len(plain) == len("sep=") + 1:
            delimiters = plain[-1] + _DELIMITERS
        elif plain.lower() == "sep=":
            delimiters = "\t" + _DELIMITERS
        elif line.strip() and not line.startswith("#TYPE"):
            return _header(lines[number:], delimiters, number, unwrapper)
    return None


def _header(lines: list[str], delimiters: str, before: int, unwrapper: Unwrapper) -> Header:
    found = []
    for delimiter in delimiters:
        names = [name.strip().lower() for name in _cells(lines[0], delimiter)]
        column = next((names.index(name) for name in _EVENT_COLUMNS if name in names), None)
        if column is not None:
            return Header(names, column, delimiter, before + 1)
        found.append(Header(names, None, delimiter, before + 1))
        for number, line in enumerate(lines):
            cells = _cells(line, delimiter)
            if len(cells) == 1 and not line.startswith('"'):
                continue
            column = next((n for n, cell in enumerate(cells) if "{" in cell and unwrapper.inside(cell)), None)
            if column is not None:
                return Header(names, column, delimiter, before + (1 if number else 0))
    return max(found, key=lambda header: len(header.names))


def _cells(line: str, delimiter: str) -> list[str]:
    csv.field_size_limit(LONGEST_TEXT)
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


class _Lines:
    """Lines of a text, with those of the current row.

    Attributes:
        taken: Lines of the current row, each with its number.
        overlong: Lines that are longer than an event may be, by their beginning.
    """

    def __init__(self, window: Window) -> None:
        self.taken: list[tuple[int, str]] = []
        self.overlong: list[tuple[int, str]] = []
        self._window = window
        self._back: deque[tuple[int, str]] = deque()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._back:
            number, line = self._back.popleft()
        else:
            number, line = self._read()
        self.taken.append((number, line))
        return line

    def _read(self) -> tuple[int, str]:
        window = self._window
        number, line = window.line, window.line_here()
        if line is None:
            self.overlong.append((number, window.text[window.at : window.at + SHOWN]))
            while line is None:
                window.to(len(window.text))
                line = window.line_here()
            window.to(window.at + len(line))
            line = ""
        else:
            window.to(window.at + len(line))
        if window.held():
            window.to(window.at + 1)
        elif not line and number == window.line and not self.overlong:
            raise StopIteration
        return number, line + "\n"

    def put_back(self) -> tuple[int, str]:
        """Return the first line of the row, and push back the others."""
        first, *rest = self.taken
        self._back.extendleft(reversed(rest))
        return first


def csv_blocks(window: Window, header: Header, unwrapper: Unwrapper) -> Iterator[Block]:
    """Yield the events of a CSV, and the rows without an event with the reason."""
    csv.field_size_limit(LONGEST_TEXT)
    lines = _Lines(window)
    for _ in range(header.lines):
        next(lines, None)
    cells: list[str] = []
    numbers: list[int] = []
    rows: list[list[str]] = []
    size = 0
    for number, row, wrong in _rows(lines, header, unwrapper):
        cell = "" if wrong else row[header.column or 0]
        if "{" not in cell and [name.strip("\ufeff ").lower() for name in row] == header.names:
            # Exports were concatenated.
            continue
        if wrong:
            cell = next((each for each in row if "{" in each and unwrapper.inside(each)), "")
        if wrong and not cell:
            yield from _events(cells, numbers, rows, unwrapper)
            cells, numbers, rows, size = [], [], [], 0
            yield fault(number, wrong, row[0] if len(row) == 1 else json.dumps(row, ensure_ascii=False))
            continue
        cells.append(cell)
        numbers.append(number)
        rows.append(row)
        size += len(cell)
        if len(cells) == _ROWS_AT_ONCE or size > _TEXT_AT_ONCE:
            yield from _events(cells, numbers, rows, unwrapper)
            cells, numbers, rows, size = [], [], [], 0
    yield from _events(cells, numbers, rows, unwrapper)


def _rows(lines: _Lines, header: Header, unwrapper: Unwrapper) -> Iterator[tuple[int, list[str], str]]:
    """Yield each row with its line and its fault, which is empty for most."""
    columns, column = len(header.names), header.column or 0
    reader = csv.reader(lines, delimiter=header.delimiter)
    while True:
        lines.taken.clear()
        wrong, row, ended = "", list[str](), False
        try:
            row = next(reader)
        except StopIteration:
            ended = True
        except csv.Error as error:
            wrong = f"no CSV: {error}"
        overlong = bool(lines.overlong)
        for number, begin in lines.overlong:
            yield number, [begin], TOO_LONG
        lines.overlong.clear()
        if ended:
            return
        over_lines = len(lines.taken) > 1
        # A program that saved the file again may have dropped empty cells at the end of a row.
        if row and not column < len(row) <= columns:
            wrong = f"has {len(row)} columns in place of {columns}"
        elif row and over_lines and unwrapper.events(row[column]) is None:
            wrong = NOT_JSON
        number, first = lines.taken[0]
        if wrong and over_lines:
            # An unclosed quote has swallowed the rows after it.
            lines.put_back()
            reader = csv.reader(lines, delimiter=header.delimiter)
        if wrong and (over_lines or not row):
            row = [first.rstrip("\n")]
        # An empty line is not a row, nor is the rest of a line that is too long.
        if row and not (overlong and row == [""]):
            yield number, row, wrong


def _events(cells: list[str], numbers: list[int], rows: list[list[str]], unwrapper: Unwrapper) -> Iterator[Block]:
    if not cells:
        return
    if unwrapper.plain(cells):
        yield Block(cells, numbers)
        return
    for cell, number, row in zip(cells, numbers, rows, strict=True):
        found = unwrapper.events(cell)
        if found is None:
            yield fault(number, NOT_JSON, json.dumps(row, ensure_ascii=False))
        elif found:
            yield Block(found, [number] * len(found))
