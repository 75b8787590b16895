"""``warehouse.duckdb``: views over the lake that follow it, and are made anew only where there are others."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import pytest

from detection.tables import empty
from lake.store import Lake
from lake.warehouse import build_warehouse, warehouse_path
from tests.support.memory import connect


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(root=str(tmp_path / "it's" / "lake"))


def put(lake: Lake, table: str, day: date, user: str) -> None:
    """Write a partition of one row."""
    with connect() as con:
        con.execute(f"CREATE TABLE rows AS {empty(table.rpartition('/')[2])}")
        con.execute('INSERT INTO rows ("user") VALUES (?)', [user])
        lake.write(con, "rows", table, day, "")


def asked(lake: Lake, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(warehouse_path(lake)), read_only=True) as con:
        return con.execute(query).fetchall()


def test_views_hold_all_providers_and_what_comes_later(lake):
    """Prevents a view that misses a provider, or days written after it was made."""
    put(lake, "box/uploads", date(2026, 1, 5), "ann")
    put(lake, "dropbox/uploads", date(2026, 1, 6), "ben")
    put(lake, "user_hours", date(2026, 1, 5), "ann")
    assert build_warehouse(lake)
    put(lake, "box/uploads", date(2026, 1, 7), "cleo")
    assert not build_warehouse(lake)
    assert asked(lake, 'SELECT day, "user" FROM uploads ORDER BY day') == [
        (date(2026, 1, 5), "ann"),
        (date(2026, 1, 6), "ben"),
        (date(2026, 1, 7), "cleo"),
    ]
    assert asked(lake, 'SELECT "user" FROM user_hours') == [("ann",)]


def test_a_table_that_comes_gets_its_view_while_somebody_reads(lake):
    """Prevents a warehouse of the first day's tables for ever, and a reader who keeps it from being made."""
    put(lake, "box/uploads", date(2026, 1, 5), "ann")
    build_warehouse(lake)
    with duckdb.connect(str(warehouse_path(lake))) as writing:
        put(lake, "alerts", date(2026, 1, 5), "ann")
        assert build_warehouse(lake)
        assert writing.execute('SELECT "user" FROM uploads').fetchall() == [("ann",)]
    assert asked(lake, 'SELECT "user" FROM alerts') == [("ann",)]
