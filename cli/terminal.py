"""Output to a terminal, in which text from outside is shown and cannot do anything else.

Others choose file names, user names and a provider's answers. A control or escape character in them could move the
cursor, set the window's title, or hide the text beside it.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from common.terminal_mark import OWN_MARK

__all__ = ["LogHandler", "Terminal", "harmless", "terminal", "write_json", "write_json_list", "write_plain"]

_TURNING = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
"""Characters that change the direction of text."""
_HARMFUL = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029{_TURNING}]")
_BROKEN = re.compile("[\ud800-\udfff]")
_IN_JSON = re.compile(f"[\x7f-\x9f\u2028\u2029{_TURNING}\ud800-\udfff]")
"""Characters that JSON does not escape."""


def harmless(text: str) -> str:
    """Strip control and escape characters, and those that change the direction of text; lines and tabs stay."""
    return _BROKEN.sub("\ufffd", _HARMFUL.sub("", text))


class Terminal(Console):
    """Console that writes text and its own styles, and no other control characters."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render as usual, with harmful characters stripped from the text."""
        for segment in super().render(renderable, options):
            own = segment.control or (segment.style is not None and segment.style.meta.get(OWN_MARK))
            yield segment if own else Segment(harmless(segment.text), segment.style)


def terminal(*, stderr: bool = False) -> Terminal:
    """Return the console that a command prints to."""
    # A name that looks like an emoji code stays unchanged.
    return Terminal(stderr=stderr, emoji=False)


def write_plain(text: str) -> None:
    """Write a text for other programs to standard output, neither wrapped nor styled."""
    sys.stdout.write(harmless(text))


def write_json(value: Any) -> None:
    """Write a value as JSON to standard output, with characters that control a terminal escaped.

    Args:
        value: A JSON value, which may contain times; a text is taken for JSON already.
    """
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str, indent=1)
    sys.stdout.write(_escaped(text) + "\n")


def write_json_list(values: Iterable[Any]) -> None:
    """Write values as one JSON array to standard output, as :func:`write_json` does, one a line and as they come."""
    import msgspec  # noqa: PLC0415 -- only lists need it

    before = "["
    for value in values:
        sys.stdout.write(f"{before}\n{_escaped(msgspec.json.encode(value).decode())}")
        before = ","
    sys.stdout.write("[]\n" if before == "[" else "\n]\n")


def _escaped(text: str) -> str:
    return _IN_JSON.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


class LogHandler(logging.StreamHandler[Any]):
    """Handler of log records that no other handler takes; writes them to standard error.

    Args:
        level: Level of the records.
        formatter: Formats them; None for the message alone.
    """

    def __init__(self, level: int, formatter: logging.Formatter | None = None) -> None:
        super().__init__()
        self.setLevel(level)
        self.setFormatter(formatter)

    def format(self, record: logging.LogRecord) -> str:
        """Format as usual, with harmful characters stripped."""
        return harmless(super().format(record))
