"""Loads the named queries of ``detection/sql`` and runs them with bound parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import duckdb

__all__ = ["ENGINE", "into", "load", "nested", "parameters_in", "parsed"]

ENGINE: dict[str, str | int] = {"checkpoint_threshold": "1TB"}
"""Settings of a DuckDB connection in memory on which the queries run: a checkpoint there saves nothing, and comes
in the middle of a query now and then, for up to three seconds."""


_PARAMETER = re.compile(r"\$([a-z_]+)")


@cache
def load(name: str) -> str:
    """Text of ``detection/sql/<name>.sql``.

    Args:
        name: Path below ``detection/sql`` without the suffix, such as ``scores`` or ``normalise/box``.

    Raises:
        FileNotFoundError: There is no such query.
    """
    return files("detection").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


def nested(name: str, given: Mapping[str, str]) -> str:
    """A query together with those that it reads, as one text.

    Views would do, but they are planned once when they are made and again when they are read.

    Args:
        name: Query, see :func:`load`.
        given: Texts of the queries that it reads, by the name under which it does; each may read those before it.
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
    """Run a query into a temporary table, replacing it.

    Args:
        con: Connection in which the tables that the query reads exist under their names.
        table: Temporary table to make.
        name: Query to run, see :func:`load`.
        parameters: Values to bind; those that the query does not name are left out.
        given: Queries that it reads in the place of tables, see :func:`nested`.
    """
    sql = nested(name, given) if given else load(name)
    named = parameters_in(sql)
    bound = {key: value for key, value in (parameters or {}).items() if key in named}
    con.execute(parsed(f'CREATE OR REPLACE TEMP TABLE "{table}" AS {sql}'), bound)


@cache
def parsed(sql: str) -> duckdb.Statement:
    """One statement, parsed once a process: of a query over few rows, that is a sixth of the time.

    Args:
        sql: Text that is the same every time; what differs is bound, or each text would be kept for good.
    """
    [statement] = duckdb.extract_statements(sql)
    return statement


def parameters_in(sql: str) -> set[str]:
    """Return the parameters that a query names, without the dollar sign."""
    return set(_PARAMETER.findall(sql))
