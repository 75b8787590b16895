"""Charts of a day and of an alert for the metadata of materialisations."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from assets.charts.chart import ALERT, BLUE, PALETTE, SAMPLE, Chart, short, tick_step
from common.svg import Stroke
from detection.rule import RULE

__all__ = ["alert_plot", "coverage_plot", "hours_plot"]

_WINDOW = timedelta(hours=RULE.periods.test_window_hours)
_DAY = timedelta(days=1)
_HOURS = 24
_MONTH = timedelta(days=RULE.periods.training_days)
_SOURCES = ("log", "recovered", "later_version", "estimated", "gone", "unknown")
"""Sources of a size, the known ones first."""


def hours_plot(rows: Sequence[tuple[int, str, int]]) -> str:
    """Plot files by hour of a day (UTC), stacked by provider.

    Args:
        rows: Hour from 0 to 23, provider, files.
    """
    return _stacked("files by hour, UTC", rows, sorted({name for _, name, _ in rows}))


def coverage_plot(rows: Sequence[tuple[int, str, int]]) -> str:
    """Plot files by hour of a day (UTC), stacked by size source: known sizes below, unknown above.

    Args:
        rows: Hour from 0 to 23, source of the size, files.
    """
    return _stacked("files by hour, UTC, and where their size is from", rows, _SOURCES)


def alert_plot(
    hours: Sequence[tuple[datetime, int, int | None]], start: datetime, end: datetime, *, scale_days: int | None = None
) -> str:
    """Plot a user's uploads in windows of a month, the alert's windows in red: files above, MB below.

    Of a long scale, plot the total of each day: those added up in red, and as many of the scale before.

    Args:
        hours: Start of the hour, files, and bytes where a size is known.
        start: Start of the alert, UTC without zone.
        end: Its end, exclusive.
        scale_days: Days of its long scale; None for a test window.
    """
    window, month = (_DAY, scale_days * _DAY) if scale_days else (_WINDOW, _MONTH)
    windows: dict[datetime, tuple[float, float]] = {}
    for hour, files, size in hours:
        # Align the windows so that one begins with the alert.
        begin = start + (hour - start) // window * window
        before = windows.get(begin, (0.0, 0.0))
        windows[begin] = (before[0] + files, before[1] + (size or 0) / 1e6)
    # Show a whole month even for a user without other uploads.
    first, last = start - month, max([end, *windows]) + _DAY
    weeks = [first.replace(hour=0, minute=0) + n * _DAY for n in range(1, (last - first).days + 1, 7)]
    below = [((day - first) / (last - first), f"{day:%d %b}") for day in weeks]
    each = "a day" if scale_days else RULE.periods.test_window
    chart = Chart(f"in {each}, UTC; the alert in red", height=100, panels=2)
    for place, (panel, name) in enumerate(zip(chart.panels, ("files", "MB"), strict=True)):
        top = math.log10(1 + max((sums[place] for sums in windows.values()), default=0)) or 1.0
        usual: list[tuple[float, float, float]] = []
        alert: list[tuple[float, float, float]] = []
        for begin, sums in sorted(windows.items()):
            left, right = ((time - first) / (last - first) for time in (begin, begin + window))
            if sums[place] and left >= 0:
                (alert if start <= begin < end else usual).append((left, right, math.log10(1 + sums[place]) / top))
        panel.bars(usual, BLUE)
        panel.bars(alert, ALERT)
        decades = [10**power for power in range(math.ceil(top) + 1) if math.log10(1 + 10**power) <= top]
        every = -(-len(decades) // 4) or 1
        beside = [(math.log10(1 + value) / top, short(value)) for value in decades[::every]]
        panel.axes(name, below, beside)
    return chart.svg()


def _stacked(title: str, rows: Sequence[tuple[int, str, int]], names: Sequence[str]) -> str:
    """Plot files by hour as stacked bars, the first name at the bottom."""
    there = {name for _, name, _ in rows}
    colours = {name: PALETTE[place % len(PALETTE)] for place, name in enumerate(names) if name in there}
    shown = [(name.replace("_", " "), Stroke(colour, SAMPLE)) for name, colour in colours.items()]
    chart = Chart(title, height=124, names=shown)
    [panel] = chart.panels
    files = Counter[tuple[str, int]]()
    for hour, name, count in rows:
        files[name, hour] += count
    most = max(sum(files[name, hour] for name in colours) for hour in range(_HOURS))
    step = int(tick_step(max(1.0, most / 4)))
    top = step * max(1, -(-most // step))
    panel.stacks([(colour, [files[name, hour] / top for hour in range(_HOURS)]) for name, colour in colours.items()])
    below = [((hour + 0.5) / _HOURS, str(hour)) for hour in range(0, _HOURS, 3)]
    panel.axes("", below, [(value / top, short(value)) for value in range(0, top + 1, step)])
    return chart.svg()
