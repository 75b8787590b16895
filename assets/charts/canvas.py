"""Small pictures for the metadata of materialisations, drawn by Pillow.

A run draws several and its process ends: to load matplotlib for them and lay them out took a sixth of a tick. Places
are in pixels from the left and the top.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache

from PIL import Image, ImageDraw, ImageFont

__all__ = ["Panel", "Picture", "packed"]

_INK, _PAPER = "#333333", "#ffffff"
_COLOURS = 24
_WIDTH = 420
_TEXT, _LINE = 10, 14
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 8, 20, 18
_TICK = 3


@cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(_TEXT)


def packed(image: Image.Image) -> bytes:
    """A picture as PNG in few colours: a quarter of the bytes, and nobody sees it."""
    out = io.BytesIO()
    image.convert("RGB").quantize(_COLOURS).save(out, format="png", optimize=True)
    return out.getvalue()


class Picture:
    """A picture with a title, panels one below the other and names of colours at the right.

    Args:
        title: Said above.
        height: Pixels of each panel, with its axis.
        panels: How many.
        names: What each colour means, as pairs of a name and the colour.
    """

    def __init__(self, title: str, *, height: int, panels: int = 1, names: Sequence[tuple[str, str]] = ()) -> None:
        self._image = Image.new("RGB", (_WIDTH, _TOP + panels * height), _PAPER)
        self._draw = ImageDraw.Draw(self._image)
        beside = 24 + max(int(_font().getlength(name)) for name, _ in names) if names else 0
        right = _WIDTH - _RIGHT - beside
        self.panels = [
            Panel(self._draw, _LEFT, _TOP + number * height, right, _TOP + (number + 1) * height - _BOTTOM)
            for number in range(panels)
        ]
        self._draw.text(((_LEFT + right) / 2, 3), title, _INK, _font(), anchor="mt")
        for number, (name, colour) in enumerate(reversed(names)):
            top = _TOP + number * _LINE
            self._draw.rectangle((right + 8, top + 1, right + 15, top + 8), colour)
            self._draw.text((right + 19, top + 9), name, _INK, _font(), anchor="ls")

    def png(self) -> bytes:
        """The picture as PNG."""
        return packed(self._image)


class Panel:
    """A stretch of the picture with an axis below and one at the left."""

    def __init__(self, draw: ImageDraw.ImageDraw, left: int, top: int, right: int, bottom: int) -> None:
        self._draw, self._left, self._top, self._right, self._bottom = draw, left, top, right, bottom

    def _across(self, share: float) -> float:
        """The place from the left of a share of the width."""
        return self._left + share * (self._right - self._left)

    def _up(self, share: float) -> float:
        """The place from the top of a share of the height."""
        return self._bottom - share * (self._bottom - self._top)

    def bar(self, first: float, last: float, low: float, high: float, colour: str) -> None:
        """Fill a bar between shares of the width and height; draw non-zero values at least one pixel high."""
        left, right = self._across(first), max(self._across(last), self._across(first) + 2)
        top = min(self._up(high), self._up(low) - 1)
        self._draw.rectangle((left, top, right - 1, self._up(low) - 1), colour)

    def axes(self, name: str, below: Sequence[tuple[float, str]], beside: Sequence[tuple[float, str]]) -> None:
        """Draw the axes, each tick with its label at its share, and the name of the left axis."""
        for share, words in beside:
            y = self._up(share)
            self._draw.line((self._left - _TICK, y, self._left, y), _INK)
            self._draw.text((self._left - _TICK - 2, y), words, _INK, _font(), anchor="rm")
        for share, words in below:
            x = self._across(share)
            self._draw.line((x, self._bottom, x, self._bottom + _TICK), _INK)
            self._draw.text((x, self._bottom + _TICK + 2), words, _INK, _font(), anchor="mt")
        self._draw.line((self._left, self._top, self._left, self._bottom, self._right, self._bottom), _INK)
        self._draw.text((self._left + 4, self._top), name, _INK, _font(), anchor="lt")
