"""Replays of a workload of one's own, from where somebody happens to be."""

from __future__ import annotations

from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from cli.replay import Home
from tests.support.command import say
from tests.support.pipeline import FIRST, write

pytestmark = pytest.mark.sampled


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


@pytest.mark.parametrize(
    ("name", "text", "wrong"),
    [
        ("ALLOW_LIST", '[[allow]]\nuser = "backup@example.com"\n', "has an entry 1 (backup@example.com)"),
        ("RISK_LIST", "user\nann@example.com\n", "It needs user and reason"),
        ("PERSONS", "name,address\nAnn,ann@example.com\n", "It needs person"),
        ("NETWORKS", "network,kind\n192.0.2.0/24,vpn\n", "line 2: kind 'vpn'"),
        ("GEOIP_COUNTRY", "<html>", "own (UPLOADWATCH_GEOIP_COUNTRY) is damaged"),
        ("SERVICE_BUDGET", "", "UPLOADWATCH_SERVICE_BUDGET"),
        ("SENSITIVE", "word\nsecret\n", "It needs match and value and category"),
    ],
)
def test_the_operators_own_files_count(beside: Path, name: str, text: str, wrong: str) -> None:
    """Prevents an allow-list that is tried on a replay and silently left aside, and a mistake in it told as a crash."""
    (beside / "own").write_text(text)
    own = {f"UPLOADWATCH_{name}": "own"}
    said = say("run", "--workload", "mine.parquet", "--home", "played", values=own)
    assert (said.status, said.out) == (1, "")
    assert wrong in " ".join(said.err.split())


def test_the_own_files_are_those_of_the_replay_and_of_its_ui(beside: Path) -> None:
    """Prevents a UI that is opened on a replay and judges it by other lists than it was judged by."""
    (beside / "risk.csv").write_text("user,reason\nann@example.com,leaver\n")
    days = ("--from", str(FIRST), "--to", str(FIRST))
    own = {"UPLOADWATCH_RISK_LIST": "risk.csv", "UPLOADWATCH_EXPORTS": "csv"}
    assert say("run", "--workload", "mine.parquet", "--home", "played", *days, values=own).status == 0
    noted = Home(Path("played")).variables()
    assert noted["UPLOADWATCH_RISK_LIST"] == str(beside / "risk.csv")
    assert "UPLOADWATCH_EXPORTS" not in noted
    assert not (beside / "played" / "exports").exists()
