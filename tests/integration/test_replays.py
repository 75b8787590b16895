"""Replays of a workload of one's own, from where somebody happens to be."""

from __future__ import annotations

from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tests.integration.command import say
from tests.integration.pipeline import FIRST, write


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a workload of Dropbox alone, and the process in it."""
    write(tmp_path / "mine.parquet", [], days=1, people=20)
    table = pq.read_table(tmp_path / "mine.parquet")
    pq.write_table(table.filter(pc.equal(table["provider"], "dropbox")), tmp_path / "mine.parquet")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_workload_beside_the_operator_is_played(beside: Path) -> None:
    """Prevents a command that works in the project's directory only, and says elsewhere that a file is not there."""
    days = ("--from", str(FIRST), "--to", str(FIRST))
    said = say("run", "--workload", "mine.parquet", "--home", "played", *days)
    assert "0 alerts in played" in said.out
    assert list((beside / "played" / "lake" / "dropbox" / "uploads").glob("day=*/part.parquet"))


def test_what_a_workload_lacks_is_said(beside: Path) -> None:
    """Prevents a traceback of Dagster where a provider is asked for that the workload has nothing of."""
    said = say("run", "--workload", "mine.parquet", "--home", "played", "--provider", "box")
    assert said.status == 2
    assert "no events of box, only of dropbox" in " ".join(said.err.replace("│", " ").split())


@pytest.mark.parametrize(("name", "text"), [("w.parquet", "no Parquet"), ("w.csv", "a,b\n1,2\n")])
def test_a_file_that_is_no_workload_is_said_to_be_none(beside: Path, name: str, text: str) -> None:
    """Prevents a traceback of the database where the wrong file was named."""
    (beside / name).write_text(text)
    said = say("run", "--workload", name, "--home", "played")
    assert said.status == 2
    assert f"{name} is no workload" in " ".join(said.err.replace("│", " ").split())
