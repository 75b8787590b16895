"""Charts as SVG: bars, lines, dots and texts on a sheet. Coordinates are in pixels from the left and the top.

Colours are attributes, so that a page whose security policy forbids inline styles can include a chart.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable
from html import escape
from typing import Literal, NamedTuple

__all__ = ["Anchor", "Bar", "Drawing", "Place", "Stroke"]

Anchor = Literal["start", "middle", "end"]
Place = tuple[float, float]

_STYLE = (
    "svg{color:#333;font-family:sans-serif}rect{fill:#fff}"
    "@media(prefers-color-scheme:dark){svg{color:#ddd}rect{fill:#1c1f23}}"
)  # fmt: skip
"""Ink and paper. A chart has its own background, since its viewer may be dark on a light system."""


class Stroke(NamedTuple):
    """Style of a line or of dots.

    Attributes:
        colour: As CSS writes it.
        width: Pixels.
        dashes: Lengths of dashes and gaps; empty for a solid line.
    """

    colour: str = "currentColor"
    width: float = 1
    dashes: str = ""


class Bar(NamedTuple):
    """Vertical bar."""

    left: float
    right: float
    top: float


class Drawing:
    """Sheet with drawn elements.

    Args:
        width: Pixels.
        height: Pixels.
        font_size: Pixels.
    """

    def __init__(self, width: int, height: int, font_size: int) -> None:
        self.width, self.height = width, height
        self._font_size = font_size
        self._shapes: list[str] = []
        self._texts: dict[Anchor, list[str]] = {"start": [], "middle": [], "end": []}

    def bars(self, bars: Iterable[Bar], bottom: float, colour: str) -> None:
        """Draw bars, from left to right, as one outline: a tenth of the bytes of one element per bar."""
        corners: list[Place] = []
        end = -math.inf
        for left, right, top in bars:
            if left > end:
                corners += [(end, bottom), (left, bottom)]
            corners += [(max(left, end), top), (max(right, end), top)]
            end = max(right, end)
        if corners:
            # The first corner is the end of an imagined bar before the first one.
            outline = _line([*corners[1:], (end, bottom)])
            self._shapes.append(f"<path fill='{escape(colour)}' d='{outline}'/>")

    def lines(self, lines: Iterable[Iterable[Place]], stroke: Stroke) -> None:
        """Draw lines, each between two points."""
        self._stroke("".join(_line(line) for line in lines), stroke)

    def dots(self, places: Iterable[Place], stroke: Stroke, shape: Literal["round", "square"]) -> None:
        """Draw a dot as wide as the stroke at each point: a line without length, with visible round ends."""
        self._stroke("".join(f"M{_pair(*place)}h0" for place in places), stroke, f" stroke-linecap='{shape}'")

    def text(self, x: float, y: float, words: str, anchor: Anchor = "start") -> None:
        """Write a text on a baseline, with any content escaped."""
        self._texts[anchor].append(f"<text x='{_number(x)}' y='{_number(y)}'>{_escaped(words)}</text>")

    def __html__(self) -> str:
        """Return the content of an ``svg`` element, in the ink and font of its page; templates do not escape it."""
        groups = [f"<g text-anchor='{anchor}'>{''.join(texts)}</g>" for anchor, texts in self._texts.items() if texts]
        texts = f"<g fill='currentColor' font-size='{self._font_size}'>{''.join(groups)}</g>"
        return "".join(self._shapes) + texts

    def document(self) -> str:
        """Return a complete SVG file, readable on light and dark screens."""
        size = f"width='{self.width}' height='{self.height}'"
        return (
            f"<svg xmlns='http://www.w3.org/2000/svg' {size} viewBox='0 0 {self.width} {self.height}'>"
            f"<style>{_STYLE}</style><rect width='100%' height='100%'/>{self.__html__()}</svg>"
        )

    def _stroke(self, data: str, stroke: Stroke, more: str = "") -> None:
        if not data:
            return
        looks = [
            ("stroke", stroke.colour),
            ("stroke-width", _number(stroke.width)),
            ("stroke-dasharray", stroke.dashes),
        ]
        said = "".join(f" {name}='{escape(value)}'" for name, value in looks if value)
        self._shapes.append(f"<path fill='none'{said}{more} d='{data}'/>")


def _number(value: float) -> str:
    return f"{round(value, 1):g}"


def _pair(x: float, y: float) -> str:
    return f"{_number(x)},{_number(y)}"


def _line(places: Iterable[Place]) -> str:
    """Return the path through points, each step in the shortest form."""
    data, before = "", None
    for x, y in ((round(x, 1), round(y, 1)) for x, y in places):
        if before is None:
            data = f"M{_pair(x, y)}"
        elif y == before[1]:
            data += f"h{_number(x - before[0])}" if x != before[0] else ""
        else:
            data += f"V{_number(y)}" if x == before[0] else f"L{_pair(x, y)}"
        before = x, y
    return data


def _escaped(words: str) -> str:
    """Escape a text for XML; control characters, invalid in XML, and changes of text direction become U+FFFD."""
    return escape("".join("\ufffd" if unicodedata.category(sign)[0] == "C" else sign for sign in words))
