"""Publication of alerts: the ledger that keeps an alert's id for good once somebody has seen it."""

from __future__ import annotations

from pathlib import Path

import duckdb

from assets.lake import Lake, replacing
from detection.sql import into
from detection.tables import empty

__all__ = ["publish"]


def publish(con: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """Enters all alerts of the lake in the ledger and makes them readable under their published ids.

    Makes the temporary tables ``shown`` (the alerts but for those in a flood, each with its published ``alert_id``) and
    ``ledger`` (columns of ``published`` in :data:`detection.tables.TABLES`). Nothing that was published leaves the
    ledger.

    Args:
        con: Connection to make the tables in.
        lake: Where the alerts and the ledger are.
    """
    path = Path(lake.root) / "published.parquet"
    lake.view(con, "alerts", ["alerts"], lake.days("alerts"))
    lake.view(con, "detections", ["detections"], lake.days("detections"))
    if path.exists():
        con.read_parquet(str(path)).create_view("published", replace=True)
    else:
        con.execute(f"CREATE OR REPLACE TEMP VIEW published AS {empty('published')}")
    into(con, "ledger", "identity")
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE shown AS
        SELECT l.alert_id, a.* EXCLUDE (alert_id)
        FROM alerts a
        JOIN ledger l ON l.alert_key = a.alert_id
        WHERE a.folded_into IS NULL
        ORDER BY a.first_window_start, a."user"
        """
    )
    with replacing(path) as temporary:
        con.table("ledger").write_parquet(str(temporary))
