"""Documentation against the repository: the links, commands and risk indicators that it names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import duckdb
import typer.main

from cli.app import app
from detection.reasons import REASONS
from detection.tables import empty

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bench/**/*.md")])
CODE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
LINK = re.compile(r"\]\(([^()\s]+)\)")
SPAN = re.compile(r"`([^`]+)`")
COMMAND = re.compile(r"^(?:.*bin/)?uploadwatch ([a-z][a-z-]+)", re.MULTILINE)


def prose(page: Path) -> str:
    """Return a page without its blocks of code."""
    return CODE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    return {re.sub(r"[^\w\- ]", "", each).strip().lower().replace(" ", "-") for each in HEADING.findall(prose(page))}


def test_links_lead_somewhere() -> None:
    """Prevents a link to a page or a heading that was renamed."""
    broken = []
    for page in PAGES:
        for link in LINK.findall(prose(page)):
            path, _, anchor = link.partition("#")
            target = page.parent / path if path else page
            if not link.startswith("https://") and (
                not target.exists() or (anchor and anchor not in anchors(target.resolve()))
            ):
                broken.append(f"{page.relative_to(ROOT)}: {link}")
    assert not broken


def test_commands_exist() -> None:
    """Prevents a page from naming a command that does not exist."""
    commands = set(cast("Any", typer.main.get_command(app)).commands)
    unknown = []
    for page in PAGES:
        shown = [*CODE.findall(page.read_text(encoding="utf-8")), *SPAN.findall(prose(page))]
        named = {name for each in shown for name in COMMAND.findall(each)}
        unknown += [f"{page.relative_to(ROOT)}: {name}" for name in named - commands]
    assert not unknown


def test_every_risk_indicator_is_documented() -> None:
    """Prevents an indicator that no analyst can look up, and one that is promised and does not exist."""
    page = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    table = page.split("| reason | strength | about | when |")[1].split("\n\n")[0]
    lines = [line for line in table.splitlines() if line.startswith("| `")]
    rows = [[cell.strip(" `") for cell in line.split("|")[1:4]] for line in lines]
    assert sorted(rows) == sorted([name, reason.strength, reason.about] for name, reason in REASONS.items())


def test_queries_of_uploads_run() -> None:
    """Prevents a query for users that names a column which the tables do not have."""
    [query] = re.findall(
        r"^```sql\n(.*?)^```", (ROOT / "docs" / "coming-from.md").read_text(), re.MULTILINE | re.DOTALL
    )
    with duckdb.connect() as con:
        con.execute(f"CREATE VIEW uploads AS SELECT *, DATE '2026-03-01' AS day FROM ({empty('uploads')})")
        assert con.execute(query).fetchall() == []
