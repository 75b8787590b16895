"""The picture of an alert: its window in the user's month, and in the organisation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
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


def _month(alert: Alert, evidence: Evidence, metric: str) -> Picture | None:
    values = {row.day: row.bytes if metric == "bytes" else row.files for row in evidence.month}
    first = alert.first_window_start.date() - timedelta(days=_DAYS)
    last = max([*values, alert.first_window_start.date()])
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    most = max((value or 0 for value in values.values()), default=0)
    if not most:
        return None
    opened = alert.first_window_start.date()
    before = max((values.get(day) or 0 for day in days if day < opened), default=0)
    drawing = Drawing(_WIDTH, _HEIGHT, _FONT_SIZE)
    bars = _bars([values.get(day) or 0 for day in days], most, gap=1.5)
    alert_from = days.index(opened)
    drawing.bars(bars[:alert_from], _GROUND, _USUAL)
    drawing.bars(bars[alert_from:], _GROUND, _ALERT)
    drawing.lines([[(_LEFT, _GROUND), (_RIGHT, _GROUND)]], _AXIS)
    whose = "the user's" if alert.users == 1 else "the users'"
    title = f"The largest {_WINDOW} of each day in {whose} month"
    peak = _said(most, metric)
    drawing.text(_LEFT, _HEIGHT - 8, f"{days[0]:%d %b}")
    drawing.text(_RIGHT, _HEIGHT - 8, f"{days[-1]:%d %b}", "end")
    drawing.text(_RIGHT, _TOP - 10, f"at most {peak}", "end")
    if before:
        line = _GROUND - _height(before, most)
        drawing.lines([[(_LEFT, line), (_RIGHT, line)]], Stroke(dashes="4,3"))
        drawing.text(_LEFT, max(_TOP + 6, line - 5), f"most before: {_said(before, metric)}")
    table = Table(
        title,
        ("Day", "# " + metric),
        [(text(str(day)), text(_said(values[day], metric))) for day in days if day in values],
        "Days without uploads are left out.",
    )
    active = sum(1 for day in days if day < opened and values.get(day))
    usual = (
        f"On {active} of the {_DAYS} days before there were uploads, at most {_said(before, metric)} in {_WINDOW}"
        if active
        else f"There were no uploads in the {_DAYS} days before"
    )
    description = f"Bars from {days[0]} to {days[-1]}. {usual}; from {opened} on at most {peak}."
    if any(not other.is_later and other.time.date() >= days[0] for other in evidence.other_alerts):
        description += " Earlier alerts are drawn, too, though they are not part of what is usual."
    return Picture("month", title, description, drawing, table)


def _organisation(alert: Alert, steps: list[Step], metric: str) -> Picture:
    value = (alert.peak_bytes if metric == "bytes" else alert.peak_files) or 1
    own = _step(value)
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
    title = f"Users of the organisation by their largest {_WINDOW} of the {_DAYS} days before"
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
        f"Of {count(total, whose)} with uploads, {others} had {_WINDOW} with {_said(value, metric)} or more. What "
        "raised an alert is not counted among what is usual."
    )
    return Picture(
        "organisation",
        title,
        description,
        drawing,
        Table(title, (f"Largest {_WINDOW}", "# users"), rows),
    )


def _step(value: int) -> int:
    """Return the half decade of a value, as ``detection/sql/dossier/organisation.sql`` counts them."""
    step = 0
    while 10 ** ((step + 1) / 2) <= value:
        step += 1
    return step
