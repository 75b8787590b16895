"""Picture of a backtest: cases, and recall where it is known, by budget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from assets.charts.chart import short, tick_step
from common.svg import Drawing, Place, Stroke

__all__ = ["budget_picture"]

_WIDTH, _HEIGHT, _FONT_SIZE = 512, 230, 13
_LEFT, _RIGHT, _TOP, _GROUND = 48, _WIDTH - 48, 34, _HEIGHT - 40
_CASES, _RECALL, _AXIS = "var(--alert)", "var(--link)", Stroke("var(--line)")
_DOT = 8
_FIFTHS = 5
_ROOM = 1.05
"""Room at the end of an axis, so that the last dot is whole."""


def budget_picture(budgets: Sequence[dict[str, Any]]) -> Drawing:
    """Return the picture.

    Args:
        budgets: Figures of each budget, from :func:`orchestration.backtesting.compare`.
    """
    found = sorted(budgets, key=lambda each: float(each["target_per_1000"]))
    widest = _ROOM * max(0.001, *(float(each["target_per_1000"]) for each in found))
    most = _ROOM * max(1, *(int(each["cases"]) for each in found))
    drawing = Drawing(_WIDTH, _HEIGHT, _FONT_SIZE)

    def place(budget: float, share: float) -> Place:
        return _LEFT + (_RIGHT - _LEFT) * budget / widest, _GROUND - (_GROUND - _TOP) * share

    drawing.lines([[(_LEFT, _TOP), (_LEFT, _GROUND), (_RIGHT, _GROUND)]], _AXIS)
    step = max(1, tick_step(most / _FIFTHS))
    for number in range(int(most / step) + 1):
        _, y = place(0, number * step / most)
        drawing.text(_LEFT - 6, y + 4, short(number * step), "end")
    step = tick_step(widest / _FIFTHS)
    for number in range(int(widest / step) + 1):
        x, _ = place(number * step, 0)
        drawing.text(x, _GROUND + 16, short(round(number * step, 6)), "middle")
    drawing.text((_LEFT + _RIGHT) / 2, _HEIGHT - 6, "target: cases per 1000 monitored users and day", "middle")
    cases = [place(each["target_per_1000"], each["cases"] / most) for each in found]
    drawing.lines([cases], Stroke(_CASES, 2))
    drawing.dots(cases, Stroke(_CASES, _DOT), "round")
    drawing.text(_LEFT, 14, "round: cases of people")
    recall = [place(each["target_per_1000"], each["recall"]) for each in found if each.get("recall") is not None]
    if recall:
        drawing.lines([[(_RIGHT, _TOP), (_RIGHT, _GROUND)]], _AXIS)
        for fifth in range(_FIFTHS + 1):
            drawing.text(_RIGHT + 6, place(0, fifth / _FIFTHS)[1] + 4, f"{fifth / _FIFTHS:g}")
        drawing.lines([recall], Stroke(_RECALL, 2, "6,3"))
        drawing.dots(recall, Stroke(_RECALL, _DOT), "square")
        drawing.text(_RIGHT, 14, "square: recall", "end")
    return drawing
