"""Exit of a command that can't do its work."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.command import say


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "lake").mkdir()
    return tmp_path


def test_a_damaged_database_is_a_sentence(home: Path) -> None:
    """Prevents fifty lines of traceback where an operator needs to know which file to restore."""
    (home / "outbox.db").write_bytes(b"garbage " * 2000)
    done = say("outbox", "--home", str(home))
    assert done.status == 1
    said = done.err.replace("\n", "")
    assert f"{home}/outbox.db" in said
    assert "file is not a database. Restore it from a backup" in " ".join(done.err.split())
    assert "Traceback" not in done.err


def test_a_locked_database_is_a_sentence(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents a traceback where another process holds the outbox."""
    monkeypatch.setattr("notify.outbox._SECONDS_TO_WAIT", 0.01)
    assert say("outbox", "--home", str(home)).status == 0
    with closing(sqlite3.connect(home / "outbox.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        done = say("outbox", "--home", str(home))
    assert done.status == 1
    assert "is locked" in " ".join(done.err.split())
    assert "Traceback" not in done.err


def test_a_file_that_cannot_be_written_is_a_sentence(home: Path) -> None:
    """Prevents an error without the file that could not be written, or what to do."""
    (home / "lake" / ".lock").symlink_to("/dev/full/none")
    done = say("alerts", "--home", str(home))
    assert done.status == 1
    assert "Traceback" not in done.err
    assert f"{home}/lake" in done.err.replace("\n", "")


@pytest.mark.parametrize("name", ["load.png", "load"])
def test_a_picture_of_another_format_is_refused_with_the_right_one(home: Path, name: str) -> None:
    """Prevents a file whose name says PNG and which no program opens."""
    done = say("status", "--home", str(home), "--plot", str(home / name))
    assert done.status == 2
    said = " ".join(done.err.replace("│", " ").split())
    assert "--plot" in said
    assert f"Pictures are written as SVG: give '{name}' the suffix .svg." in said
    assert not (home / name).exists()


def test_a_fault_of_the_program_keeps_its_traceback(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents a fault of the program from ending as "Error: 'egnyte'", which nobody can mend or report."""

    def broken(*_: object) -> None:
        raise KeyError("egnyte\x1b]0;title\x07")

    monkeypatch.setattr("cli.alerts.read_alerts", broken)
    done = say("alerts", "--home", str(home))
    assert done.status == 1
    assert "Traceback" in done.err
    assert "KeyError" in done.err
