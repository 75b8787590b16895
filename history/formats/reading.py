"""Reader of one file of audit events: its format, detected from the content, and its events."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from common.errors import MendableError
from history.formats.blocks import Block, fault
from history.formats.csv_rows import AUDIT_DATA, Header, csv_blocks, find_header
from history.formats.json_texts import json_blocks
from history.formats.unpacking import TextFile, text_files
from history.formats.window import Window
from history.formats.wrappers import Unwrapper
from providers import PROVIDERS

__all__ = ["EventFile", "EventFileError", "event_files"]

_HEAD = 200_000
_BEGINNING = 120
_JSON_BEGINS = ("{", "[")
_LIKE_JSON = re.compile(r'\{\s*"[^"]')
_JSON_IN_STRING = re.compile(r'"[\s\\nrt\[{]*[\[{](\\[nrt]|\s)*\\"')
"""Beginning of a JSON string that holds JSON."""
_PAGE = re.compile(r"<(!doctype\s+html|html|head|!--|\?xml)", re.IGNORECASE)
_BLANK = "\ufeff \t\n\x1e\0,"
_BINARY = re.compile("[\0-\x08\x0e-\x1a\x1c\x1d\ufffd]")
_LOOKED_AT = 1000
_BINARY_IN = 20
"""Share of non-text characters, one in this many, from which a file is not text."""


class EventFileError(MendableError, RuntimeError):
    """Error of a file without readable audit events; the message says which file, why and what to do."""


class EventFile:
    """File of audit events, or one in an archive.

    Attributes:
        path: The file's path, followed by a slash and the path inside the archive, if any.
        name: The same without the directory.
        head: Beginning of the text, once it is read.
        header: Header of a CSV; None for anything else.
        parts: Number of events and non-events found so far.
    """

    def __init__(self, provider: str, source: Path, text: TextFile) -> None:
        self.path = text.path
        self.name = source.name + text.path.removeprefix(str(source))
        self.head = ""
        self.header: Header | None = None
        self.parts = 0
        self._provider = provider
        self._text = text

    @property
    def damage(self) -> str | None:
        """Return why the rest cannot be read, once that is known."""
        return self._text.damage

    @property
    def empty_answer(self) -> bool:
        """Return whether the file, once read, is a whole answer without events; a CSV without rows does not count."""
        return not self.parts and self.header is None

    @property
    def binary(self) -> bool:
        """Return whether the file is not text."""
        begin = self.head[:_LOOKED_AT]
        return len(_BINARY.findall(begin)) * _BINARY_IN > len(begin.strip(_BLANK))

    @property
    def share(self) -> float:
        """Return the share of the file that is read, from 0 to 1; 0 in an archive."""
        return self._text.share

    def blocks(self) -> Iterator[Block]:
        """Yield the events of the file, and non-events with the reason; iterate only once."""
        for block in self._all_blocks():
            self.parts += len(block.texts)
            yield block

    def _all_blocks(self) -> Iterator[Block]:
        pieces = self._text.pieces()
        first, line = "", 1
        for piece in pieces:
            if piece.strip(_BLANK):
                first = piece
                break
            line += piece.count("\n")
        self.head = first[:_HEAD]
        window = Window(chain([first], pieces), line)
        yield from self._blocks_of(window)
        if self.damage:
            yield fault(window.line, self.damage, "")
        elif not first:
            yield fault(1, "it is empty", "")

    def _blocks_of(self, window: Window) -> Iterator[Block]:
        unwrapper = Unwrapper(self._provider)
        beginning = self.head.lstrip(_BLANK)
        if not beginning:
            return
        if beginning.startswith(_JSON_BEGINS) or _JSON_IN_STRING.match(beginning):
            yield from json_blocks(window, unwrapper)
            return
        if _PAGE.match(beginning) and not holds_events(self._provider, self.head):
            yield fault(1, "a web page or XML", beginning[:_BEGINNING])
            return
        self.header = find_header(self.head, unwrapper)
        if self.header and self.header.column is not None:
            if self.header.names[self.header.column] == AUDIT_DATA != PROVIDERS[self._provider].event_column.lower():
                yield fault(
                    1, "a search of Purview's audit log, whose events are of Office 365", beginning[:_BEGINNING]
                )
                return
            yield from csv_blocks(window, self.header, unwrapper)
        elif self.binary:
            yield fault(1, "no text in UTF-8 or UTF-16", "")
        elif _LIKE_JSON.search(self.head):
            yield from json_blocks(window, unwrapper)
        else:
            shown = beginning[:_BEGINNING].split("\n", 1)[0]
            yield fault(1, f"neither JSON nor a CSV with a column of events; it begins with {shown!r}", "")


def holds_events(provider: str, head: str) -> bool:
    """Check whether the beginning of a text holds an event of a provider."""
    unwrapper = Unwrapper(provider)
    window = Window(iter([head]))
    header = find_header(head, unwrapper)
    if header and header.column is not None and not head.lstrip(_BLANK).startswith(_JSON_BEGINS):
        blocks = csv_blocks(window, header, unwrapper)
    else:
        blocks = json_blocks(window, unwrapper)
    return any(unwrapper.inside(text) for block in blocks for text in block.texts)


def event_files(provider: str, source: Path) -> Iterator[EventFile]:
    """Yield the event files in a file: itself, or those of a zip archive; read each before the next.

    Args:
        provider: Provider whose events they should hold.
        source: The file.

    Raises:
        EventFileError: It cannot be opened, or is not a file.
    """
    try:
        if not stat.S_ISREG(source.stat().st_mode):
            raise EventFileError(f"{source} is not a file. Name the files with the events themselves.")
        for text in text_files(source):
            yield EventFile(provider, source, text)
    except OSError as error:
        raise EventFileError(
            f"{source} cannot be read: {error.strerror or error}. See that it is there, that it is whole, and that "
            "you may read it."
        ) from error
