"""Watch list: persons on the operator's risk list on a day, such as leavers, who have a budget of their own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import duckdb
import pyarrow as pa

from detection.persons import create_empty_person_tables, named
from detection.risk import ListedUser

__all__ = ["create_watch_list", "listed_on"]


def listed_on(listed: Sequence[ListedUser], day: date) -> list[str]:
    """Return the names on the list that apply on a day, in order."""
    return sorted(
        {row.user for row in listed if (not row.since or row.since <= day) and (not row.until or day <= row.until)}
    )


def create_watch_list(con: duckdb.DuckDBPyConnection, listed: Sequence[ListedUser], day: date) -> None:
    """Make the temporary table ``watch_list`` ("user": person's key) of the persons listed on a day.

    Args:
        con: Connection; ``person_names`` resolves names. Without that table, a name is taken as the user's key.
        listed: The risk list.
        day: The day.
    """
    create_empty_person_tables(con)
    persons = {person for name in listed_on(listed, day) for person in named(con, name, first_only=False)}
    con.register(
        "listed_persons",
        pa.Table.from_pylist([{"user": key} for key in sorted(persons)], schema=pa.schema([("user", pa.string())])),
    )
    con.execute("CREATE OR REPLACE TEMP TABLE watch_list AS FROM listed_persons")
    con.unregister("listed_persons")
