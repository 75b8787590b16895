"""Named queries of ``detection/sql``, run with bound parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import duckdb

__all__ = ["ENGINE", "into", "load", "nested", "parameters_in", "parsed"]

ENGINE: dict[str, str | int] = {"checkpoint_threshold": "1TB"}
"""Settings of an in-memory DuckDB connection for the queries: a checkpoint saves nothing there, but can stop a query
for up to three seconds."""


_PARAMETER = re.compile(r"\$([a-z_]+)")


@cache
def load(name: str) -> str:
    """Return the text of ``detection/sql/<name>.sql``.

    Args:
        name: Path below ``detection/sql`` without the suffix, such as ``scores`` or ``normalise/box``.

    Raises:
        FileNotFoundError: There is no such query.
    """
    return files("detection").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


def nested(name: str, given: Mapping[str, str]) -> str:
    """Return a query together with the queries that it reads, as one text.

    Views would work too, but DuckDB plans them twice: when they are made, and when they are read.

    Args:
        name: Query, see :func:`load`.
        given: Texts of the queries that it reads, by the name that it uses for them; each may read those before it.
    """
    named = ", ".join(f"{key} AS (\n{sql}\n)" for key, sql in given.items())
    return f"WITH {named} SELECT * FROM (\n{load(name)}\n)"  # noqa: S608 -- our own queries


def into(
    con: duckdb.DuckDBPyConnection,
    table: str,
    name: str,
    parameters: Mapping[str, object] | None = None,
    *,
    given: Mapping[str, str] | None = None,
) -> None:
    """Run a query into a temporary table, and replace an existing one.

    Args:
        con: Connection with the tables that the query reads.
        table: Temporary table to make.
        name: Query to run, see :func:`load`.
        parameters: Values to bind; those that the query does not name are ignored.
        given: Queries that it reads instead of tables, see :func:`nested`.
    """
    sql = nested(name, given) if given else load(name)
    named = parameters_in(sql)
    bound = {key: value for key, value in (parameters or {}).items() if key in named}
    con.execute(parsed(f'CREATE OR REPLACE TEMP TABLE "{table}" AS {sql}'), bound)


@cache
def parsed(sql: str) -> duckdb.Statement:
    """Return a statement, parsed once per process: parsing takes a sixth of the time of a query over few rows.

    Args:
        sql: A constant text; bind everything that varies, since each text is cached for good.
    """
    [statement] = duckdb.extract_statements(sql)
    return statement


def parameters_in(sql: str) -> set[str]:
    """Return the parameters that a query names, without the dollar sign."""
    return set(_PARAMETER.findall(sql))
