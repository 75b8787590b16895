"""The notebook of the documentation runs as it stands there."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from lake.people import find_people
from lake.warehouse import build_warehouse
from tests.support.console_home import NOW
from tests.support.small_lake import DAY, OPENS, USER, ordinary

NOTEBOOK = Path(__file__).parents[3] / "docs" / "notebooks" / "demo.ipynb"


def test_the_notebook_runs_and_draws_both_months(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents a notebook that a change of the interface or of a table has broken."""
    small = ordinary(tmp_path)
    seen = {"provider": "box", "account": USER, "address": USER, "actor_class": "person"}
    small.add("box/identities", DAY, seen | {"first_seen": OPENS, "last_seen": OPENS})
    small.write()
    find_people(small.lake, organisation_domains=[])
    build_warehouse(small.lake)
    monkeypatch.setenv("UPLOADWATCH_HOME", str(tmp_path))
    monkeypatch.setenv("UPLOADWATCH_NOW", NOW.isoformat())
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=120).execute()
    drawn = [
        output for cell in notebook.cells for output in cell.get("outputs", []) if "image/png" in output.get("data", {})
    ]
    assert len(drawn) == 2
