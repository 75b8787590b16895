"""Dagster's UI in a real browser, on a home as the demo leaves it: what a person on call looks at and clicks.

With UPLOADWATCH_SCREENSHOTS a directory, each page is kept there as a picture, for the README.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.support.chromium import chromium, needs_chromium
from tests.support.pipeline import Quick, burst, moment, watch, write
from tests.support.waiting import PATIENCE_SECONDS, wait_until

DAYS = 5
PATIENCE = 1000 * PATIENCE_SECONDS

pytestmark = [needs_chromium, pytest.mark.sampled("module")]


def served(url: str) -> bool:
    """Return whether somebody answers there."""
    try:
        return requests.get(url, timeout=PATIENCE_SECONDS).ok
    except requests.ConnectionError:
        return False


def ui(home: Path, port: int) -> list[str]:
    """Return the command that serves a home."""
    command = [sys.executable, "-c", "from cli.app import main; main()", "ui"]
    return [*command, "--port", str(port), "--home", str(home)]


@pytest.fixture(scope="module")
def home_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home as the demo leaves it."""
    folder = tmp_path_factory.mktemp("ui")
    events = burst("box", "one@example.com", moment(4, 10), files=700, minutes=50)
    workload = write(folder / "workload.parquet", events, days=DAYS, people=30)
    home = watch(workload, folder / "home", days=DAYS, providers=["box", "dropbox"], kept=True, detector=Quick())
    assert home.of("one@example.com")
    return home.home.path


@pytest.fixture(scope="module")
def address(home_path: Path) -> Iterator[str]:
    """The UI's address, as `make ui` serves it."""
    folder = home_path.parent
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (folder / "ui.log").open("wb") as log:
        process = subprocess.Popen(ui(home_path, port), stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_until(
            lambda: served(f"http://127.0.0.1:{port}/server_info"),
            "the UI is served",
            ended=lambda: process.poll() is not None and (folder / "ui.log").read_text(errors="replace")[-2000:],
            pause_seconds=0.3,
        )
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def browser_page(address: str) -> Iterator[Page]:
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1500, "height": 950}, base_url=address)
        page.set_default_timeout(PATIENCE)
        yield page


@pytest.fixture(autouse=True)
def kept(request: pytest.FixtureRequest, browser_page: Page) -> Iterator[None]:
    yield
    if folder := os.environ.get("UPLOADWATCH_SCREENSHOTS"):
        browser_page.screenshot(path=Path(folder) / f"{request.node.name.removeprefix('test_')}.png")


def test_the_graph_shows_what_leads_to_alerts(browser_page: Page) -> None:
    """Prevents a code location that validates and yet does not show."""
    browser_page.goto("/assets/alerts?view=lineage&lineageScope=upstream&lineageDepth=9")
    for name in ("audit_events", "user_hours", "baselines", "detections", "alerts"):
        expect(browser_page.get_by_text(name, exact=True).first).to_be_visible(timeout=PATIENCE)


def test_every_partition_is_filled(browser_page: Page) -> None:
    """Prevents runs over a range whose days the UI takes for missing."""
    browser_page.goto("/assets/alerts?view=partitions")
    expect(browser_page.get_by_text(f"Materialized ({DAYS})")).to_be_visible(timeout=PATIENCE)
    expect(browser_page.get_by_text("Missing (0)")).to_be_visible(timeout=PATIENCE)


def test_checks_say_what_they_found(browser_page: Page) -> None:
    """Prevents checks that pass or fail without a sentence."""
    browser_page.goto("/assets/box/uploads?view=checks")
    browser_page.get_by_text("rows_conserved", exact=True).first.click()
    expect(browser_page.get_by_text("events are accounted for")).to_be_visible(timeout=PATIENCE)


def test_a_second_ui_over_one_home_is_refused_with_the_address_of_the_first(address: str, home_path: Path) -> None:
    """Prevents a second daemon, which starts each schedule's run a second time."""
    done = subprocess.run(ui(home_path, 0), capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS)
    assert done.returncode == 1
    assert f"is served already: use {address}," in " ".join(done.stderr.split())


