"""The console in a browser: triage by keyboard, narrow and dark screens, and what a screen reader is given."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from lake.audit_log import read_acts
from tests.support.chromium import chromium, needs_chromium
from tests.support.console_home import TOKEN, Console, make_cases, served
from tests.support.published_alerts import Published

pytestmark = needs_chromium

PAGES = ["/", "/?state=reviewed&person=nobody&since=x", "/audit", "/reveal"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


@pytest.fixture
def home(tmp_path: Path) -> Published:
    return make_cases(tmp_path, 14)


@pytest.fixture
def console(home: Published, tmp_path: Path) -> Iterator[Console]:
    with served(tmp_path) as console:
        yield console


def _opened(browser: Browser, console: Console, **kind: Any) -> tuple[Page, list[str]]:
    """Return a signed-in page, and what the browser complains about."""
    page = browser.new_context(**kind).new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(f"{console.address}/?token={TOKEN}")
    return page, said


def _press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def test_ten_cases_are_triaged_by_the_keyboard_alone(browser: Browser, console: Console, home: Published) -> None:
    """Prevents an act of triage that needs a pointer, and a key that reviews another case than the marked one."""
    page, said = _opened(browser, console)
    # Three at once from the queue.
    _press(page, "j", "x", "j", "x", "j", "x")
    marked = page.eval_on_selector_all("input[name=case]:checked", "boxes => boxes.map(box => box.value)")
    _press(page, "b")
    page.keyboard.type("a camera archive")
    with page.expect_navigation():
        _press(page, "Enter")
    assert page.inner_text(".notice") == "3 cases reviewed as benign."
    # Seven on their own pages: the first in the queue is the next one.
    for _ in range(7):
        _press(page, "j")
        with page.expect_navigation():
            _press(page, "Enter")
        with page.expect_navigation():
            _press(page, "t")
        _press(page, "c")
        page.keyboard.type("data was stolen")
        with page.expect_navigation():
            _press(page, "Enter")
        assert page.inner_text(".notice") == "1 case reviewed as confirmed."
        with page.expect_navigation():
            _press(page, "g")
    assert said == []
    rows = home.rows("SELECT verdict, count(*) AS number FROM cases GROUP BY ALL ORDER BY ALL")
    assert rows == [
        {"verdict": "benign", "number": 3},
        {"verdict": "confirmed", "number": 7},
        {"verdict": None, "number": 4},
    ]
    assert {act.about for act in read_acts(home.lake, acts=["benign"])} == set(marked)


def test_a_key_is_no_verdict_without_a_reason(browser: Browser, console: Console, home: Published) -> None:
    """Prevents a slip of the key, or Enter in the field of the reason, from reviewing a case."""
    page, _ = _opened(browser, console)
    _press(page, "j", "b", "Enter")
    page.wait_for_selector(".notice.failed")
    page.fill("#queue-note", "typed without a verdict")
    page.focus("#queue-note")
    _press(page, "Enter")
    page.wait_for_timeout(300)
    assert [each.act for each in read_acts(home.lake)] == ["sign_in"]


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_no_page_has_a_serious_fault_of_accessibility(browser: Browser, console: Console, colours: str) -> None:
    """Prevents pages that a screen reader, a keyboard or weak eyes can't use."""
    page, said = _opened(browser, console, color_scheme=colours)
    page.click("a.open >> nth=0")
    case = re.search(r'action="/cases".*?name="case" value="([0-9a-f]+)"', page.content(), re.S).group(1)
    pages = [*PAGES, f"/cases/{case}", f"/cases/{case}/allow", "/people/user0003%40example.com"]
    for path in pages:
        page.goto(f"{console.address}{path}")
        found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        serious = [
            (path, each["id"], [node["html"] for node in each["nodes"]])
            for each in found
            if each["impact"] in ("serious", "critical")
        ]
        assert serious == []
    assert said == []


def test_no_page_is_wider_than_a_phone(browser: Browser, console: Console) -> None:
    """Prevents a queue that has to be scrolled sideways at night on a phone."""
    page, _ = _opened(browser, console, viewport={"width": 360, "height": 740})
    for path in (*PAGES, "/people/user0003%40example.com"):
        page.goto(f"{console.address}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path


def test_every_page_works_without_scripts(browser: Browser, console: Console, home: Published) -> None:
    """Prevents triage that needs the script of the page."""
    page, _ = _opened(browser, console, java_script_enabled=False)
    page.check("input[name=case] >> nth=0")
    page.fill("#queue-note", "asked")
    page.click("button[value=benign]")
    assert "1 case reviewed as benign." in page.inner_text(".notice")
    assert len(read_acts(home.lake, acts=["benign"])) == 1
