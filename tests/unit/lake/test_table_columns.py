"""Columns of a table: declared once, and enforced when it is written."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest

from detection.tables import TABLES, empty
from lake.store import Lake
from lake.table_columns import TableColumnsError, verify_columns
from tests.support.memory import connect

DAY = date(2026, 1, 5)
IGNORED = "CAST('noise' AS VARCHAR) AS reason, CAST(3 AS BIGINT) AS events"


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ("CAST('noise' AS VARCHAR) AS reason", "column events is missing (declared as BIGINT)"),
        (f"{IGNORED}, TRUE AS surprise", "column surprise (BOOLEAN) is not declared"),
        (
            "CAST('noise' AS VARCHAR) AS reason, CAST(3 AS INTEGER) AS events",
            "column events is INTEGER, declared as BIGINT",
        ),
        ("CAST('noise' AS VARCHAR) AS reason, NULL AS events", 'column events is "NULL", declared as BIGINT'),
        ("CAST(3 AS BIGINT) AS events, 'noise' AS reason", "column events stands in the place of reason"),
        (
            "CAST('noise' AS VARCHAR) AS reason, CAST(3 AS BIGINT) AS event",
            "column events is missing (declared as BIGINT); column event (BIGINT) is not declared",
        ),
    ],
)
def test_other_columns_are_refused_with_table_and_column(tmp_path: Path, columns: str, said: str):
    """Prevents a changed query from filling a table that everything behind it reads otherwise."""
    lake = Lake(root=str(tmp_path))
    with connect() as con:
        con.execute(f"CREATE TABLE made AS SELECT {IGNORED}")
        lake.write(con, "made", "box/ignored", DAY, "")
        before = lake.part("box/ignored", DAY).read_bytes()
        con.execute(f"CREATE OR REPLACE TABLE made AS SELECT {columns}")
        with pytest.raises(TableColumnsError) as refused:
            lake.write(con, "made", "box/ignored", DAY, "")
    assert said in str(refused.value)
    assert str(refused.value).startswith("box/ignored is not written: ")
    assert "detection/tables.py" in str(refused.value)
    # What was there stays, and nothing half written beside it.
    assert lake.part("box/ignored", DAY).read_bytes() == before
    assert not lake.fault("box/ignored", DAY, deep=True)
    assert sorted(path.name for path in lake.directory("box/ignored", DAY).iterdir()) == ["part.json", "part.parquet"]


def test_a_table_that_is_not_declared_is_refused(tmp_path: Path):
    """Prevents a table without types, meaning and retention from growing in the lake."""
    with connect() as con, pytest.raises(TableColumnsError, match=r"surprises is not a declared table\. Declare its"):
        Lake(root=str(tmp_path)).write(con, "(SELECT 1 AS n)", "box/surprises", DAY, "")


@pytest.mark.parametrize("table", TABLES)
def test_a_table_of_the_declared_columns_is_written_and_read(tmp_path: Path, table: str):
    """Prevents a declaration whose types DuckDB calls by another name, so that no write would ever pass."""
    lake = Lake(root=str(tmp_path))
    with connect() as con:
        verify_columns(con, f"({empty(table)})", table)
        note, _ = lake.write(con, f"({empty(table)})", table, DAY, "")
        assert note.rows == 0
        # Read by the declared columns alone: DuckDB does not open each file to learn them.
        lake.view(con, "read_back", [table], [DAY])
        verify_columns(con, "read_back", table)
        assert "union_by_name" not in _definition(con, "read_back")


def _definition(con: duckdb.DuckDBPyConnection, view: str) -> str:
    [(sql,)] = con.execute("SELECT sql FROM duckdb_views() WHERE view_name = ?", [view]).fetchall()
    assert isinstance(sql, str)
    return sql
