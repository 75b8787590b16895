"""Pictures of the budget, as PNG, for people who would rather look than read.

matplotlib is imported by what draws: it takes most of a second, and of the processes that import this few draw.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from PIL import Image

from assets.charts.canvas import packed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["budget_plot", "load_plot"]


def _png(figure: Figure) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110)
    return out.getvalue()


def _figure(**settings: Any) -> Figure:
    from matplotlib.figure import Figure  # noqa: PLC0415 - as said

    return Figure(**settings)


def _small(panels: int) -> tuple[Figure, list[Axes]]:
    """A figure without margins, so that it is small in the metadata of a materialisation, which stay for good."""
    figure = _figure(figsize=(5.6, 1.9 * panels), dpi=72)
    figure.subplots_adjust(left=0.11, right=0.985, top=0.87, bottom=0.16, hspace=0.35)
    axes = [figure.add_subplot(panels, 1, place) for place in range(1, panels + 1)]
    for each in axes:
        each.tick_params(labelsize=7)
        each.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _small_png(figure: Figure) -> bytes:
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=72)
    return packed(Image.open(drawn))


def load_plot(load: Sequence[dict[str, Any]], *, small: bool = False) -> bytes:
    """Plot the cumulative alerts allowed and raised by day, with a panel for each population.

    Args:
        load: From :func:`assets.charts.load.load_of_days`.
        small: Whether it goes into an event log.
    """
    from matplotlib.dates import DateFormatter, DayLocator  # noqa: PLC0415 - as said

    populations = list(dict.fromkeys(row["population"] for row in load))
    figure, panels = _small(max(1, len(populations)))
    for axes, population in zip(panels, populations, strict=False):
        rows = [row for row in load if row["population"] == population]
        days = [row["day"] for row in rows]
        for name, style in (("allowed", "--"), ("raised", "-")):
            axes.plot(days, list(accumulate(row[name] for row in rows)), style, drawstyle="steps-post", label=name)
        axes.vlines(days, 0, [row["raised"] for row in rows], linewidth=4, alpha=0.3, label="raised on the day")
        title = f"{population}: alerts against a budget of {rows[-1]['budget']:g} per 1000 and day"
        # Where no place is given, one is looked for: everything else on the axes is laid out twice.
        axes.set_title(title, fontsize=8, y=1)
        axes.set_ylabel("alerts", fontsize=7)
        axes.legend(fontsize=6, frameon=False, loc="upper left")
        axes.xaxis.set_major_locator(DayLocator(interval=max(1, len(days) // 5)))
        axes.xaxis.set_major_formatter(DateFormatter("%d %b"))
    return _small_png(figure) if small else _png(figure)


def budget_plot(points: Sequence[tuple[float, float, float | None]]) -> bytes:
    """Recall and precision by budget.

    Args:
        points: Budget, recall and precision (None where nothing was raised).
    """
    figure = _figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot(1, 1, 1)
    found = sorted(points)
    axes.plot([x for x, _, _ in found], [y for _, y, _ in found], "o-", label="recall")
    known = [(x, z) for x, _, z in found if z is not None]
    axes.plot([x for x, _ in known], [z for _, z in known], "s--", label="precision")
    axes.set_xlabel("budget: alerts per 1000 monitored users and day")
    axes.set_ylim(0, 1.02)
    axes.grid(alpha=0.3)
    axes.legend()
    return _png(figure)
