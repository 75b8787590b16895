"""Files that are replaced whole, and partitions read together."""

from __future__ import annotations

import os
import time
from datetime import date
from pathlib import Path

import duckdb
import pytest

from detection.tables import TABLES, empty
from lake.store import Lake, replace_text
from tests.support.memory import connect
from tests.support.older_lake import write_as_before

DAY = 86_400
DAYS = [date(2026, 1, 5), date(2026, 1, 6)]


def test_what_a_killed_process_left_is_removed_and_what_another_writes_is_not(tmp_path: Path) -> None:
    """Prevents a lake that grows by each killed run, and a run that takes away what another is about to rename."""
    path = tmp_path / "part.json"
    left, written, others = (tmp_path / name for name in (".part.json.k1", ".part.json.k2", ".part.parquet.k3"))
    for file in (left, written, others):
        file.write_text("half")
    for file in (left, others):
        os.utime(file, (time.time() - 2 * DAY,) * 2)
    replace_text(path, "whole")
    assert path.read_text() == "whole"
    assert sorted(each.name for each in tmp_path.iterdir()) == [written.name, others.name, path.name]


def columns(con: duckdb.DuckDBPyConnection, query: str) -> list[tuple[str, str]]:
    """A query's columns with their types."""
    return con.execute(f"SELECT column_name, column_type FROM (DESCRIBE {query})").fetchall()


@pytest.mark.parametrize("table", TABLES)
def test_partitions_of_the_same_columns_are_not_opened_to_learn_them(table: str, tmp_path: Path) -> None:
    """Prevents a type whose name Parquet changes, by which every view would open all of its files."""
    lake = Lake(root=str(tmp_path))
    with connect() as con:
        for day in DAYS:
            lake.write(con, f"({empty(table)})", table, day, "")
        lake.view(con, "read", [table], DAYS)
        [(query,)] = con.execute("SELECT sql FROM duckdb_views() WHERE view_name = 'read'").fetchall()
        assert "union_by_name" not in query
        assert columns(con, "FROM read") == columns(con, empty(table))


def test_columns_that_came_later_are_null_in_older_partitions(tmp_path: Path) -> None:
    """Prevents an upgrade that can't read what was written before it, or that shifts columns."""
    lake = Lake(root=str(tmp_path))
    [first, second] = DAYS
    with connect() as con:
        write_as_before(con, lake, "(SELECT 'copy' AS reason)", "box/ignored", first)
        lake.write(con, "(SELECT 'folder' AS reason, CAST(3 AS BIGINT) AS events)", "box/ignored", second, "")
        lake.view(con, "ignored", ["box/ignored"], DAYS, dated=True)
        found = con.execute("SELECT reason, events, day FROM ignored ORDER BY day").fetchall()
    assert found == [("copy", None, first), ("folder", 3, second)]
