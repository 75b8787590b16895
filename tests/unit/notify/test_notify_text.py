"""Texts for people: what comes from outside is shown, and does nothing."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notify.links import linked
from notify.messages import capped, feed_message, run_failed, source_message
from notify.outbox import Letter
from notify.text import harmless, headline, text_of

HOSTILE = [
    "<!channel>",
    "<!here|here>",
    "<@U0123>",
    "<at>everyone</at>",
    "@everyone",
    "ann@everyone",
    "a @here b",
    "[click](https://evil.example/x)",
    "https://evil.example",
    "see www.evil.example",
    "`code` *bold* ~gone~ _it_ __under__ ||spoiler||",
    "\u202egpj.exe",
    "two\nlines\u2028and\rmore\x00",
    "\\*",
]
ACTS = re.compile(
    r"[<>\[\]`*~|\\#\n\r\x00\u2028\u202e]|://|@(?:everyone|here|channel|all)\b|(?<![A-Za-z0-9])_", re.IGNORECASE
)


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_from_outside_acts(text):
    """Prevents the name of an app or a user from paging a whole company or from planting a link."""
    assert not ACTS.search(harmless(text))
    assert "evil.example" not in harmless(text)


@given(st.text(max_size=80))
def test_no_text_acts(text):
    """Prevents a shape that nobody thought of, and a text that grows beyond its cap."""
    shown = harmless(text, 50)
    assert not ACTS.search(shown)
    assert len(shown) <= 50


def test_what_people_need_stays_readable():
    """Prevents the escaping from spoiling addresses, figures and times that an analyst copies."""
    text = "In the three hours from 2026-02-24 03:00 UTC, ann_b.c+d@mail.example.com uploaded 1,628 files (3.6 GB)."
    assert harmless(text) == text
    assert harmless("at work from 198.51.100.7, Rclone 1.65") == "at work from 198.51.100.7, Rclone 1.65"


def _about(text: str) -> dict[str, object]:
    reasons = [{"name": "risk_list", "strength": "strong", "evidence": text}] * 60
    figures = {"alert_id": "a", "revision": 2, "first_window_start": "2026-03-01T12:00:00Z"}
    closed = {"user": text, "state": "withdrawn", "reason": text}
    return {"name": text, "severity": "Low", "sentence": text, "reasons": reasons, **figures, **closed}


@pytest.mark.parametrize("event", ["case.opened", "case.updated", "alert.withdrawn"])
def test_a_whole_message_is_short_and_harmless(event):
    """Prevents a long evidence from making a message that a channel refuses, for ever."""
    about = _about("<!channel> " * 5000)
    assert len(headline(event, about)) <= 150
    assert len(text_of(event, about)) <= 1700
    assert "<" not in headline(event, about) + text_of(event, about)
    assert text_of(event, _about("short")).endswith("Alert a, revision 2")
    assert len(str(capped(about))) < 200_000


def test_the_title_names_the_person_and_the_amount_and_the_text_links_to_the_page():
    """Prevents two titles for all alerts, and messages from which nobody finds the page."""
    about = {**_about("short"), "user": "ann@example.com", "files": 800, "sized_files": 800, "bytes": 7_000_000_000}
    assert headline("case.opened", about) == "short (Low): ann@example.com, 800 files, 7.0 GB"
    letter = linked(Letter(1, "a", 2, "case.opened", about, 0), "https://uploads.example.com")
    lines = text_of(letter.event, letter.about).splitlines()
    assert lines[1] == "Page: https://uploads.example.com/pages/a.html"
    failing = Letter(
        1, "source-box", 1, "source.failing", {"provider": "box", "since": "x", "reason": "y", "steps": []}, 0
    )
    assert linked(failing, "https://uploads.example.com").about["page"] == "https://uploads.example.com/health"
    assert linked(letter, "") is letter


def test_messages_about_the_watching_are_harmless_too():
    """Prevents what an error or a provider says from acting where an alert's text may not."""
    failed = run_failed("r", "watch_uploads", ["2026-03-01", "2026-03-02"], {"box__uploads": "<!channel> @everyone"})
    stale = feed_message("box", stale=True, said="<!channel>")
    about = {"since": "2026-03-02T12:00:00Z", "reason": "<!channel> @everyone", "steps": ["pull"]}
    failing = source_message("box", failing=True, about=about)
    assert "days 2026-03-01 to 2026-03-02" in text_of(failed.event, failed.about)
    assert "Box" in headline(stale.event, stale.about)
    assert "Box fails since 2026-03-02T12:00:00Z" in text_of(failing.event, failing.about)
    for message in (failed, stale, failing):
        assert not re.search(
            r"<!|@everyone", headline(message.event, message.about) + text_of(message.event, message.about)
        )
