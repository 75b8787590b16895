"""Events of a JSON file: lines, lists or concatenated answers, on one line or several.

The standard library finds the end of a value, and msgspec checks many lines at a time; both are written in C. A
streaming parser that returns objects would be slower, and lose the raw JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator

from history.formats.blocks import LONGEST_TEXT, NOT_JSON, SHOWN, TOO_LONG, Block, fault
from history.formats.window import BETWEEN, Window
from history.formats.wrappers import Unwrapper

__all__ = ["json_blocks"]

_CANDIDATE = re.compile(r"(?<=[}\[\],])[ \t]*\{|\n[ \t]*\{|\n(?=[^\s,}\]])")
"""Places where an event may begin after broken text: an object after another, in a list, or at the start of a line."""
_ROW = re.compile(r"\[\s*[^\s{\[\]]")
"""Beginning of a row of a table: a list whose first value is neither a list nor an object."""
_ROW_BEGINS_WITHIN = 256
"""Characters up to the first value of a row; at most blanks."""
_DEEPEST = 16
"""Deepest nesting of lists and objects that are too long to be held."""
_CUT_OFF = "cut off: the list has no end"


def json_blocks(window: Window, unwrapper: Unwrapper) -> Iterator[Block]:
    """Yield the events of a text, and the parts that are not events with the reason."""
    return _Reader(window, unwrapper, by_line=True).blocks()


class _Reader:
    """Reader of one text.

    Lines that are each JSON are read in batches. From the first value that spans several lines, values are read one by
    one, wherever they end.
    """

    def __init__(self, window: Window, unwrapper: Unwrapper, *, by_line: bool) -> None:
        self._window = window
        self._unwrapper = unwrapper
        self._by_line = by_line
        self._found = 0
        self._depth = 0
        self._lists = 0
        self._end_is_reported = False

    def blocks(self) -> Iterator[Block]:
        """Yield everything in the text."""
        while self._window.skip():
            if self._by_line:
                yield from self._lines()
            else:
                yield from self._value_or_fault(listed=True)

    def _lines(self) -> Iterator[Block]:
        """Yield the events of the whole lines that are held, as long as each line is JSON."""
        window = self._window
        while (end := window.text.rfind("\n", window.at)) < 0 and not window.ended:
            if window.held() > LONGEST_TEXT:
                self._by_line = False
                return
            window.more()
        if end < 0:
            end = len(window.text)
        lines = window.text[window.at : end].split("\n")
        if self._unwrapper.plain(lines):
            first = window.line
            window.to(end)
            yield Block(lines, range(first, first + len(lines)))
            return
        for line in lines:
            if BETWEEN.fullmatch(line):
                window.to(min(window.at + len(line) + 1, len(window.text)))
                continue
            text = line.strip(" \t,\x1e\ufeff\0")
            found = self._unwrapper.events(text)
            if found is None:
                left = yield from self._odd_line(line)
                if left is None:
                    return
            else:
                left = len(line)
                if found:
                    yield Block(found, [window.line] * len(found))
            window.to(min(window.at + left + 1, len(window.text)))

    def _odd_line(self, line: str) -> Generator[Block, None, int | None]:
        """Yield the content of a line that is not JSON.

        Returns:
            Number of remaining characters of the line; None if the value spans lines, and more was read.
        """
        window = self._window
        before = window.at
        begin = window.skip()
        left = len(line) - (window.at - before)
        if begin == "[" or (begin == "{" and (window.end_of_value() is not None or window.too_long)):
            self._by_line = False
            return None
        if begin == "{" and window.broken_after > left:
            yield from self._value_or_fault(listed=True)
            return None
        yield from _Reader(Window(iter([line]), window.line), self._unwrapper, by_line=False).blocks()
        return left

    def _value_or_fault(self, *, listed: bool) -> Iterator[Block]:
        window = self._window
        line, begin = window.line, window.text[window.at]
        whole = yield from self._value(listed=listed)
        if not whole:
            yield fault(line, NOT_JSON, begin + self._to_next_event())

    def _value(self, *, listed: bool) -> Generator[Block, None, bool]:
        """Yield the events of the value that begins here, and move past it.

        Args:
            listed: Whether events are expected here; a value without one is then returned as it is.

        Returns:
            Whether it is whole. If not, the position is somewhere inside it.
        """
        window = self._window
        line, begin = window.line, window.text[window.at]
        row = begin == "[" and self._begins_row()
        end = window.end_of_value() if row or begin != "[" else None
        if begin == "[" and end is None and self._depth < _DEEPEST:
            window.to(window.at + 1)
            self._depth += 1
            self._lists += 1
            yield from self._list(listed=listed)
            self._lists -= 1
            self._depth -= 1
            return True
        if end is not None:
            text = window.text[window.at : end]
            window.to(end)
            found = self._unwrapper.events(text, row=row) if listed else self._unwrapper.inside(text, row=row)
            if found:
                self._found += len(found)
                yield Block(found, [line] * len(found))
            elif found is None:
                yield fault(line, NOT_JSON, text)
            return True
        if begin == "{" and window.too_long and self._depth < _DEEPEST:
            shown, before = window.text[window.at : window.at + SHOWN], self._found
            self._depth += 1
            whole = yield from self._object()
            self._depth -= 1
            if whole and listed and self._found == before:
                yield fault(line, TOO_LONG, shown)
            return whole
        window.to(window.at + 1)
        return False

    def _begins_row(self) -> bool:
        """Check whether a row of a table begins here; a row is read whole, since one of its values is the event."""
        window = self._window
        while window.held() < _ROW_BEGINS_WITHIN and window.more():
            pass
        return self._lists > 0 and _ROW.match(window.text, window.at) is not None

    def _list(self, *, listed: bool) -> Iterator[Block]:
        window = self._window
        line, before = window.line, self._found
        while begin := window.skip():
            if begin == "]":
                window.to(window.at + 1)
                return
            # If one is an event, all must be.
            yield from self._value_or_fault(listed=listed or self._found > before)
        if not self._end_is_reported:
            self._end_is_reported = True
            yield fault(line, _CUT_OFF, "")

    def _object(self) -> Generator[Block, None, bool]:
        """Yield the events in an object that is too long to be held; return whether it is whole."""
        window = self._window
        window.to(window.at + 1)
        while begin := window.skip():
            if begin == "}":
                window.to(window.at + 1)
                return True
            end = window.end_of_value() if begin == '"' else None
            if end is None:
                return False
            key = json.loads(window.text[window.at : end], strict=False)
            window.to(end)
            if window.skip() != ":":
                return False
            window.to(window.at + 1)
            first = window.skip()
            if not first:
                return False
            whole = yield from self._value(listed=first == "[" and key in self._unwrapper.lists)
            if not whole:
                return False
        return False

    def _to_next_event(self) -> str:
        """Move to the next event after a broken text, or to a line that is JSON; return the text before it."""
        window = self._window
        passed: list[str] = []
        size = 0

        def to(offset: int) -> None:
            nonlocal size
            if size < SHOWN:
                passed.append(window.text[window.at : offset])
                size += len(passed[-1])
            window.to(offset)

        while True:
            match = _CANDIDATE.search(window.text, window.at)
            if not match:
                to(max(window.at, len(window.text.rstrip(" \t\n"))))
                if window.more():
                    continue
                self._end_is_reported = True
                return "".join(passed)
            begins_line = match[0] == "\n"
            to(match.end() if begins_line else match.end() - 1)
            if window.at and window.text[window.at - 1] == "\n":
                line = window.line_here()
                if line and self._unwrapper.events(line.rstrip(" \t,")) is not None:
                    return "".join(passed).rstrip()
            if begins_line:
                continue
            end = window.end_of_value()
            if window.too_long or (end is not None and self._unwrapper.inside(window.text[window.at : end])):
                return "".join(passed).rstrip()
            # A whole value without an event holds nothing more; a broken one may hold events.
            if window.too_deep:
                end = min(window.at + window.broken_after, len(window.text))
            to(window.at + 1 if end is None else end)
