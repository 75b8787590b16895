"""Meaning of each published operation of a provider: the files of ``detection/data/operations`` as tables.

The queries of ``detection/sql/normalise`` join them, and the pages of ``docs/providers`` show them. An operation in
none of the files is unknown: see ``detection/sql/normalise/events.sql``.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files

import duckdb
import pyarrow as pa

from providers import PROVIDERS

__all__ = ["IRRELEVANT", "TABLES", "create_operations", "drop_operations", "read_rows"]

IRRELEVANT = ("copy", "irrelevant")
"""Meanings of operations that are neither uploads nor activity: a copy on the server, and everything else."""

_JOINT = ("drive", "login", "user_accounts", "admin")
"""Google applications that share no event names: exporters sometimes write one in place of another."""

TABLES: Mapping[str, tuple[str, ...]] = {
    "operations": ("application", "operation", "meaning", "only_if", "otherwise", "subject"),
    "record_types": ("record_type", "meaning"),
    "sign_in_errors": ("code", "meaning", "detail"),
}
"""Columns of the tables that :func:`create_operations` makes, all of type text."""


def read_rows(name: str) -> list[dict[str, str]]:
    """Return the rows of ``detection/data/operations/<name>.csv``."""
    return list(csv.DictReader(io.StringIO(_text(name))))


def create_operations(con: duckdb.DuckDBPyConnection, provider: str) -> None:
    """Make the temporary tables :data:`TABLES` of one provider.

    ``operations`` has the meaning of each operation: a kind of upload or activity, or one of :data:`IRRELEVANT`.
    If ``only_if`` is set, the meaning applies where that condition holds, and ``otherwise`` where it does not.
    ``subject`` says which account it is about if not the one that acted; else it is empty.

    Args:
        con: Connection.
        provider: A key of :data:`providers.PROVIDERS`.
    """
    for table, rows in _tables(provider).items():
        con.register("operation_rows", rows)
        con.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS SELECT * FROM operation_rows")  # noqa: S608 -- own names
        con.unregister("operation_rows")


@cache
def _tables(provider: str) -> Mapping[str, pa.Table]:
    made: dict[str, Sequence[Mapping[str, str]]] = {"operations": list(_operations(provider))}
    for table, name in PROVIDERS[provider].operation_tables.items():
        made[table] = list(_FURTHER[table](name))
    return {
        table: pa.table({name: pa.array([row[name] or None for row in rows], pa.string()) for name in TABLES[table]})
        for table, rows in made.items()
    }


def drop_operations(con: duckdb.DuckDBPyConnection) -> None:
    """Drop the tables of :func:`create_operations`."""
    for table in TABLES:
        con.execute(f"DROP TABLE IF EXISTS {table}")


@cache
def _text(name: str) -> str:
    return files("detection").joinpath("data", "operations", f"{name}.csv").read_text(encoding="utf-8")


def _operations(provider: str) -> Iterator[Mapping[str, str]]:
    """Yield each operation once: a second row would duplicate the events that join it."""
    listed: dict[tuple[str, str], Mapping[str, str]] = {}
    for row in read_rows(provider):
        name = row["operation"].lower() if PROVIDERS[provider].operations_any_case else row["operation"]
        listed[row.get("application", ""), name] = row
    for (application, name), known in list(listed.items()):
        for joint in _JOINT if application in _JOINT else ():
            listed.setdefault((joint, name), known)
    for (application, name), known in listed.items():
        yield {**known, "application": application, "operation": name}


def _record_types(file: str) -> Iterator[Mapping[str, str]]:
    """Yield each record type by its number and by its name: exports write one or the other."""
    for row in read_rows(file):
        for key in (row["number"], row["name"].lower()):
            yield {"record_type": key, "meaning": row["meaning"]}


def _sign_in_errors(file: str) -> Iterator[Mapping[str, str]]:
    """Yield each error by its code, and once by its name, since some records only have the name."""
    names = set()
    for row in read_rows(file):
        detail = f"{row['code']}: {row['detail']}"
        yield {"code": row["code"], "meaning": row["meaning"], "detail": detail}
        if row["name"] and row["name"] not in names:
            names.add(row["name"])
            yield {"code": row["name"].lower(), "meaning": row["meaning"], "detail": detail}


_FURTHER = {"record_types": _record_types, "sign_in_errors": _sign_in_errors}
