"""Charts of the budget: alerts allowed and raised, and what other budgets would have found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any

from assets.charts.chart import ALERT, BLUE, PALETTE, SAMPLE, Chart, short, tick_step
from common.svg import Place, Stroke

__all__ = ["budget_plot", "load_chart", "load_plot"]

_ALLOWED = Stroke(BLUE, width=1.5, dashes="4,2")
_RAISED = Stroke(ALERT, width=1.5)
_RAISED_ON_DAY = Stroke(PALETTE[-1], width=SAMPLE)
_RECALL, _PRECISION = Stroke(PALETTE[0], width=1.5), Stroke(PALETTE[1], width=1.5, dashes="4,2")
_DOT = 6
_FIFTHS = 5


def load_plot(load: Sequence[dict[str, Any]]) -> str:
    """Plot the cumulative alerts allowed and raised by day as a file, see :func:`load_chart`."""
    return load_chart(load).svg()


def load_chart(load: Sequence[dict[str, Any]]) -> Chart:
    """Plot the cumulative alerts allowed and raised by day, with a panel for each population.

    Args:
        load: From :func:`assets.charts.load.load_of_days`.
    """
    populations = list(dict.fromkeys(row["population"] for row in load))
    names = [("raised on the day", _RAISED_ON_DAY), ("raised", _RAISED), ("allowed", _ALLOWED)]
    chart = Chart("alerts, summed over the days", height=108, panels=max(1, len(populations)), names=names)
    for panel, population in zip(chart.panels, populations, strict=False):
        rows = [row for row in load if row["population"] == population]
        first = rows[0]["day"]
        # A day reaches to the beginning of the next.
        span = (rows[-1]["day"] - first).days + 1
        begins = [(row["day"] - first).days / span for row in rows]
        sums = {name: list(accumulate(row[name] for row in rows)) for name in ("allowed", "raised")}
        most = max(1.0, *sums["allowed"], *sums["raised"])
        raised = [(at, at + 1 / span, row["raised"] / most) for at, row in zip(begins, rows, strict=True)]
        panel.bars([bar for bar in raised if bar[2]], _RAISED_ON_DAY.colour)
        for name, stroke in (("allowed", _ALLOWED), ("raised", _RAISED)):
            panel.line(_steps(begins, [value / most for value in sums[name]]), stroke)
        every = max(1, len(rows) // _FIFTHS)
        below = [(at, f"{row['day']:%d %b}") for at, row in list(zip(begins, rows, strict=True))[::every]]
        step = tick_step(most / 4)
        beside = [(number * step / most, short(number * step)) for number in range(int(most / step) + 1)]
        panel.axes(f"{population}: a budget of {rows[-1]['budget']:g} per 1000 and day", below, beside)
    return chart


def _steps(begins: Sequence[float], values: Sequence[float]) -> Iterator[Place]:
    """Yield the corners of a line that keeps each value until the next one begins."""
    level = 0.0
    for (begin, end), value in zip(pairwise([*begins, 1.0]), values, strict=True):
        if value != level:
            yield begin, level
            yield begin, value
            level = value
        yield end, value


def budget_plot(points: Sequence[tuple[float, float, float | None]]) -> str:
    """Plot recall and precision by budget.

    Args:
        points: Budget, recall and precision (None where nothing was raised).
    """
    found = sorted(points)
    most = 1.05 * found[-1][0]
    names = [("precision", _PRECISION), ("recall", _RECALL)]
    chart = Chart("by budget: alerts per 1000 monitored users and day", height=240, names=names)
    [panel] = chart.panels
    recall = [(budget / most, value) for budget, value, _ in found]
    precision = [(budget / most, value) for budget, _, value in found if value is not None]
    panel.line(recall, _RECALL)
    panel.dots(recall, _RECALL._replace(width=_DOT), "round")
    panel.line(precision, _PRECISION)
    panel.dots(precision, _PRECISION._replace(width=_DOT, dashes=""), "square")
    step = tick_step(most / _FIFTHS)
    below = [(number * step / most, short(round(number * step, 6))) for number in range(int(most / step) + 1)]
    panel.axes("", below, [(fifth / _FIFTHS, f"{fifth / _FIFTHS:g}") for fifth in range(_FIFTHS + 1)])
    return chart.svg()
