"""The picture of an alert: its window in the user's month, and in the organisation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from common.svg import Anchor, Bar, Drawing, Stroke
from detection.rule import RULE
from detection.wording import size
from dossier.evidence import Evidence, Step
from dossier.layout import Table, count, text
from dossier.reading import Alert

__all__ = ["Picture", "pictures"]

_WIDTH, _HEIGHT, _FONT_SIZE = 340, 190, 12
_LEFT, _RIGHT, _TOP, _GROUND = 8, _WIDTH - 8, 30, _HEIGHT - 24
_USUAL, _ALERT, _AXIS = "var(--bar)", "var(--alert)", Stroke("var(--line)")
"""Colours of the page, which differ in dark mode and in print."""
_DAYS, _WINDOW = RULE.periods.training_days, RULE.periods.test_window
_LEAST = 1.5
"""Least height of a bar above zero."""


class Picture(NamedTuple):
    """A picture with its title, a description for screen readers, and its figures as a table."""

    key: str
    title: str
    description: str
    drawing: Drawing
    table: Table


def pictures(alert: Alert, evidence: Evidence) -> list[Picture]:
    """Return the pictures of an alert, without those that have no figures."""
    metric = "bytes" if alert.metric == "bytes" else "files"
    found = [_month(alert, evidence, metric)]
    steps = [step for step in evidence.organisation if step.metric == metric]
    if alert.users == 1 and steps:
        found.append(_organisation(alert, steps, metric))
    return [picture for picture in found if picture]


def _said(value: float | None, metric: str) -> str:
    if value is None:
        return "size unknown"
    return size(value) if metric == "bytes" else count(int(value), "file")


def _height(value: float, most: float) -> float:
    return max(_LEAST, (_GROUND - _TOP) * value / most) if value else 0.0


def _bars(values: Sequence[float], most: float, gap: float) -> list[Bar]:
    each = (_RIGHT - _LEFT) / len(values)
    lefts = [_LEFT + place * each for place in range(len(values))]
    return [
        Bar(left, left + each - gap, _GROUND - _height(value, most)) for left, value in zip(lefts, values, strict=True)
    ]


class _Span(NamedTuple):
    """Days of a month's picture and its words.

    Attributes:
        first: First day drawn.
        start: First day in the alert's colour.
        title: Title.
        each: What a bar is of, such as ``a day``.
        before: The period before the start, in words.
        days: How many days that is.
    """

    first: date
    start: date
    title: str
    each: str
    before: str
    days: int


def _span(alert: Alert) -> _Span:
    if alert.scale_days and alert.peak_period_start and alert.peak_window_end:
        start = alert.peak_period_start.date()
        added = count((alert.peak_window_end.date() - start).days, "day")
        return _Span(
            start - timedelta(days=alert.scale_days),
            start,
            f"The user's total of each day: {added} added up, and {alert.scale_days} before",
            "a day",
            f"the {alert.scale_days} days before",
            alert.scale_days,
        )
    opened = alert.first_window_start.date()
    whose = "the user's" if alert.users == 1 else "the users'"
    title = f"The largest {_WINDOW} of each day in {whose} month"
    return _Span(opened - timedelta(days=_DAYS), opened, title, _WINDOW, f"the {_DAYS} days before", _DAYS)


def _month(alert: Alert, evidence: Evidence, metric: str) -> Picture | None:
    values = {row.day: row.bytes if metric == "bytes" else row.files for row in evidence.month}
    span = _span(alert)
    last = max([*values, span.start, *([alert.first_window_start.date()] if alert.scale_days else [])])
    days = [span.first + timedelta(days=n) for n in range((last - span.first).days + 1)]
    most = max((value or 0 for value in values.values()), default=0)
    if not most:
        return None
    before = max((values.get(day) or 0 for day in days if day < span.start), default=0)
    drawing = Drawing(_WIDTH, _HEIGHT, _FONT_SIZE)
    bars = _bars([values.get(day) or 0 for day in days], most, gap=1.5)
    alert_from = days.index(span.start)
    drawing.bars(bars[:alert_from], _GROUND, _USUAL)
    drawing.bars(bars[alert_from:], _GROUND, _ALERT)
    drawing.lines([[(_LEFT, _GROUND), (_RIGHT, _GROUND)]], _AXIS)
    peak = _said(most, metric)
    drawing.text(_LEFT, _HEIGHT - 8, f"{days[0]:%d %b}")
    drawing.text(_RIGHT, _HEIGHT - 8, f"{days[-1]:%d %b}", "end")
    drawing.text(_RIGHT, _TOP - 10, f"at most {peak}", "end")
    if before:
        line = _GROUND - _height(before, most)
        drawing.lines([[(_LEFT, line), (_RIGHT, line)]], Stroke(dashes="4,3"))
        drawing.text(_LEFT, max(_TOP + 6, line - 5), f"most before: {_said(before, metric)}")
    table = Table(
        span.title,
        ("Day", "# " + metric),
        [(text(str(day)), text(_said(values[day], metric))) for day in days if day in values],
        "Days without uploads are left out.",
    )
    active = sum(1 for day in days if day < span.start and values.get(day))
    usual = (
        f"On {active} of {span.before} there were uploads, at most {_said(before, metric)} in {span.each}"
        if active
        else f"There were no uploads in {span.before}"
    )
    description = f"Bars from {days[0]} to {days[-1]}. {usual}; from {span.start} on at most {peak}."
    if alert.scale_days:
        description += _added_up(alert, {day: value for day, value in values.items() if day >= span.start}, metric)
    if any(not other.is_later and other.time.date() >= days[0] for other in evidence.other_alerts):
        description += " Earlier alerts are drawn, too, though they are not part of what is usual."
    return Picture("month", span.title, description, drawing, table)


def _added_up(alert: Alert, values: Mapping[date, int | None], metric: str) -> str:
    """Describe the sum of a long scale's days, and how much of it the alert compares."""
    total = sum(value or 0 for value in values.values())
    counted = alert.peak_bytes if metric == "bytes" else alert.peak_files
    said = f" The days from then on are added up: {_said(total, metric)} on {count(len(values), 'day')}."
    if counted is not None and counted < total:
        said += (
            f" Of these the alert counts {_said(counted, metric)}: not what other alerts reported, what the allow-list "
            "covers, or a source in activation."
        )
    return said


