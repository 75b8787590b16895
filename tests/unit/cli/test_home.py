"""A directory that a replay makes, and makes anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.replay import Home


def test_a_replay_begins_with_nothing_of_the_one_before(tmp_path: Path) -> None:
    """Prevents a second demo whose alerts nobody is told of, because the first one's had the same ids."""
    home = Home(tmp_path)
    (tmp_path / "lake" / "alerts").mkdir(parents=True)
    (tmp_path / "limits").mkdir()
    for name in (home.variables_file.name, "outbox.db", "outbox.db-wal", "warehouse.duckdb"):
        (tmp_path / name).write_text("{}")
    home.clear()
    assert [path.name for path in tmp_path.iterdir()] == ["limits"]


def test_a_lake_that_no_replay_made_is_left_alone(tmp_path: Path) -> None:
    """Prevents a demo from deleting the lake of a deployment."""
    kept = tmp_path / "lake" / "alerts" / "part.parquet"
    kept.parent.mkdir(parents=True)
    kept.touch()
    with pytest.raises(FileExistsError, match="Name another directory with --home"):
        Home(tmp_path).clear()
    assert kept.exists()
