"""Pictures of a day and of an alert for the metadata of materialisations, as PNG of a few kilobytes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from assets.charts.canvas import Picture
from detection.rule import RULE

__all__ = ["alert_plot", "coverage_plot", "hours_plot"]

_WINDOW = timedelta(hours=RULE.periods.test_window_hours)
_DAY = timedelta(days=1)
_HOURS = 24
_MONTH = timedelta(days=RULE.periods.training_days)
_USUAL, _ALERT = "#5b7c99", "#c0392b"
_PROVIDERS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728")
_SOURCES = {
    "log": "#1f6f8b",
    "recovered": "#3a9d6e",
    "later_version": "#8fc48a",
    "estimated": "#e0b040",
    "gone": "#c96a50",
    "unknown": "#9a9a9a",
}
"""Colours of the size sources, the known ones first."""


def hours_plot(rows: Sequence[tuple[int, str, int]]) -> bytes:
    """Plot files by hour of a day (UTC), stacked by provider.

    Args:
        rows: Hour from 0 to 23, provider, files.
    """
    names = sorted({name for _, name, _ in rows})
    colours = {name: _PROVIDERS[place % len(_PROVIDERS)] for place, name in enumerate(names)}
    return _stacked("files by hour, UTC", rows, colours)


def coverage_plot(rows: Sequence[tuple[int, str, int]]) -> bytes:
    """Plot files by hour of a day (UTC), stacked by size source: known sizes below, unknown above.

    Args:
        rows: Hour from 0 to 23, source of the size, files.
    """
    there = {name for _, name, _ in rows}
    colours = {name: colour for name, colour in _SOURCES.items() if name in there}
    return _stacked("files by hour, UTC, and where their size is from", rows, colours)


def alert_plot(hours: Sequence[tuple[datetime, int, int | None]], start: datetime, end: datetime) -> bytes:
    """Plot a user's uploads in windows of a month, the alert's windows in red: files above, MB below.

    Args:
        hours: Start of the hour, files, and bytes where a size is known.
        start: Start of the alert, UTC without zone.
        end: Its end, exclusive.
    """
    windows: dict[datetime, tuple[float, float]] = {}
    for hour, files, size in hours:
        # Windows are laid so that one begins where the alert does.
        begin = start + (hour - start) // _WINDOW * _WINDOW
        before = windows.get(begin, (0.0, 0.0))
        windows[begin] = (before[0] + files, before[1] + (size or 0) / 1e6)
    # Of a user without other uploads, too, it is a month.
    first, last = start - _MONTH, max([end, *windows]) + _DAY
    weeks = [first.replace(hour=0, minute=0) + n * _DAY for n in range(1, (last - first).days + 1, 7)]
    below = [((day - first) / (last - first), f"{day:%d %b}") for day in weeks]
    picture = Picture(f"in {RULE.periods.test_window}, UTC; the alert in red", height=96, panels=2)
    for place, (panel, name) in enumerate(zip(picture.panels, ("files", "MB"), strict=True)):
        top = math.log10(1 + max((sums[place] for sums in windows.values()), default=0)) or 1.0
        for begin, sums in sorted(windows.items()):
            at = (begin - first) / (last - first)
            if sums[place] and at >= 0:
                colour = _ALERT if start <= begin < end else _USUAL
                panel.bar(at, at, 0, math.log10(1 + sums[place]) / top, colour)
        decades = [10**power for power in range(math.ceil(top) + 1) if math.log10(1 + 10**power) <= top]
        every = -(-len(decades) // 4) or 1
        beside = [(math.log10(1 + value) / top, _count(value)) for value in decades[::every]]
        panel.axes(name, below, beside)
    return picture.png()


def _stacked(title: str, rows: Sequence[tuple[int, str, int]], colours: dict[str, str]) -> bytes:
    """Plot files by hour as stacked bars, the first colour at the bottom."""
    names = [(name.replace("_", " "), colour) for name, colour in colours.items()]
    picture = Picture(title, height=124, names=names)
    [panel] = picture.panels
    sums = [sum(files for hour, _, files in rows if hour == at) for at in range(_HOURS)]
    step = _step(max(sums) / 4)
    top = step * max(1, -(-max(sums) // step))
    for at in range(_HOURS):
        low = 0
        for name, colour in colours.items():
            high = low + sum(files for hour, of, files in rows if (hour, of) == (at, name))
            if high > low:
                panel.bar(at / _HOURS, (at + 1) / _HOURS, low / top, high / top, colour)
            low = high
    below = [((at + 0.5) / _HOURS, str(at)) for at in range(0, _HOURS, 3)]
    panel.axes("", below, [(value / top, _count(value)) for value in range(0, top + 1, step)])
    return picture.png()


def _step(value: float) -> int:
    """The least of 1, 2, 5, 10, 20 and so on that is not below a value."""
    power = 1
    while True:
        for factor in (1, 2, 5):
            if factor * power >= value:
                return factor * power
        power *= 10


def _count(value: int) -> str:
    """A number in few characters, such as 20k."""
    for limit, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if value >= limit:
            return f"{value / limit:g}{letter}"
    return str(value)
