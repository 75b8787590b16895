"""The rules' SQL files."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest
import sqlglot
from sqlglot import ErrorLevel

SQL = Path(str(files("detection").joinpath("sql")))
QUERIES = sorted(SQL.rglob("*.sql"))


def test_there_are_queries():
    """Prevents the test below from passing because it looked in the wrong place."""
    assert len(QUERIES) > 10


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: str(path.relative_to(SQL)))
def test_query_turns_into_spark_sql(path: Path):
    """Prevents a rule that only one engine can run: the same files are to run on a Spark cluster."""
    [query] = sqlglot.transpile(path.read_text(), read="duckdb", write="spark", unsupported_level=ErrorLevel.RAISE)
    assert sqlglot.parse_one(query, read="spark")
