"""Charts: panels with axes, a title and the names of what is drawn, as SVG of a few kilobytes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal

from common.svg import Bar, Drawing, Place, Stroke

__all__ = ["ALERT", "BLUE", "PALETTE", "SAMPLE", "Chart", "Panel", "short", "tick_step"]

BLUE, ALERT = "#4a7ba6", "#d1493b"
PALETTE = (BLUE, "#c8751f", "#2f8f5b", "#b0589f", ALERT, "#7d7d7d")
"""Colours that are visible on a light and on a dark background."""

_WIDTH = 420
_FONT_SIZE, _LETTER, _LINE = 10, 5.6, 14
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 20, 22
_TICK = 3
SAMPLE = 8
"""Length in pixels of the lines beside the names."""


class Chart:
    """Panels one below the other, with a title above and names at the right.

    Args:
        title: Shown above.
        height: Pixels of each panel, with its axis.
        panels: How many.
        names: What each line means, the lowest first; of bars, a line as wide as it is long.

    Attributes:
        drawing: What is drawn, for a page that includes it.
    """

    def __init__(self, title: str, *, height: int, panels: int = 1, names: Sequence[tuple[str, Stroke]] = ()) -> None:
        drawing = self.drawing = Drawing(_WIDTH, _TOP + panels * height, _FONT_SIZE)
        beside = 20 + math.ceil(_LETTER * max(len(name) for name, _ in names)) if names else 0
        right = _WIDTH - _RIGHT - beside
        self.panels = [
            Panel(drawing, _LEFT, _TOP + number * height, right, _TOP + (number + 1) * height - _BOTTOM)
            for number in range(panels)
        ]
        drawing.text((_LEFT + right) / 2, _FONT_SIZE + 2, title, "middle")
        for number, (name, stroke) in enumerate(reversed(names)):
            middle = _TOP + number * _LINE + _LINE / 2
            drawing.lines([[(right + 10, middle), (right + 10 + SAMPLE, middle)]], stroke)
            drawing.text(right + SAMPLE + 14, middle + 3, name)

    def svg(self) -> str:
        """The chart as SVG."""
        return self.drawing.document()


class Panel:
    """A part of a chart with an axis below and one at the left. What is drawn has its place as shares of the two."""

    def __init__(self, drawing: Drawing, left: int, top: int, right: int, bottom: int) -> None:
        self._drawing, self._left, self._top, self._right, self._bottom = drawing, left, top, right, bottom

    def _across(self, share: float) -> int:
        # Whole pixels are sharp, and shorter to write.
        return round(self._left + share * (self._right - self._left))

    def _up(self, share: float) -> int:
        return round(self._bottom - share * (self._bottom - self._top))

    def bars(self, bars: Iterable[tuple[float, float, float]], colour: str) -> None:
        """Draw bars, each of its left, its right and its height; at least two pixels wide and one high."""
        placed = [
            Bar(
                self._across(left),
                max(self._across(right), self._across(left) + 2),
                min(self._up(high), self._bottom - 1),
            )
            for left, right, high in bars
        ]
        self._drawing.bars(placed, self._bottom, colour)

    def stacks(self, layers: Sequence[tuple[str, Sequence[float]]]) -> None:
        """Draw layers of bars on one another, each of its colour and its heights; non-zero values at least one pixel.

        Args:
            layers: The lowest first, with a height for each place from left to right, none where it is zero.
        """
        if not layers:
            return
        count = len(layers[0][1])
        edges = list(pairwise(self._across(place / count) for place in range(count + 1)))
        sums, tops = [0.0] * count, [self._bottom] * count
        drawn = []
        for colour, heights in layers:
            sums = [below + height for below, height in zip(sums, heights, strict=True)]
            tops = [
                min(self._up(high), top - 1) if height else top
                for top, high, height in zip(tops, sums, heights, strict=True)
            ]
            bars = [Bar(*edge, top) for edge, top, height in zip(edges, tops, heights, strict=True) if height]
            drawn.append((colour, bars))
        # Each reaches down to the axis, and the lower ones lie on it.
        for colour, bars in reversed(drawn):
            self._drawing.bars(bars, self._bottom, colour)

    def line(self, places: Iterable[Place], stroke: Stroke) -> None:
        """Draw a line from place to place."""
        self._drawing.lines([[(self._across(x), self._up(y)) for x, y in places]], stroke)

    def dots(self, places: Iterable[Place], stroke: Stroke, shape: Literal["round", "square"]) -> None:
        """Draw a dot at each place."""
        self._drawing.dots([(self._across(x), self._up(y)) for x, y in places], stroke, shape)

    def axes(self, name: str, below: Sequence[tuple[float, str]], beside: Sequence[tuple[float, str]]) -> None:
        """Draw the axes, each tick with its label at its share, and the panel's name."""
        left, bottom = self._left, self._bottom
        lines: list[list[Place]] = [[(left, self._top), (left, bottom), (self._right, bottom)]]
        for share, words in beside:
            y = self._up(share)
            lines.append([(left - _TICK, y), (left, y)])
            self._drawing.text(left - _TICK - 2, y + 3, words, "end")
        for share, words in below:
            x = self._across(share)
            lines.append([(x, bottom), (x, bottom + _TICK)])
            self._drawing.text(x, bottom + _TICK + _FONT_SIZE, words, "middle")
        self._drawing.lines(lines, Stroke())
        if name:
            self._drawing.text(left + 4, self._top + _FONT_SIZE - 2, name)


def tick_step(value: float) -> float:
    """Return the least of 1, 2, 5, 10, 20 and so on, and of .1, .2, .5 and so on, that is not below a value."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= value * (1 - 1e-9))


def short(value: float) -> str:
    """Return a number in few characters, such as 20k."""
    for limit, letter in ((10**15, "P"), (10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k")):
        if value >= limit:
            return f"{value / limit:g}{letter}"
    return f"{value:g}"