def _organisation(alert: Alert, steps: list[Step], metric: str) -> Picture:
    value = _compared(alert, metric) or 1
    own = _step(value)
    each = f"sum of {alert.scale_days} days" if alert.scale_days else _WINDOW
    by_step = {step.step: step.users for step in steps}
    first, last = min(by_step), max(*by_step, own)
    most = max(by_step.values())
    total = sum(by_step.values())
    as_many = sum(users for step, users in by_step.items() if step > own) + sum(
        step.users for step in steps if step.step == own and step.most >= value
    )
    drawing = Drawing(_WIDTH, _HEIGHT, _FONT_SIZE)
    bars = _bars([by_step.get(step, 0) for step in range(first, last + 1)], most, gap=3)
    for n, bar in enumerate(bars):
        drawing.bars([bar], _GROUND, _ALERT if first + n == own else _USUAL)
    drawing.lines([[(_LEFT, _GROUND), (_RIGHT, _GROUND)]], _AXIS)
    middle = _LEFT + (own - first + 0.5) * (_RIGHT - _LEFT) / (last - first + 1)
    drawing.lines([[(middle, _TOP - 4), (middle, _GROUND)]], Stroke(_ALERT, width=2, dashes="2,3"))
    anchor: Anchor = "end" if middle > _WIDTH / 2 else "start"
    drawing.text(_LEFT, _HEIGHT - 8, f"from {_said(round(10 ** (first / 2)), metric)}")
    drawing.text(_RIGHT, _HEIGHT - 8, f"to {_said(round(10 ** ((last + 1) / 2)), metric)}", "end")
    drawing.text(middle, _TOP - 10, f"this alert: {_said(value, metric)}", anchor)
    title = f"Users of the organisation by their largest {each} of the {_DAYS} days before"
    if alert.scale_days:
        title = f"Users of the organisation by their largest {each} until then, without its largest day"
    rows = [
        (
            text(f"{_said(round(10 ** (step / 2)), metric)} or more" + (" (this alert)" if step == own else "")),
            text(f"{by_step.get(step, 0):,}"),
        )
        for step in range(first, last + 1)
    ]
    whose = "service account" if alert.population == "services" else "user"
    others = f"about {as_many:,}" if as_many else "none"
    description = (
        f"Of {count(total, whose)} with uploads, {others} had {f'a {each}' if alert.scale_days else each} with "
        f"{_said(value, metric)} or more. What raised an alert is not counted among what is usual."
    )
    if alert.scale_days:
        description += " The largest day is left out of each sum: one large day is no slow theft."
    return Picture(
        "organisation",
        title,
        description,
        drawing,
        Table(title, (f"Largest {each}", "# users"), rows),
    )


def _compared(alert: Alert, metric: str) -> int | None:
    """Return what the alert compares with baselines: of a long scale, the sum without its largest day."""
    value = alert.peak_bytes if metric == "bytes" else alert.peak_files
    largest = alert.peak_largest_bytes if metric == "bytes" else alert.peak_largest_files
    return value if value is None or not alert.scale_days else value - (largest or 0)


def _step(value: int) -> int:
    """Return the half decade of a value, as ``detection/sql/dossier/organisation.sql`` counts them."""
    step = 0
    while 10 ** ((step + 1) / 2) <= value:
        step += 1
    return step
