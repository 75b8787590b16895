"""The queries of normalisation stay portable."""

from __future__ import annotations

from importlib.resources import files

import pytest
import sqlglot
from sqlglot import ErrorLevel

QUERIES = sorted(
    path.name for path in files("detection").joinpath("sql", "normalise").iterdir() if path.name.endswith(".sql")
)


@pytest.mark.parametrize("name", QUERIES)
def test_query_becomes_spark_sql(name: str) -> None:
    """A construct of DuckDB alone would keep the rules off a Spark cluster."""
    text = files("detection").joinpath("sql", "normalise", name).read_text(encoding="utf-8")
    (spark,) = sqlglot.transpile(text, read="duckdb", write="spark", unsupported_level=ErrorLevel.RAISE)
    assert spark
