"""Sliding window over a file's text, which holds only the current part in memory."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from history.formats.blocks import LONGEST_TEXT

__all__ = ["BETWEEN", "Window"]

BETWEEN = re.compile(r"[\s,\ufeff\x1e\0]*")
"""Separators of the values of a list, of lines, and of JSON text sequences."""
_VALUE_TRIED = 8_192
_GROWTH = 8
_SURELY_DEEP = 512
"""Characters after which a value that is nested too deep is still nested deep."""
_NEAR_THE_END = 16
"""Characters of the longest literal or escape, which may be held in part."""


class Window:
    """Text, read piece by piece. Offsets are valid until the next call of a method that reads on.

    Attributes:
        text: The held text.
        at: Current offset; text before it is dropped, except for one character.
        line: Line of the current offset in the file, from 1.
        ended: Whether the held text is the last.
        too_long: Whether the last value searched is whole as far as it is held, and longer than an event may be.
        too_deep: Whether it is nested deeper than can be read.
        broken_after: Number of characters of the last value searched before the place where it is broken.
    """

    def __init__(self, pieces: Iterator[str], line: int = 1) -> None:
        self.text = ""
        self.at = 0
        self.line = line
        self.ended = False
        self.too_long = False
        self.too_deep = False
        self.broken_after = 0
        self._pieces = pieces
        # Numbers of any length stay text.
        self._decoder = json.JSONDecoder(parse_int=str, parse_float=str)

    def more(self) -> bool:
        """Read on; return whether there was more text."""
        piece = next(self._pieces, None)
        if piece is None:
            self.ended = True
            return False
        kept = max(self.at - 1, 0)
        self.text = self.text[kept:] + piece
        self.at -= kept
        return True

    def to(self, offset: int) -> None:
        """Move to an offset."""
        self.line += self.text.count("\n", self.at, offset)
        self.at = offset

    def skip(self) -> str:
        """Move to the next character that is not a separator, and return it; empty at the end of the file."""
        while True:
            self.to(BETWEEN.match(self.text, self.at).end())  # type: ignore[union-attr]  # it matches nothing, too
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.more():
                return ""

    def held(self) -> int:
        """Return how many characters are held from here."""
        return len(self.text) - self.at

    def line_here(self) -> str | None:
        """Return the rest of the line, without its break; None if it is longer than an event may be."""
        while (end := self.text.find("\n", self.at)) < 0:
            if self.held() > LONGEST_TEXT:
                return None
            if not self.more():
                end = len(self.text)
                break
        return self.text[self.at : end]

    def end_of_value(self) -> int | None:
        """Return the end of the JSON value that begins here; None if it is invalid, cut off or too long."""
        self.too_long = self.too_deep = False
        size = _VALUE_TRIED
        while True:
            # Decode only a part, since an error counts the lines of the whole argument.
            part = self.text[self.at : self.at + size]
            try:
                end = self._decoder.raw_decode(part)[1]
                self.broken_after = end
                goes_on = end == len(part)
            except json.JSONDecodeError as error:
                end = None
                self.broken_after = error.pos
                goes_on = error.msg.startswith("Unterminated") or error.pos >= len(part) - _NEAR_THE_END
            except RecursionError:
                self.broken_after, self.too_deep = _SURELY_DEEP, True
                return None
            if goes_on and size < self.held():
                size *= _GROWTH
                continue
            # A number may continue in the next piece.
            if not goes_on or self.ended:
                return None if end is None else self.at + end
            self.too_long = end is None and self.held() > LONGEST_TEXT
            if self.too_long or not self.more():
                return None if end is None else self.at + end
