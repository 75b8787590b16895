"""Pictures in metadata: what is drawn where, at any figures, in few bytes."""

from __future__ import annotations

import io
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from assets.charts.small_plots import alert_plot, coverage_plot, hours_plot

START = datetime(2026, 3, 10, 9)
RED, BLUE = (192, 57, 43), (91, 124, 153)
COUNTS = st.integers(0, 10**15)
PROVIDERS = st.sampled_from(["box", "dropbox", "google_workspace", "office365"])
SOURCES = st.sampled_from(["log", "recovered", "later_version", "estimated", "gone", "unknown"])


def columns(png: bytes, colour: tuple[int, int, int]) -> list[int]:
    """Return the columns, counted from the left, that show the colour or one close to it."""
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB")).astype(int)
    close = (abs(pixels - np.array(colour)) < 12).all(axis=2)
    return [int(place) for place in np.flatnonzero(close.any(axis=0))]


def test_the_alert_is_red_where_it_was_and_the_month_before_is_not() -> None:
    """Prevents a picture that points at another time than the alert's."""
    before = [(START - timedelta(days=day), 5, 10**6) for day in range(1, 30)]
    drawn = alert_plot([*before, (START, 900, 10**9)], START, START + timedelta(hours=3))
    red, blue = columns(drawn, RED), columns(drawn, BLUE)
    assert len(red) == 2
    assert blue[-1] < red[0]
    assert len(blue) > 29


def test_uploads_of_which_no_size_is_known_are_drawn_by_files_alone() -> None:
    """Prevents unknown sizes from being drawn as bytes."""
    unknown = alert_plot([(START, 900, None)], START, START + timedelta(hours=3))
    known = alert_plot([(START, 900, 10**9)], START, START + timedelta(hours=3))
    height = Image.open(io.BytesIO(known)).height
    lower = [
        Image.open(io.BytesIO(png)).convert("RGB").crop((60, height // 2 + 10, 400, height)).getcolors(1000)
        for png in (unknown, known)
    ]
    red = [
        sum(count for count, pixel in found or [] if isinstance(pixel, tuple) and pixel[0] > 150 > pixel[1])
        for found in lower
    ]
    assert red[0] == 0 < red[1]


def test_each_provider_has_a_colour_and_its_hours() -> None:
    """Prevents a provider that is in the figures and not in the picture."""
    drawn = hours_plot([(3, "box", 10), (20, "dropbox", 10)])
    box, dropbox = columns(drawn, (31, 119, 180)), columns(drawn, (255, 127, 14))
    assert box
    assert dropbox
    assert box[0] < dropbox[0]


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 23), PROVIDERS, COUNTS), max_size=60),
    st.lists(st.tuples(st.integers(0, 23), SOURCES, COUNTS), max_size=60),
    st.lists(st.tuples(st.integers(-900, 900), COUNTS, st.none() | COUNTS), max_size=60),
)
def test_any_figures_make_a_small_picture(hours, sources, month) -> None:
    """Prevents a run that fails for its picture, and an event log that swells with pictures."""
    moved = [(START + timedelta(hours=ago), files, size) for ago, files, size in month]
    for drawn in (hours_plot(hours), coverage_plot(sources), alert_plot(moved, START, START + timedelta(hours=5))):
        assert Image.open(io.BytesIO(drawn)).format == "PNG"
        assert len(drawn) < 6000


@pytest.mark.parametrize("files", [1, 7, 10**9])
def test_what_is_not_nothing_is_seen(files: int) -> None:
    """Prevents a single file beside a thousand from being drawn as none."""
    assert columns(hours_plot([(2, "box", 1), (9, "dropbox", files)]), (31, 119, 180))
