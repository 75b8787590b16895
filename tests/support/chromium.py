"""The browser that pages are tested in: Debian's Chromium, driven by playwright."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

__all__ = ["chromium", "needs_chromium"]

_CHROMIUM = Path("/usr/bin/chromium")
_FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run"]
_FLAGS += [f"--disable-{part}" for part in ("background-networking", "component-update", "sync", "quic")]

needs_chromium = pytest.mark.skipif(
    not _CHROMIUM.exists() and "UPLOADWATCH_TEST_CHROMIUM" not in os.environ,
    reason=f"there is no {_CHROMIUM}; with UPLOADWATCH_TEST_CHROMIUM set that is a failure",
)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield Chromium without a window, which sends no requests by itself."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=str(_CHROMIUM), args=_FLAGS)
        yield started
        started.close()
