"""Counting of saves as files: the file of each save, and the sums per hour."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from detection.sql import into, load

__all__ = ["count_saves", "saved_files"]


def saved_files() -> Mapping[str, str]:
    """Return the query ``saved_files`` over ``uploads``, for ``given`` of :func:`detection.sql.into`."""
    return {"saved_files": load("saved_files")}


def count_saves(con: duckdb.DuckDBPyConnection, table: str = "user_hours") -> None:
    """Make the sums per user, provider and hour of ``uploads`` by person, see ``persons/by_person.sql``.

    Args:
        con: Connection.
        table: Temporary table to make.
    """
    into(con, table, "user_hours", given=saved_files())
