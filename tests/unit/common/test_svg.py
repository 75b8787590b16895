"""SVG by hand: texts that are only texts, and outlines that are where their bars are."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment

from common.svg import Bar, Drawing, Stroke
from tests.support.drawn import read_svg

HOSTILE = [
    "</text><script>alert(1)</script>",
    "<![CDATA[ ]]> <!-- & &amp; &#0;",
    "'\"><image href='https://evil.example/a.png'/>",
    "line\r\nbreak\x00\x1b[31m\ud800",
    "right\u202eto\u202cleft",
]


EMPTY = Drawing(100, 50, font_size=10)


@given(st.text() | st.sampled_from(HOSTILE))
def test_a_text_is_a_text_whatever_it_holds(words: str) -> None:
    """Prevents a name that runs, loads or draws something, and a picture that no reader of XML opens."""
    drawing = Drawing(100, 50, font_size=10)
    drawing.text(1, 10, words, "middle")
    document = drawing.document()
    expected = "".join("\ufffd" if unicodedata.category(sign)[0] == "C" else sign for sign in words)
    assert read_svg(document).texts == [expected]
    assert document.count("<") == EMPTY.document().count("<") + 4, "one group and one text, with their ends"
    document.encode()


def test_a_page_shows_a_drawing_and_escapes_its_texts() -> None:
    """Prevents a picture that a template shows as its source, and styles that the page's policy refuses."""
    drawing = Drawing(100, 50, font_size=10)
    drawing.text(1, 10, HOSTILE[0])
    drawing.lines([[(0, 0), (10, 10)]], Stroke("var(--line)", dashes="4,3"))
    shown = Environment(autoescape=True).from_string("{{ drawing }}").render(drawing=drawing)
    assert shown.startswith("<path ")
    assert "<script" not in shown
    assert "style" not in shown


@pytest.mark.parametrize("start", [0, 3.5])
def test_bars_are_drawn_apart_and_side_by_side(start: float) -> None:
    """Prevents an outline that joins bars which have nothing between them."""
    drawing = Drawing(100, 50, font_size=10)
    drawing.bars([Bar(start, start + 2, 30), Bar(start + 2, start + 4, 20), Bar(start + 10, start + 12, 40)], 45, "red")
    [shape] = read_svg(drawing.document()).shapes
    assert shape.corners == [
        *[(start, 45), (start, 30), (start + 2, 30), (start + 2, 20), (start + 4, 20), (start + 4, 45)],
        *[(start + 10, 45), (start + 10, 40), (start + 12, 40), (start + 12, 45)],
    ]


def test_nothing_is_drawn_of_nothing() -> None:
    """Prevents empty paths, which are errors to some readers."""
    drawing = Drawing(100, 50, font_size=10)
    drawing.bars([], 45, "red")
    drawing.lines([[]], Stroke())
    drawing.dots([], Stroke(), "round")
    assert read_svg(drawing.document()).shapes == []
