"""Pages in a browser: hostile names, narrow screens, dark and print, keyboard, and what a screen reader is given."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.support.chromium import chromium, needs_chromium
from tests.support.small_lake import ALERT_ID, OPENS, SmallLake, ordinary

pytestmark = needs_chromium

NOW = datetime(2026, 2, 21, 9)
MARKUP = '"><img src=x onerror=alert(1)><script>alert(2)</script>{{ 7 * 7 }}.zip'
TURNED = "invoice\u202exslx.exe"
LONG = "a" * 10_000 + ".pem"

_CONTRAST = """() => {
    const number = (text) => text.match(/[0-9.]+/g).map(Number);
    const light = ([r, g, b]) => {
        const part = [r, g, b].map((c) => c / 255).map((c) => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
        return .2126 * part[0] + .7152 * part[1] + .0722 * part[2];
    };
    const ground = (element) => {
        for (let at = element; at; at = at.parentElement) {
            const colour = number(getComputedStyle(at).backgroundColor);
            if (colour.length < 4 || colour[3] > 0) return colour;
        }
        return [255, 255, 255];
    };
    const weak = [];
    for (const element of document.querySelectorAll('body *:not(svg title, svg desc)')) {
        const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
        if (!own) continue;
        const style = getComputedStyle(element);
        const text = light(number(element.closest('svg') ? style.fill : style.color));
        const behind = light(ground(element));
        const ratio = (Math.max(text, behind) + .05) / (Math.min(text, behind) + .05);
        if (ratio < 4.5) weak.push([element.className.toString(), element.textContent.slice(0, 40), ratio]);
    }
    return weak;
}"""


@pytest.fixture(scope="module")
def browser(hostile) -> Iterator[Browser]:
    # After the pages: Dagster can't end its event loop while Playwright's runs.
    with chromium() as launched:
        yield launched


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> SmallLake:
    """Return a lake with pages of an alert with hostile names everywhere, the reviewer's too."""
    small = ordinary(tmp_path_factory.mktemp("hostile"))
    for n, name in enumerate((MARKUP, TURNED, LONG, "\x00\x1b[31m.key")):
        more = {"folder": name, "owner": f"{name}@evil.example", "app": name, "extension": "pem"}
        small.upload(OPENS + timedelta(minutes=n), name, **more, country=MARKUP[:40])
        small.act("share_external", OPENS + timedelta(hours=4, minutes=n), detail=name, app=name, file_name=name)
    small.run(NOW)
    return small


class Seen:
    """A page, and all that it asked for or complained about."""

    def __init__(self, browser: Browser, path: Path, **kind: Any) -> None:
        self.context = browser.new_context(**kind)
        self.page = self.context.new_page()
        self.said: list[str] = []
        url = path.as_uri()
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("dialog", lambda dialog: self.said.append(dialog.message))
        self.page.on("request", lambda request: self.said.append(request.url) if request.url != url else None)
        self.page.goto(url)

    def __enter__(self) -> Seen:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()


def pages(small: SmallLake) -> list[Path]:
    return [small.pages / f"{ALERT_ID}.html", small.pages / "index.html"]


def test_names_do_nothing_and_nothing_leaves_the_page(browser, hostile):
    """Prevents a file's name from running, from loading something, or from turning the line that it stands in."""
    for path in pages(hostile):
        with Seen(browser, path) as seen:
            assert seen.said == []
            assert seen.page.locator("img, script, iframe, form, object").count() == 0
            assert seen.page.locator("[style]").count() == 0
    with Seen(browser, pages(hostile)[0]) as seen:
        text = seen.page.inner_text("body")
        assert MARKUP in text
        assert "\u202e" not in text
        assert "invoiceU+202Exslx.exe" in text
        assert "(10,004 characters)" in text
        assert seen.page.locator("bdi", has_text="U+202E").count() > 0
        inside = seen.page.evaluate(
            "() => { const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
            " document.body.append(s); return window.ran; }"
        )
        assert inside is None


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_no_screen_scrolls_sideways(browser, hostile, width):
    """Prevents a page that a phone shows only a half of."""
    for path in pages(hostile):
        with Seen(browser, path, viewport={"width": width, "height": 800}) as seen:
            seen.page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
            assert seen.page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("kind", [{"color_scheme": "light"}, {"color_scheme": "dark"}])
def test_everything_can_be_read(browser, hostile, kind):
    """Prevents grey on grey, in the light or in the dark."""
    for path in pages(hostile):
        with Seen(browser, path, **kind) as seen:
            assert seen.page.evaluate(_CONTRAST) == []
            seen.page.emulate_media(media="print")
            assert seen.page.evaluate(_CONTRAST) == []


def test_it_prints(browser, hostile):
    """Prevents an empty or endless print-out for the file of the case."""
    with Seen(browser, pages(hostile)[0]) as seen:
        sheets = re.findall(rb"/Type\s*/Page\b", seen.page.pdf(format="A4"))
        assert 2 <= len(sheets) <= 12


def test_a_screen_reader_finds_its_way(browser, hostile):
    """Prevents headings out of order, pictures without words, and tables without heads."""
    for path in pages(hostile):
        with Seen(browser, path) as seen:
            levels = seen.page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4')].map((h) => +h.tagName[1])")
            assert levels[0] == 1
            assert levels.count(1) == 1
            assert all(after - before <= 1 for before, after in pairwise(levels))
            assert seen.page.locator("main").count() == seen.page.locator("header").count() == 1
            assert seen.page.get_attribute("html", "lang") == "en"
    with Seen(browser, pages(hostile)[0]) as seen:
        for svg in seen.page.locator("svg").all():
            ids = (svg.get_attribute("aria-labelledby") or "").split()
            assert len([id_ for id_ in ids if seen.page.locator(f"#{id_}").text_content()]) == 2
        for table in seen.page.locator("table").all():
            assert table.locator("caption").count() == 1
            assert table.locator("thead th[scope=col]").count() > 0
        ids = seen.page.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
        assert len(ids) == len(set(ids))


def test_the_keyboard_reaches_the_answers(browser, hostile):
    """Prevents links that only a mouse can follow."""
    with Seen(browser, pages(hostile)[0]) as seen:
        seen.page.keyboard.press("Tab")
        assert seen.page.evaluate("document.activeElement.textContent") == "Skip to the content"
        for _ in range(2):
            seen.page.keyboard.press("Tab")
        assert seen.page.evaluate("document.activeElement.textContent") == "Signs of compromise"
        seen.page.keyboard.press("Enter")
        # A navigation within the page is not over when the key is up.
        seen.page.wait_for_function("location.hash === '#compromise'")
