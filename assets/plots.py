"""Pictures for people who would rather look than read, as PNG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

__all__ = ["budget_plot", "load_plot"]


def _png(figure: Figure) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110)
    return out.getvalue()


def load_plot(load: Sequence[dict[str, Any]]) -> bytes:
    """Alerts allowed and raised, summed up day by day, a panel for each population.

    Args:
        load: From :func:`assets.load.load_of_days`.
    """
    populations = list(dict.fromkeys(row["population"] for row in load))
    figure = Figure(figsize=(8, 2.6 * max(1, len(populations))), layout="constrained")
    for place, population in enumerate(populations, 1):
        rows = [row for row in load if row["population"] == population]
        days = [row["day"] for row in rows]
        axes = figure.add_subplot(len(populations), 1, place)
        for name, style in (("allowed", "--"), ("raised", "-")):
            sums = [sum(row[name] for row in rows[: n + 1]) for n in range(len(rows))]
            axes.plot(days, sums, style, drawstyle="steps-post", label=name)
        axes.bar(days, [row["raised"] for row in rows], alpha=0.3, label="raised on the day")
        axes.set_title(f"{population}: alerts against a budget of {rows[-1]['budget']:g} per 1000 and day", fontsize=10)
        axes.set_ylabel("alerts")
        axes.legend(fontsize=8)
        axes.tick_params(axis="x", labelrotation=30, labelsize=8)
    return _png(figure)


def budget_plot(points: Sequence[tuple[float, float, float | None]]) -> bytes:
    """Recall and precision by budget.

    Args:
        points: Budget, recall and precision (None where nothing was raised).
    """
    figure = Figure(figsize=(6, 4), layout="constrained")
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
