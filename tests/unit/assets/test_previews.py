"""Table previews in the metadata: small, cut, and harmless whatever people name their files."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.charts.pictures import alert_pictures, coverage_picture, hours_picture, markdown
from assets.core.preview import cell, preview
from common.svg import Drawing
from tests.support.drawn import Drawn, read_svg
from tests.support.made_lake import NOW, TODAY, MadeLake
from tests.support.memory import connect

HOUR = timedelta(hours=1)
MOST = 12_000
"""Bytes of a picture or preview, at most."""
HOSTILE = [
    "![x](https://evil.example/a.png)",
    "<img src=x onerror=alert(1)>",
    "a|b|c",
    "``` \n# heading",
    "`code` and `",
    "https://evil.example",
    "line\r\nbreak\x00\x1b[31m",
    "right\u202eto\u202cleft",
    "\\|",
    "x" * 5000,
]


@given(st.one_of(st.text(), st.sampled_from(HOSTILE)))
def test_a_cell_is_one_code_span_whatever_it_holds(text):
    """Prevents a file name that breaks the table, opens a link or loads a picture in the operator's browser."""
    shown = cell(text)
    assert len(shown) <= 34
    if shown:
        assert (shown[0], shown[-1], shown.count("`")) == ("`", "`", 2)
        assert shown[1:-1].strip()
        assert not set(shown) & set("|\\\n\r\0\x1b\u202e")


@pytest.fixture
def lake(tmp_path) -> MadeLake:
    return MadeLake(tmp_path)


def test_a_preview_is_a_small_table_of_what_tells_most(lake):
    """Prevents a table that is cut off or broken by its rows, and metadata that swell the event log."""
    rows = [{"time": NOW, "user": "ann@example.com", "file_name": name, "bytes": 10**15} for name in HOSTILE]
    lake.write("box/uploads", rows)
    with connect() as con:
        lake.lake.view(con, "uploads", ["box/uploads"], [TODAY])
        text = preview(con, "uploads", "uploads")["preview"].value
    lines = text.split("\n")
    assert lines[:2] == ["|time|user|file_name|bytes|size_source|", "|---|---|---|---|---|"]
    assert len(lines) == 7
    assert {line.count("|") for line in lines} == {6}
    assert "`ann@example.com`" in lines[2]
    assert len(text) < 1500


def test_an_empty_table_and_a_side_table_have_no_preview(lake):
    """Prevents empty tables in the UI that look as if something had been left out."""
    lake.write("box/uploads", [])
    with connect() as con:
        lake.lake.view(con, "uploads", ["box/uploads"], [TODAY])
        assert preview(con, "uploads", "uploads") == {}
        assert preview(con, "uploads", "ignored") == {}


def busy(lake: MadeLake) -> None:
    """A month of a busy organisation, and three alerts of one day."""
    start = datetime.combine(TODAY, datetime.min.time())
    for ago in range(31):
        hours: list[dict[str, Any]] = [
            {"provider": p, "user": f"{u}@example.com", "hour": start - ago * 24 * HOUR + h * HOUR, "files": h * u + 1}
            for h in range(24)
            for p in ("box", "dropbox", "google_workspace", "office365")
            for u in range(3)
        ]
        lake.write("user_hours", [{**row, "bytes": row["files"] * 10**6} for row in hours], TODAY - ago * 24 * HOUR)
    alerts = [
        {
            "user": f"{u}@example.com",
            "first_window_start": start + 9 * HOUR,
            "last_window_end": start + 12 * HOUR,
            "one_in": 100 * u,
            "users": 1,
        }
        for u in range(3)
    ]
    folded = {**alerts[0], "user": "folded@example.com", "one_in": 10**6, "folded_into": "flood"}
    lake.write("alerts", [*alerts, folded])


def pictures_in(markdown: str) -> list[Drawn]:
    """Return the pictures that a browser finds in Markdown."""
    return [
        read_svg(unquote(address)) for address in re.findall(r"!\[[a-z ]+\]\(data:image/svg\+xml,([^() ]+)\)", markdown)
    ]


def test_pictures_are_small_and_of_the_rarest_alerts(lake):
    """Prevents an event log of gigabytes, and pictures of alerts that are not shown."""
    busy(lake)
    sources = ("log", "recovered", "later_version", "estimated", "gone", "unknown")
    sized = [{"time": NOW + h * HOUR, "size_source": source} for h in range(12) for source in sources]
    lake.write("box/uploads", sized)
    with connect() as con:
        for name, table in (("user_hours", "user_hours"), ("uploads", "box/uploads"), ("day_alerts", "alerts")):
            lake.lake.view(con, name, [table], [TODAY])
        pictures = {**hours_picture(con), **coverage_picture(con), **alert_pictures(con, lake.lake, TODAY)}
    assert set(pictures) == {"uploads by hour", "sizes by hour", "alerts against the users' month"}
    for name, picture in pictures.items():
        assert all(drawn.shapes for drawn in pictures_in(str(picture.value))), name
        assert len(str(picture.value)) < MOST, name
    drawn = str(pictures["alerts against the users' month"].value)
    assert len(pictures_in(drawn)) == 2
    assert "`2@example.com`" in drawn
    assert "folded@example.com" not in drawn


@given(st.text(max_size=200))
def test_markdown_leaves_a_picture_as_it_is(words):
    """Prevents a sign of the picture that ends the address, or that Markdown takes for an entity of its own."""
    drawing = Drawing(100, 50, font_size=10)
    drawing.text(1, 10, words + "&amp; ) ( \\ ] <b> %41")
    [_, address] = markdown("load", drawing.document()).removesuffix(")").split("(")
    assert re.fullmatch(r"data:image/svg\+xml,[-\w.~/:;,='%]+", address, re.ASCII)
    assert unquote(address.partition(",")[2]) == drawing.document()


def test_a_day_without_rows_has_no_pictures(lake):
    """Prevents empty axes in the UI, and bytes of the event log for nothing."""
    for table in ("user_hours", "box/uploads", "alerts"):
        lake.write(table, [])
    with connect() as con:
        for name, table in (("user_hours", "user_hours"), ("uploads", "box/uploads"), ("day_alerts", "alerts")):
            lake.lake.view(con, name, [table], [TODAY])
        assert {**hours_picture(con), **coverage_picture(con), **alert_pictures(con, lake.lake, TODAY)} == {}
