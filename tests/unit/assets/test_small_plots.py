"""Pictures in metadata: what is drawn where, at any figures, in few bytes."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.charts.chart import ALERT, BLUE, PALETTE
from assets.charts.small_plots import alert_plot, coverage_plot, hours_plot
from tests.support.drawn import read_svg

START = datetime(2026, 3, 10, 9)
COUNTS = st.integers(0, 10**15)
PROVIDERS = st.sampled_from(["box", "dropbox", "google_workspace", "office365"])
SOURCES = st.sampled_from(["log", "recovered", "later_version", "estimated", "gone", "unknown"])


def test_the_alert_is_red_where_it_was_and_the_month_before_is_not() -> None:
    """Prevents a picture that points at another time than the alert's."""
    before = [(START - timedelta(days=day), 5, 10**6) for day in range(1, 30)]
    drawn = read_svg(alert_plot([*before, (START, 900, 10**9)], START, START + timedelta(hours=3)))
    files, megabytes = drawn.bars(ALERT)
    usual = drawn.bars(BLUE)[0].columns()
    assert files.columns() == megabytes.columns()
    assert len(files.columns()) == 2
    assert max(usual) < min(files.columns())
    assert len(usual) > 29
    assert files.height() > drawn.bars(BLUE)[0].height()
    assert {"files", "MB", "in three hours, UTC; the alert in red", "23 Feb"} <= set(drawn.texts)


def test_the_days_of_a_long_scale_are_red_and_as_many_before_are_not() -> None:
    """Prevents a theft over a week from being drawn as three hours of its last day."""
    days = [
        (START.replace(hour=0) + timedelta(days=day, hours=hour), 5, None) for day in range(-9, 7) for hour in (3, 9)
    ]
    start = START.replace(hour=0)
    drawn = read_svg(alert_plot(days, start, start + timedelta(days=7), scale_days=7))
    [red], [usual] = drawn.bars(ALERT), drawn.bars(BLUE)
    assert max(usual.columns()) < min(red.columns())
    # Each day is one bar, and those nine days before are out of the picture.
    assert len(red.columns()) == len(usual.columns())
    assert "in a day, UTC; the alert in red" in drawn.texts


def test_uploads_of_which_no_size_is_known_are_drawn_by_files_alone() -> None:
    """Prevents unknown sizes from being drawn as bytes."""
    known = read_svg(alert_plot([(START, 900, 10**9)], START, START + timedelta(hours=3)))
    unknown = read_svg(alert_plot([(START, 900, None)], START, START + timedelta(hours=3)))
    assert len(known.bars(ALERT)) == 2
    assert unknown.bars(ALERT) == known.bars(ALERT)[:1]


def test_each_provider_has_a_colour_its_hours_and_its_name() -> None:
    """Prevents a provider that is in the figures and not in the picture."""
    drawn = read_svg(hours_plot([(3, "box", 10), (20, "google_workspace", 10)]))
    [box], [google] = (drawn.bars(colour) for colour in PALETTE[:2])
    assert box.columns()
    assert max(box.columns()) < min(google.columns())
    assert box.height() == google.height()
    assert {"box", "google workspace"} <= set(drawn.texts)


def test_layers_stand_on_one_another_in_the_order_of_their_names() -> None:
    """Prevents known sizes that are drawn where the unknown ones are."""
    drawn = read_svg(coverage_plot([(3, "unknown", 10), (3, "log", 30)]))
    assert [shape.colour for shape in drawn.shapes if shape.filled] == [PALETTE[5], PALETTE[0]]
    [unknown], [log] = drawn.bars(PALETTE[5]), drawn.bars(PALETTE[0])
    assert unknown.columns() == log.columns()
    assert unknown.height() == pytest.approx(log.height() * 4 / 3, abs=1)
    assert [text for text in drawn.texts if text in {"log", "unknown"}] == ["unknown", "log"]


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 23), PROVIDERS, COUNTS), max_size=60),
    st.lists(st.tuples(st.integers(0, 23), SOURCES, COUNTS), max_size=60),
    st.lists(st.tuples(st.integers(-900, 900), COUNTS, st.none() | COUNTS), max_size=60),
)
def test_any_figures_make_a_small_picture_on_its_sheet(hours, sources, month) -> None:
    """Prevents a run that fails for its picture, an event log that swells, and bars beside the sheet."""
    moved = [(START + timedelta(hours=ago), files, size) for ago, files, size in month]
    for svg in (hours_plot(hours), coverage_plot(sources), alert_plot(moved, START, START + timedelta(hours=5))):
        drawn = read_svg(svg)
        for shape in drawn.shapes:
            assert all(0 <= x <= drawn.width and 0 <= y <= drawn.height for x, y in shape.corners)
        assert len(svg) < 6000


@pytest.mark.parametrize("files", [1, 7, 10**9])
def test_what_is_not_nothing_is_seen(files: int) -> None:
    """Prevents a single file beside a thousand, or below them, from being drawn as none."""
    apart = read_svg(hours_plot([(2, "box", 1), (9, "dropbox", files)]))
    assert apart.bars(PALETTE[0])[0].height() >= 1
    drawn = read_svg(hours_plot([(2, "box", files), (2, "dropbox", 1), (2, "office365", files)]))
    box, dropbox, office = (drawn.bars(colour)[0].height() for colour in PALETTE[:3])
    assert box < dropbox < office
