"""``warehouse.duckdb``: views over the lake that follow it, and are made anew only where there are others."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import duckdb
import pytest

from common.errors import MendableError
from detection.tables import empty
from lake.store import Lake
from lake.warehouse import build_warehouse, open_warehouse, warehouse_path
from tests.support.memory import connect


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(root=str(tmp_path / "it's, here" / "lake"))


def put(lake: Lake, table: str, day: date, user: str) -> None:
    """Write a partition of one row."""
    with connect() as con:
        con.execute(f"CREATE TABLE rows AS {empty(table.rpartition('/')[2])}")
        con.execute('INSERT INTO rows ("user") VALUES (?)', [user])
        lake.write(con, "rows", table, day, "")


def asked(lake: Lake, query: str) -> list[tuple[object, ...]]:
    with open_warehouse(Path(lake.root).parent) as con:
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
    with open_warehouse(Path(lake.root).parent) as reading, duckdb.connect(str(warehouse_path(lake)), read_only=True):
        put(lake, "alerts", date(2026, 1, 5), "ann")
        assert build_warehouse(lake)
        assert reading.execute('SELECT "user" FROM uploads').fetchall() == [("ann",)]
    assert asked(lake, 'SELECT "user" FROM alerts') == [("ann",)]


def test_a_copied_home_shows_its_own_lake(lake, tmp_path):
    """Prevents the copy of a home from silently showing the lake that it was copied from."""
    put(lake, "user_hours", date(2026, 1, 5), "ann")
    build_warehouse(lake)
    copy = tmp_path / "copy"
    shutil.copytree(warehouse_path(lake).parent, copy)
    put(lake, "user_hours", date(2026, 1, 6), "ben")
    assert asked(Lake(root=str(copy / "lake")), 'SELECT "user" FROM user_hours') == [("ann",)]
    with duckdb.connect(str(copy / "warehouse.duckdb"), read_only=True) as con:
        con.execute("SET file_search_path = '/nowhere'")
        with pytest.raises(duckdb.IOException):
            con.execute("FROM user_hours")


def test_a_table_comes_as_a_data_frame(lake, tmp_path):
    """Prevents an engineer who uses pandas from having to know how days and providers are stored."""
    with pytest.raises(MendableError, match="start one"), open_warehouse(tmp_path):
        pass
    put(lake, "box/uploads", date(2026, 1, 5), "ann")
    put(lake, "dropbox/uploads", date(2026, 1, 6), "ben")
    build_warehouse(lake)
    with open_warehouse(Path(lake.root).parent) as con:
        frame = con.sql('SELECT day, "user" FROM uploads ORDER BY day').df()
    assert list(frame["user"]) == ["ann", "ben"]


def test_every_column_is_explained(lake):
    """Prevents 438 columns without a word on any, and reviews that are in a file that nobody knows of."""
    put(lake, "user_hours", date(2026, 1, 5), "ann")
    build_warehouse(lake)
    assert asked(lake, "FROM reviews") == []
    missing = asked(
        lake,
        "SELECT table_name, column_name FROM duckdb_columns() WHERE comment IS NULL AND NOT internal "
        "AND table_name IN ('user_hours', 'reviews', 'revisions')",
    )
    assert missing == []
