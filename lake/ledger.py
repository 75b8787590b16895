"""Publication of alerts: the ledger that keeps an alert's id once the alert was shown."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import duckdb

from detection.cases import join_alerts, state_cases
from detection.persons import relabelled
from detection.reasons import REASONS, known_only
from detection.sql import into
from detection.tables import empty
from lake.kept import intact, write_kept
from lake.people import load_people, view_people
from lake.rereading import reread
from lake.reviews import view_reviews
from lake.store import Lake, quoted
from lake.table_columns import verify_columns

__all__ = ["publish"]


def publish(con: duckdb.DuckDBPyConnection, lake: Lake, now: datetime) -> None:
    """Add all alerts of the lake to the ledger, and make them readable under their published ids.

    Make the temporary tables ``shown`` (the alerts without those in a group, each with its published ``alert_id``,
    its ``case_id``, its ``revision`` and the review that stands, or that it has outgrown), ``largest_members`` (the
    largest users of each group), ``cases``, ``ledger`` and ``revisions`` (columns of ``cases``, ``published`` and
    ``revisions`` in :data:`detection.tables.TABLES`). The ledger keeps every published alert, and the content of each
    revision.

    Args:
        con: Connection to make the tables in.
        lake: Lake with the alerts and the ledger.
        now: Present time, UTC.
    """
    with lake.alone():
        reread(lambda: _publish(con, lake, now))


def _publish(con: duckdb.DuckDBPyConnection, lake: Lake, now: datetime) -> None:
    # One file per day, each read several times.
    whole = {
        table: [day for day in lake.days(table) if not lake.fault(table, day, deep=True)]
        for table in ("alerts", "detections")
    }
    load_people(con, lake)
    lake.view(con, "stored_alerts", ["alerts"], whole["alerts"])
    into(con, "alerts", "persons/alerts")
    view_people(con, lake, "detections", ["detections"], whole["detections"])
    # An alert can only be missing on a day whose alerts exist.
    days = "CREATE OR REPLACE TEMP TABLE alert_days AS SELECT unnest(CAST($days AS DATE [])) AS day"
    con.execute(days, {"days": whole["alerts"]})
    _view(con, lake, "published", name="past_published")
    relabelled(con, "published", "past_published")
    _view(con, lake, "revisions", name="past_revisions")
    view_reviews(con, lake)
    into(con, "ledger", "identity")
    _log_unknown_indicators(con)
    into(con, "revisions", "revisions", {"now": now.replace(tzinfo=None)})
    join_alerts(con)
    into(con, "shown", "shown", {"indicators": list(REASONS)})
    into(con, "largest_members", "largest_members")
    state_cases(con)
    for table, file in (("revisions", "revisions"), ("ledger", "published")):
        _keep(con, table, Path(lake.root) / f"{file}.parquet")


def _log_unknown_indicators(con: duckdb.DuckDBPyConnection) -> None:
    """Log risk indicators of stored alerts that this version does not know; ``shown`` omits them."""
    known_only([name for (name,) in con.execute("SELECT DISTINCT unnest(reasons).name FROM alerts").fetchall()])


def _keep(con: duckdb.DuckDBPyConnection, table: str, path: Path) -> None:
    """Write a table that cannot be computed again, unless the file already has the same rows."""
    verify_columns(con, table, path.stem)
    known = intact(path)
    if known:
        same = "FROM (FROM {0} EXCEPT ALL FROM {1})"
        file = f"read_parquet('{quoted(known)}')"
        differing = " UNION ALL ".join(same.format(*pair) for pair in ((table, file), (file, table)))
        if not con.execute(f"SELECT count(*) FROM ({differing})").fetchall()[0][0]:  # noqa: S608 -- our own names
            return
    write_kept(path, lambda temporary: con.table(table).write_parquet(str(temporary)))


def _view(con: duckdb.DuckDBPyConnection, lake: Lake, table: str, *, name: str) -> None:
    path = intact(Path(lake.root) / f"{table}.parquet")
    # A file of an earlier version may lack a column.
    rows = f" UNION ALL BY NAME FROM read_parquet('{quoted(path)}')" if path else ""
    con.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {empty(table)}{rows}")
