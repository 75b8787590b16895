"""Picture of counts by day: bars in two colours, one on the other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

from common.svg import Bar, Drawing, Stroke

__all__ = ["DayBars", "day_bars"]

_WIDTH, _HEIGHT, _FONT_SIZE = 960, 130, 13
_LEFT, _RIGHT, _TOP, _GROUND = 4, _WIDTH - 4, 20, _HEIGHT - 22
_LEAST = 1.5
"""Least height of a bar above zero."""
_MANY_DAYS = 120
"""Days that fit: of more, the last ones are drawn."""


class DayBars(NamedTuple):
    """Picture with its description for screen readers, and its rows for a table: day, upper and lower count."""

    drawing: Drawing
    description: str
    rows: Sequence[tuple[date, int, int]]


def day_bars(
    counts: Sequence[tuple[date, int, int]],
    *,
    what: str,
    dates: tuple[date, date] | None = None,
    colours: tuple[str, str] = ("var(--alert)", "var(--bar)"),
) -> DayBars | None:
    """Return a picture of counts by day; None if there are none.

    Args:
        counts: Day, count drawn in the first colour, and count drawn below it in the second.
        what: Words for the counts, such as ``cases``.
        dates: First and last day to draw; those of the counts otherwise.
        colours: Of the two counts.
    """
    if not counts:
        return None
    first, last = dates or (counts[0][0], counts[-1][0])
    first = max(first, last - timedelta(days=_MANY_DAYS - 1))
    known = {day: (upper, lower) for day, upper, lower in counts}
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    values = [known.get(day, (0, 0)) for day in days]
    most = max((sum(value) for value in values), default=0)
    if not most:
        return None
    each = (_RIGHT - _LEFT) / len(days)
    gap = min(1.5, each / 4)
    drawing = Drawing(_WIDTH, _HEIGHT, _FONT_SIZE)

    def height(count: int) -> float:
        return max(_LEAST, (_GROUND - _TOP) * count / most) if count else 0.0

    lefts = [_LEFT + place * each for place in range(len(days))]
    for number, colour in ((sum, colours[0]), (lambda value: value[1], colours[1])):
        bars = [
            Bar(left, left + each - gap, _GROUND - height(number(value)))
            for left, value in zip(lefts, values, strict=True)
            if (value[0] if number is sum else value[1])
        ]
        drawing.bars(bars, _GROUND, colour)
    drawing.lines([[(_LEFT, _GROUND), (_RIGHT, _GROUND)]], Stroke("var(--line)"))
    drawing.text(_LEFT, _HEIGHT - 6, f"{days[0]:%d %b %Y}")
    drawing.text(_RIGHT, _HEIGHT - 6, f"{days[-1]:%d %b %Y}", "end")
    drawing.text(_LEFT, 12, f"{most:,} {what} at most")
    total = sum(sum(value) for value in values)
    described = f"{total:,} {what} from {days[0]} to {days[-1]}, {most:,} on a day at most."
    return DayBars(drawing, described, [(day, *known[day]) for day in days if day in known])
