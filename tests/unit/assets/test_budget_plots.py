"""Charts of the budget: each series where its figures are, and colours that can be told from any paper."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.charts.budget_plots import budget_plot, load_plot
from assets.charts.chart import ALERT, BLUE, PALETTE, short, tick_step
from common.svg import Drawing
from tests.support.drawn import read_svg


def days(population: str, *figures: tuple[float, int]) -> list[dict[str, Any]]:
    """Return the load of successive days: alerts allowed and raised."""
    return [
        {"population": population, "day": date(2026, 2, 1) + timedelta(n), "budget": 2.0, "allowed": a, "raised": r}
        for n, (a, r) in enumerate(figures)
    ]


def light(colour: str) -> float:
    """Return a colour's relative luminance."""
    digits = colour if len(colour) == 6 else "".join(2 * digit for digit in colour)
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


def test_every_colour_is_seen_on_light_and_on_dark_paper() -> None:
    """Prevents bars that a person on call can't see in the dark mode, or only there."""
    document = Drawing(10, 10, font_size=10).document()
    inks, papers = (re.findall(rf"{of}{{\w+:#(\w+)", document) for of in ("svg", "rect"))
    assert len(inks) == len(papers) == 2
    assert min(contrast(*each) for each in zip(inks, papers, strict=True)) >= 7
    assert min(contrast(colour[1:], paper) for colour in PALETTE for paper in papers) >= 3


def test_the_load_is_summed_and_each_population_has_a_panel() -> None:
    """Prevents a chart from which nobody can see whether the budget is kept."""
    drawn = read_svg(load_plot([*days("people", (2, 0), (2, 3), (2, 1)), *days("services", (0.5, 1))]))
    people, _ = (shape for shape in drawn.shapes if shape.colour == BLUE and shape.dashed and len(shape.corners) > 2)
    raised = next(shape for shape in drawn.shapes if shape.colour == ALERT and len(shape.corners) > 2)
    assert people.height() == pytest.approx(raised.height() * 6 / 4, abs=1)
    [bars, _] = drawn.bars(PALETTE[-1])
    assert min(bars.columns()) > 44 + 80
    wanted = {"people: a budget of 2 per 1000 and day", "01 Feb", "allowed", "raised", "raised on the day"}
    assert wanted <= set(drawn.texts)
    assert sum(text.startswith("services") for text in drawn.texts) == 1


@given(
    st.lists(
        st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 10**6)), min_size=1, max_size=40), min_size=0, max_size=2
    )
)
def test_any_load_makes_a_picture_on_its_sheet(loads) -> None:
    """Prevents a run that fails for its picture."""
    rows = [row for name, figures in zip(("people", "services"), loads, strict=False) for row in days(name, *figures)]
    svg = load_plot(rows)
    drawn = read_svg(svg)
    assert all(0 <= x <= drawn.width and 0 <= y <= drawn.height for shape in drawn.shapes for x, y in shape.corners)
    assert len(svg) < 6000


def test_recall_and_precision_are_where_their_budgets_are() -> None:
    """Prevents a point of another budget, and a precision where nothing was raised."""
    drawn = read_svg(budget_plot([(10, 1, 0.18), (1, 0.5, None), (2, 0.75, 0.6)]))
    recall = next(shape for shape in drawn.shapes if shape.colour == PALETTE[0] and len(shape.corners) == 3)
    precision = next(shape for shape in drawn.shapes if shape.dashed and shape.corners[0][0] < 200)
    assert [y for _, y in recall.corners] == sorted((y for _, y in recall.corners), reverse=True)
    assert [x for x, _ in precision.corners] == [x for x, _ in recall.corners][1:]
    assert {"recall", "precision", "0", "5", "10", "0.2", "1"} <= set(drawn.texts)


@given(st.floats(1e-6, 1e15))
def test_a_step_is_round_and_not_below_its_value(value: float) -> None:
    """Prevents axes with labels such as 17.3, or so many of them that they overlap."""
    step = tick_step(value)
    assert value * 0.999 <= step <= 2.501 * value
    assert f"{step:.0e}"[0] in "125"


def test_numbers_are_short() -> None:
    """Prevents labels that run out of the picture."""
    assert [short(value) for value in (0, 0.5, 999, 20_000, 5 * 10**15)] == ["0", "0.5", "999", "20k", "5P"]
