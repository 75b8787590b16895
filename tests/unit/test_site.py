"""The built documentation: it is whole, loads nothing from other hosts, and has the addresses that checks link to."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlsplit

import dagster as dg
import pytest

from assets.core.runbooks import Runbooks
from orchestration.definitions import build_defs
from orchestration.settings import Settings

ROOT = Path(__file__).parents[2]
BASE = "https://docs.example.com/uploadwatch"
FETCHED = re.compile(r"""(?:url\(|@import )\s*["']?(?:https?:)?//""")
"""An address of another host that a style sheet fetches."""


class Page(HTMLParser):
    """Anchors of a page, and all that it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.diagrams = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.anchors |= {values["id"] or ""} if "id" in values else set()
        self.diagrams += tag == "pre" and "mermaid" in (values.get("class") or "")
        if tag != "a":
            self.loaded += [value for name in ("src", "href", "data", "action") if (value := values.get(name))]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a link that leads nowhere fails the build."""
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(out)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert built.returncode == 0, built.stderr
    return out


def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}


def test_no_page_loads_from_another_host(site: Path) -> None:
    """Prevents a font, script or picture of another host, which learns who reads what, and is missing offline."""
    for path, page in pages(site).items():
        foreign = [address for address in page.loaded if urlsplit(address).netloc]
        assert not foreign, path
        # The theme's script would load what draws it.
        assert not page.diagrams, path
    for path in site.rglob("*.css"):
        assert not FETCHED.search(path.read_text(encoding="utf-8")), path.name


def test_lists_and_tables_are_such(site: Path) -> None:
    """Prevents a list or a table that is text on the site, since no empty line is before it."""
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        paragraphs = re.findall(r"<p>(.*?)</p>", text, re.DOTALL)
        assert not [each for each in paragraphs if re.search(r"^(- |\|)", each, re.MULTILINE)], path
        # A block of code within a list that is not indented by four ends the list.
        assert not re.search(r"<code>\n", text), path


def test_a_link_has_the_title_of_its_page(site: Path) -> None:
    """Prevents a site that speaks of files, which its readers do not see."""
    text = (site / "configuration" / "index.html").read_text(encoding="utf-8")
    assert '<a href="../doctor/">The doctor</a>' in text
    assert not re.search(r"<a [^>]*>[\w/-]+\.md</a>", text)


def test_every_check_links_to_its_runbook(site: Path, tmp_path: Path) -> None:
    """Prevents a failing check whose link leads to the top of a page, or nowhere."""
    values = {"UPLOADWATCH_HOME": str(tmp_path), "UPLOADWATCH_EXPORTS": "csv", "UPLOADWATCH_DOCS_URL": f"{BASE}/"}
    box = {"BOX_CLIENT_ID": "a", "BOX_CLIENT_SECRET": "b", "BOX_ENTERPRISE_ID": "1", "BOX_RECOVER_SIZES": "true"}
    specs = build_defs({**values, **box}).resolve_asset_graph().asset_check_keys
    graph = build_defs({**values, **box})
    found = [spec for each in graph.asset_checks or () for spec in each.check_specs]
    found += [spec for each in graph.assets or () if isinstance(each, dg.AssetsDefinition) for spec in each.check_specs]
    assert {spec.key for spec in found} == set(specs)
    for spec in found:
        link = spec.metadata["runbook"]
        assert isinstance(link, dg.UrlMetadataValue), spec.name
        place, _, anchor = str(link.url).removeprefix(BASE).partition("#")
        page = Page((site / place.strip("/") / "index.html").read_text(encoding="utf-8"))
        assert anchor == spec.name
        assert anchor in page.anchors


def test_the_runbook_of_a_check_is_a_path_without_a_site() -> None:
    """Prevents a link to a site that nobody serves."""
    runbooks = Runbooks()
    assert runbooks.metadata("gaps") == {"runbook": dg.MetadataValue.text("docs/runbooks.md#gaps")}
    assert runbooks.sentence("gaps") == "See gaps in docs/runbooks.md."
    assert Runbooks(BASE).sentence("gaps") == f"See {BASE}/runbooks/#gaps"


@pytest.mark.parametrize("value", ["javascript:alert(1)", "docs.example.com", f"{BASE}/?q=1", "file:///docs"])
def test_an_address_of_the_site_that_no_browser_opens_is_refused(value: str) -> None:
    """Prevents links in the UI that run a script or lead nowhere; the message shows a right one."""
    with pytest.raises(
        ValueError, match=r"UPLOADWATCH_DOCS_URL cannot be used.*https://docs\.example\.com/uploadwatch"
    ):
        Settings.read({"UPLOADWATCH_DOCS_URL": value})
