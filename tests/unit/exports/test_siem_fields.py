"""Fields that docs/siem.md names, against the columns of what the product exports."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from duckdb.sqltypes import DuckDBPyType

from tests.support.memory import connect
from tests.unit.exports.test_exported_findings import BESIDE, fill, findings, revision

PAGE = (Path(__file__).parents[3] / "docs" / "siem.md").read_text(encoding="utf-8")
SPAN = re.compile(r"`([^`]+)`")
BLOCK = re.compile(r"^```(spl|kusto|esql)\n(.*?)^```", re.MULTILINE | re.DOTALL)
NESTED = re.compile(r"\b(?:metadata|finding_info|unmapped|actor|file|src_endpoint)(?:\.[a-z_]+)+\b")


def paths(name: str, kind: DuckDBPyType) -> Iterator[str]:
    """Yield the path of an attribute and of those in it; ``[]`` stands for the elements of a list."""
    yield name
    if kind.id in ("list", "struct"):
        for child, of in kind.children:
            if isinstance(of, DuckDBPyType):
                yield from paths(f"{name}[]" if kind.id == "list" else f"{name}.{child}", of)


def of_table(con: duckdb.DuckDBPyConnection, table: str) -> set[str]:
    relation = con.table(table)
    columns = zip(relation.columns, relation.types, strict=True)
    return {path for name, kind in columns for path in paths(name, kind)}


@pytest.fixture(scope="module")
def exported() -> dict[str, set[str]]:
    """The paths of an exported alert and of its uploads, as OCSF and as CSV."""
    with connect() as con:
        fill(con, "uploads", [])
        fill(con, "revisions", [revision("a", 1, "open", name="n", severity="Low", sentence="s", files=60)])
        fill(con, "published", [])
        con.execute("ALTER TABLE published RENAME TO ledger")
        fill(con, "reviews", [])
        fill(con, "shown", [], BESIDE)
        assert findings(con)
        tables = {"alerts": "detection_finding", "uploads": "ocsf_uploads", "alerts CSV": "alert_rows"}
        return {name: of_table(con, table) for name, table in tables.items()} | {
            "uploads CSV": of_table(con, "uploads")
        }


def cells(heading: str) -> list[list[set[str]]]:
    """Return the names in code in each cell of a section's table, without its header."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[set(SPAN.findall(cell)) for cell in line.strip("| ").split(" | ")] for line in lines[1:]]


@pytest.mark.parametrize("kind", ["alerts", "uploads"])
def test_the_tables_name_exported_fields(exported, kind):
    """Prevents a search for a field that no row has, which finds nothing and looks like a quiet day."""
    rows = cells(f"Fields of {kind}")
    assert len(rows) > 10
    for row in rows:
        assert row[1] <= exported[kind], row
        assert row[1]
        for columns in row[2:]:
            assert columns <= exported[f"{kind} CSV"], row


def test_the_searches_name_exported_fields(exported):
    """Prevents a ready search with a field of an earlier version."""
    blocks = BLOCK.findall(PAGE)
    assert len(blocks) == 10
    for language, text in blocks:
        named = set(NESTED.findall(text))
        assert named, language
        assert named <= exported["alerts"] | exported["uploads"], (language, text)


def test_the_mapping_names_exported_fields(exported):
    """Prevents a parser that leaves a field of the Unified Data Model empty."""
    rows = cells("Google SecOps")
    assert len(rows) > 10
    assert all(row[0] and row[0] <= exported["alerts"] | exported["uploads"] for row in rows)
