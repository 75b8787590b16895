"""Pictures for people who would rather look than read, as PNG.

matplotlib is imported by what draws: it takes most of a second, and of the processes that import this few draw.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from PIL import Image

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

__all__ = ["alert_plot", "budget_plot", "coverage_plot", "hours_plot", "load_plot"]

_WINDOW = timedelta(hours=3)
_COLOURS = 24
_KNOWN = {"log": "#1f6f8b", "recovered": "#3a9d6e", "later_version": "#8fc48a"}
_NOT_KNOWN = {"estimated": "#e0b040", "gone": "#c96a50", "unknown": "#9a9a9a"}


def _png(figure: Figure) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110)
    return out.getvalue()


def _figure(**settings: Any) -> Figure:
    from matplotlib.figure import Figure  # noqa: PLC0415 - as said

    return Figure(**settings)


def _date_axis(axis: Axis, every: int) -> None:
    """Ticks every so many days."""
    from matplotlib.dates import DateFormatter, DayLocator  # noqa: PLC0415 - as said

    axis.set_major_locator(DayLocator(interval=every))
    axis.set_major_formatter(DateFormatter("%d %b"))


def _small(width: float = 5.6, height: float = 2.0, panels: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure without margins, so that it is small in the metadata of a materialisation, which stay for good."""
    figure = _figure(figsize=(width, height), dpi=72)
    figure.subplots_adjust(left=0.11, right=0.985, top=0.87, bottom=0.16, hspace=0.35)
    axes = [figure.add_subplot(panels, 1, place) for place in range(1, panels + 1)]
    for each in axes:
        each.tick_params(labelsize=7)
        each.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _title(axes: Axes, text: str) -> None:
    # Where no place is given, one is looked for: everything else on the axes is laid out twice.
    axes.set_title(text, fontsize=8, y=1)


def _small_png(figure: Figure) -> bytes:
    """The figure in few colours: a quarter of the bytes, and nobody sees it."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", dpi=72)
    out = io.BytesIO()
    Image.open(drawn).convert("RGB").quantize(_COLOURS).save(out, format="png", optimize=True)
    return out.getvalue()


def _stacked(title: str, hours: Sequence[int], parts: Sequence[tuple[str, str | None, Sequence[int]]]) -> bytes:
    figure, [axes] = _small()
    below = [0] * len(hours)
    edges = [hour - 0.5 for hour in (*hours, hours[-1] + 1)]
    for name, colour, values in parts:
        above = [low + value for low, value in zip(below, values, strict=True)]
        # Steps are drawn at once; bars, one by one, take several times as long.
        axes.stairs(above, edges, baseline=below, fill=True, label=name, color=colour)
        below = above
    _title(axes, title)
    axes.set_xticks(range(0, 24, 3))
    axes.set_xlim(-0.6, 23.6)
    if parts:
        figure.subplots_adjust(right=0.79)
        axes.legend(fontsize=6, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return _small_png(figure)


def _by_hour(rows: Sequence[tuple[int, str, int]], name: str) -> list[int]:
    return [sum(files for hour, of, files in rows if (hour, of) == (at, name)) for at in range(24)]


def hours_plot(rows: Sequence[tuple[int, str, int]]) -> bytes:
    """Files by hour of a day (UTC), stacked by provider.

    Args:
        rows: Hour from 0 to 23, provider, files.
    """
    names = sorted({name for _, name, _ in rows})
    return _stacked("files by hour, UTC", range(24), [(name, None, _by_hour(rows, name)) for name in names])


def coverage_plot(rows: Sequence[tuple[int, str, int]]) -> bytes:
    """Files by hour of a day (UTC), stacked by where their size is from: known below, not known above.

    Args:
        rows: Hour from 0 to 23, source of the size, files.
    """
    there = {name for _, name, _ in rows}
    colours = {name: colour for name, colour in {**_KNOWN, **_NOT_KNOWN}.items() if name in there}
    parts = [(name.replace("_", " "), colour, _by_hour(rows, name)) for name, colour in colours.items()]
    return _stacked("files by hour, UTC, and where their size is from", range(24), parts)


def alert_plot(hours: Sequence[tuple[datetime, int, int | None]], start: datetime, end: datetime) -> bytes:
    """What a user uploaded in three-hour windows of a month, and the alert's windows in red: files above, MB below.

    Args:
        hours: Start of the hour, files, and bytes where a size is known.
        start: Start of the alert, UTC without zone.
        end: Its end, exclusive.
    """
    from matplotlib.dates import date2num  # noqa: PLC0415 - as said

    figure, panels = _small(height=2.8, panels=2)
    windows: dict[datetime, list[float]] = {}
    for hour, files, size in hours:
        # Windows are laid so that one begins where the alert does.
        begin = start + (hour - start) // _WINDOW * _WINDOW
        sums = windows.setdefault(begin, [0, 0])
        sums[0] += files
        sums[1] += (size or 0) / 1e6
    times = sorted(windows)
    places = date2num(times)
    colours = ["#c0392b" if start <= time < end else "#5b7c99" for time in times]
    for place, (axes, name) in enumerate(zip(panels, ("files", "MB"), strict=True)):
        # Lines are drawn at once; bars, one by one, take ten times as long.
        axes.vlines(places, 0, [windows[time][place] for time in times], colors=colours, linewidth=1.6)
        axes.set_yscale("symlog", linthresh=1)
        axes.set_ylim(0)
        # Of a user without other uploads, too, it is a month, and not the years that one point would be drawn in.
        axes.set_xlim(*date2num([start - timedelta(days=30), max([end, *times]) + timedelta(days=1)]))
        axes.set_ylabel(name, fontsize=7)
        _date_axis(axes.xaxis, every=7)
    _title(panels[0], "in three hours, UTC; the alert in red")
    return _small_png(figure)


def load_plot(load: Sequence[dict[str, Any]], *, small: bool = False) -> bytes:
    """Alerts allowed and raised, summed up day by day, a panel for each population.

    Args:
        load: From :func:`assets.load.load_of_days`.
        small: Whether it goes into an event log.
    """
    populations = list(dict.fromkeys(row["population"] for row in load))
    count = max(1, len(populations))
    figure, panels = _small(height=1.9 * count, panels=count)
    for axes, population in zip(panels, populations, strict=False):
        rows = [row for row in load if row["population"] == population]
        days = [row["day"] for row in rows]
        for name, style in (("allowed", "--"), ("raised", "-")):
            axes.plot(days, list(accumulate(row[name] for row in rows)), style, drawstyle="steps-post", label=name)
        axes.vlines(days, 0, [row["raised"] for row in rows], linewidth=4, alpha=0.3, label="raised on the day")
        _title(axes, f"{population}: alerts against a budget of {rows[-1]['budget']:g} per 1000 and day")
        axes.set_ylabel("alerts", fontsize=7)
        axes.legend(fontsize=6, frameon=False, loc="upper left")
        _date_axis(axes.xaxis, every=max(1, len(days) // 5))
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
