"""Content of the product's SVGs: texts, and positions of bars and lines."""

from __future__ import annotations

import re
from typing import NamedTuple
from xml.etree import ElementTree

__all__ = ["Drawn", "Shape", "read_svg"]

_SVG = "{http://www.w3.org/2000/svg}"
_STEP = re.compile(r"([MLVh])(-?[0-9.]+)(?:,(-?[0-9.]+))?")


class Shape(NamedTuple):
    """A path: its colour, whether it is filled, and the corners it passes."""

    colour: str
    filled: bool
    dashed: bool
    corners: list[tuple[float, float]]

    def columns(self) -> set[int]:
        """Return the columns of pixels that a filled outline covers."""
        bottom = max(y for _, y in self.corners)
        flat = zip(self.corners, self.corners[1:], strict=False)
        return {x for (x0, y0), (x1, y1) in flat if y0 == y1 < bottom for x in range(int(x0), int(x1))}

    def height(self) -> float:
        """Return the height of what is drawn."""
        return max(y for _, y in self.corners) - min(y for _, y in self.corners)


class Drawn(NamedTuple):
    """A picture as it was parsed."""

    width: int
    height: int
    texts: list[str]
    shapes: list[Shape]

    def bars(self, colour: str) -> list[Shape]:
        """Return the filled outlines of a colour, from top to bottom."""
        return [shape for shape in self.shapes if shape.filled and shape.colour == colour]


def read_svg(document: str) -> Drawn:
    """Parse a picture; fail if it is not XML."""
    root = ElementTree.fromstring(document)  # noqa: S314 -- our own
    assert root.tag == f"{_SVG}svg"
    shapes = []
    for path in root.iter(f"{_SVG}path"):
        filled = path.get("fill") != "none"
        colour = path.get("fill" if filled else "stroke") or ""
        shapes.append(Shape(colour, filled, bool(path.get("stroke-dasharray")), _corners(path.get("d") or "")))
    texts = [text.text or "" for text in root.iter(f"{_SVG}text")]
    return Drawn(int(root.get("width", 0)), int(root.get("height", 0)), texts, shapes)


def _corners(data: str) -> list[tuple[float, float]]:
    x = y = 0.0
    corners = []
    for letter, first, second in _STEP.findall(data):
        if letter in "ML":
            x, y = float(first), float(second)
        elif letter == "V":
            y = float(first)
        else:
            x += float(first)
        corners.append((x, y))
    return corners
