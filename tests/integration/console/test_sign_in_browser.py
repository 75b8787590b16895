"""Signing in and out in a browser, which decides about cookies, origins and the content policy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from tests.integration.console.test_sign_in import ANN, variables
from tests.support.chromium import chromium, needs_chromium
from tests.support.identity_provider import identity_provider
from tests.support.served_console import served_console

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


@pytest.mark.parametrize("script", [True, False])
def test_a_link_from_elsewhere_leads_through_the_sign_in_and_a_form_out(
    browser: Browser, tmp_path: Path, script: bool
) -> None:
    """Prevents cookies, origins or policies with which real browsers cannot sign in, send a form, or sign out."""
    with identity_provider() as provider, served_console(tmp_path / "home", variables(provider)) as console:
        provider.person = dict(ANN)
        page = browser.new_context(java_script_enabled=script).new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        # Another site by name and port, as a chat is.
        page.goto(f"{provider.url.replace('127.0.0.1', 'localhost')}/none")
        page.set_content(f'<a href="{console.url}/sessions?from=chat">a case</a>')
        said.clear()
        with page.expect_navigation(url="**/sessions?from=chat"):
            page.click("a")
        assert page.inner_text("h1") == "Sessions"
        assert "ann.lee@example.com" in page.inner_text(".bar")
        if script:
            assert Axe().run(page).response["violations"] == []
        page.click("text=Sign out")
        assert page.inner_text("h1") == "You are signed out"
        assert page.context.cookies(console.url) == [] or all(
            "sign-in" in cookie["name"] for cookie in page.context.cookies(console.url)
        )
        page.goto(f"{console.url}/none")
        assert page.inner_text("h1") == "There is no such page"
        assert said == [each for each in said if "404" in each]
