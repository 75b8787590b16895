"""Retention of identities: they are kept, for display, as long as any other data of the person."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa

from detection.sql import into
from lake.kept import LEDGER, intact
from lake.people import IDENTITIES, read_people
from lake.store import Lake

__all__ = ["drop_identities", "old_identities"]

_KEYED = ("user_hours", "scores", "detections")
"""Tables that name persons; a person in any other table is in one of these on the same day."""


def old_identities(lake: Lake, first: date) -> Iterator[tuple[str, date, pa.Table]]:
    """Find unneeded identities before a day: the table, the day, and account and time of its rows."""
    with duckdb.connect() as con:
        read_people(lake).load_into(con)
        days = sorted({day for table in IDENTITIES for day in lake.days(table)})
        lake.view(con, "dated_identities", IDENTITIES, days, dated=True, lost_too=True)
        con.execute("CREATE TEMP TABLE kept_names (name VARCHAR)")
        for table in _KEYED:
            lake.view(con, table, [table], lake.days(table), lost_too=True)
            con.execute(f'INSERT INTO kept_names SELECT DISTINCT "user" FROM {table}')  # noqa: S608 -- ours
        for name in LEDGER:
            if path := intact(Path(lake.root) / f"{name}.parquet"):
                con.execute(
                    'INSERT INTO kept_names SELECT DISTINCT coalesce(person, "user") FROM read_parquet($path)',
                    {"path": str(path)},
                )
        into(con, "forgettable", "persons/forgettable", {"first_day": first})
        groups = con.execute("SELECT DISTINCT provider, day FROM forgettable ORDER BY ALL").fetchall()
        for provider, day in groups:
            rows = con.sql(
                "SELECT account, first_seen FROM forgettable WHERE provider = $provider AND day = $day",
                params={"provider": provider, "day": day},
            ).to_arrow_table()
            yield f"{provider}/identities", day, rows


def drop_identities(lake: Lake, table: str, day: date, gone: pa.Table) -> None:
    """Rewrite a partition without the rows that :func:`old_identities` found; remove an empty one."""
    note = lake.note(table, day)
    with duckdb.connect() as con:
        lake.view(con, "stored", [table], [day])
        con.register("gone", gone)
        con.execute(
            """
            CREATE TEMP TABLE staying AS
            SELECT s.*
            FROM stored s
            WHERE NOT EXISTS (SELECT 1 FROM gone g WHERE g.account = s.account AND g.first_seen = s.first_seen)
            """
        )
        if not con.table("staying").limit(1).fetchall():
            lake.remove(table, day)
        else:
            lake.write(con, "staying", table, day, note.made_from if note else "")
