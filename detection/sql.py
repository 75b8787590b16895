"""Named queries of ``detection/sql``, run with bound parameters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path

import duckdb

__all__ = ["ENGINE", "UnknownQueryError", "into", "load", "nested", "parameters_in", "parsed", "tried"]

ENGINE: dict[str, str | int] = {"checkpoint_threshold": "1TB"}
"""Settings of an in-memory DuckDB connection for the queries: a checkpoint saves nothing there, but can stop a query
for up to three seconds."""


_PARAMETER = re.compile(r"\$([a-z_]+)")


_TRIED: dict[str, str] = {}
"""Texts of changed queries that are tried out, by name."""


class UnknownQueryError(ValueError):
    """Error of a changed query that replaces none; says which."""


@contextmanager
def tried(directory: Path | None) -> Iterator[None]:
    """Use the queries of a directory in place of those of the same path below ``detection/sql``.

    Raises:
        UnknownQueryError: A file of the directory replaces no query, or there is none.
    """
    found = sorted(directory.rglob("*.sql")) if directory else []
    if directory and not found:
        raise UnknownQueryError(f"{directory} holds no file that ends with .sql")
    changed = {}
    for path in found:
        name = str(path.relative_to(directory or path).with_suffix(""))
        try:
            _packaged(name)
        except FileNotFoundError:
            raise UnknownQueryError(f"{path} replaces no query: there is no detection/sql/{name}.sql") from None
        changed[name] = path.read_text(encoding="utf-8")
    _TRIED.update(changed)
    try:
        yield
    finally:
        _TRIED.clear()


def load(name: str) -> str:
    """Return the text of ``detection/sql/<name>.sql``, or of the query that is :func:`tried` in its place.

    Args:
        name: Path below ``detection/sql`` without the suffix, such as ``scores`` or ``normalise/box``.

    Raises:
        FileNotFoundError: There is no such query.
    """
    return _TRIED.get(name) or _packaged(name)


@cache
def _packaged(name: str) -> str:
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