_IS_DRAWN = """(image) => {
    const sheet = document.createElement('canvas');
    [sheet.width, sheet.height] = [image.naturalWidth, image.naturalHeight];
    const drawing = sheet.getContext('2d');
    drawing.drawImage(image, 0, 0);
    const pixels = drawing.getImageData(0, 0, sheet.width, sheet.height).data;
    const colours = new Set();
    for (let at = 0; at < pixels.length; at += 4) colours.add(pixels.slice(at, at + 4).join());
    return {width: image.naturalWidth, height: image.naturalHeight, paper: pixels[0], colours: colours.size};
}"""


def test_an_alert_is_shown_with_its_picture(browser_page: Page) -> None:
    """Prevents an asset page on which an alert is a row count."""
    browser_page.goto("/assets/alerts?view=partitions&partition=2026-01-09")
    expect(browser_page.get_by_text("one@example.com").first).to_be_visible(timeout=PATIENCE)
    browser_page.get_by_text("[Show Markdown]").first.click()
    picture = browser_page.locator("img[src^='data:image/svg+xml']").first
    expect(picture).to_be_visible(timeout=PATIENCE)
    assert picture.evaluate(_IS_DRAWN)["width"] > 200


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("asset", ["alerts", "user_hours", "box/uploads"])
def test_pictures_are_drawn_in_the_light_and_in_the_dark(
    browser_page: Page, asset: str, scheme: Literal["light", "dark"]
) -> None:
    """Prevents metadata that the UI shows as a broken image, as it does where it refuses the address or the SVG."""
    browser_page.emulate_media(color_scheme=scheme)
    browser_page.goto(f"/assets/{asset}?view=partitions&partition=2026-01-09")
    browser_page.get_by_text("[Show Markdown]").first.wait_for()
    for shown in browser_page.get_by_text("[Show Markdown]").all():
        shown.click()
        if browser_page.locator("img[src^='data:']").count():
            break
        browser_page.keyboard.press("Escape")
    picture = browser_page.locator("img[src^='data:image/svg+xml']").first
    expect(picture).to_be_visible(timeout=PATIENCE)
    drawn = picture.evaluate(_IS_DRAWN)
    browser_page.emulate_media(color_scheme="light")
    assert drawn["width"] > 200
    assert drawn["height"] > 100
    assert drawn["colours"] > 3, "paper, ink and bars"
    assert (drawn["paper"] > 200) == (scheme == "light")


def test_a_backfill_is_launched_and_done(browser_page: Page, address: str) -> None:
    """Prevents a backfill that only the command can do, or that Dagster cuts into a run for each day."""
    browser_page.goto("/locations/uploadwatch/jobs/watch_uploads")
    browser_page.get_by_text("Materialize all").first.click()
    days = browser_page.get_by_placeholder("ex: 2026")
    days.fill("[2026-01-07...2026-01-09]")
    days.press("Enter")
    browser_page.get_by_role("button", name="Launch backfill").click()
    query = (
        "{ partitionBackfillsOrError(limit: 1) { ... on PartitionBackfills "
        "{ results { status runs(limit: 50) { status } } } } }"
    )

    def statuses() -> list[str]:
        """Return the status of each run once all runs of the backfill are over."""
        found = requests.post(f"{address}/graphql", json={"query": query}, timeout=PATIENCE_SECONDS).json()
        results = found["data"]["partitionBackfillsOrError"]["results"]
        begun = [run["status"] for result in results for run in result["runs"]]
        return begun if {*begun} <= {"SUCCESS", "FAILURE"} else []

    assert wait_until(statuses, "the backfill is over", pause_seconds=1) == ["SUCCESS"]
    browser_page.goto("/runs?view=backfills")
    expect(browser_page.get_by_text("3 partitions").first).to_be_visible(timeout=PATIENCE)
