"""Circuit breaker for alert storms: a day on which too many alerts open becomes one alert that says what they share."""

from __future__ import annotations

from collections import defaultdict

import duckdb
import pyarrow as pa

from detection.parameters import Parameters
from detection.rule import RULE
from detection.sql import into
from detection.tables import arrow_schema
from detection.wording import FLOOD, Common, Flood, flood_sentence

__all__ = ["fold_floods"]

_SHARE = 0.8
"""Share of a flood's users, or of their files, from which a value is reported as common."""
_TOLD = 3
"""Most values reported per dimension, those with the most files."""

_SAID = ("alert_id", "name", "severity", "sentence")
"""Columns of a flood's alert that Python computes."""


def fold_floods(con: duckdb.DuckDBPyConnection, parameters: Parameters) -> None:
    """Make the temporary table ``all_alerts`` of ``single_alerts`` and of one summary alert for each flood.

    A pure function of these tables: late events that end a flood bring its single alerts back. Alerts in a flood are
    kept and name the summary alert in ``folded_into``. Columns as in :data:`detection.tables.TABLES`, ordered by
    opening and user.

    Args:
        con: Connection in which ``single_alerts``, ``covered`` and ``dated_thresholds`` exist.
        parameters: Settings of the detector.
    """
    bound = {**parameters.model_dump(), "flood_share": _SHARE, "rule_id": RULE.id}
    into(con, "flooded", "floods", bound)
    into(con, "flood_alerts", "flood_alerts")
    into(con, "common", "common", bound)
    common: dict[str, list[Common]] = defaultdict(list)
    for alert_id, *shared in con.execute(
        "SELECT folded_into, dimension, label, users_share, files_share FROM common "
        "ORDER BY folded_into, place, files_share DESC, users_share DESC, label"
    ).fetchall():
        if sum(each.dimension == shared[0] for each in common[alert_id]) < _TOLD:
            common[alert_id].append(Common._make(shared))
    said = [
        {
            "alert_id": alert_id,
            "name": FLOOD.name,
            "severity": FLOOD.severity,
            "sentence": flood_sentence(Flood._make([*figures, common[alert_id], saves])),
        }
        for alert_id, saves, *figures in con.execute(
            "SELECT alert_id, saves, day, users, allowed, providers, files, sized_files, bytes FROM flood_alerts"
        ).fetchall()
    ]
    con.register("floods_said", pa.Table.from_pylist(said, schema=arrow_schema("alerts", *_SAID)))
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE all_alerts AS
        FROM (
          SELECT s.*, CAST(1 AS BIGINT) AS users, f.folded_into
          FROM single_alerts s
          LEFT JOIN flooded f ON f.alert_id = s.alert_id
          UNION ALL BY NAME
          SELECT a.* EXCLUDE (day, allowed), t.* EXCLUDE (alert_id), [] AS reasons
          FROM flood_alerts a
          JOIN floods_said t ON t.alert_id = a.alert_id
        )
        ORDER BY first_window_start, "user"
        """
    )
    con.unregister("floods_said")
