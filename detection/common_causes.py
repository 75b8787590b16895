"""Groups of users with a common cause, such as a rollout: one alert says for all what they share."""

from __future__ import annotations

from collections import defaultdict

import duckdb
import pyarrow as pa

from detection.rule import RULE
from detection.sql import into
from detection.tables import arrow_schema
from detection.wording import COMMON_CAUSE, Common, Group, group_sentence

__all__ = ["fold_groups"]

_SHARE = 0.8
"""Share of a group's users, or of their files, from which a value is reported as common."""
_TOLD = 3
"""Most values reported per dimension, those with the most files."""

_SAID = ("alert_id", "name", "severity", "sentence")
"""Columns of a group's alert that Python computes."""


def fold_groups(con: duckdb.DuckDBPyConnection) -> None:
    """Make the temporary table ``all_alerts`` of ``single_alerts`` and of one alert for each group.

    A pure function of these tables: late events that end a group bring its single alerts back. Alerts in a group are
    kept and name the group's alert in ``folded_into``. Columns as in :data:`detection.tables.TABLES`, ordered by
    opening and user.

    Args:
        con: Connection in which ``single_alerts``, ``covered`` and ``dated_causes`` exist.
    """
    into(con, "grouped", "grouped", {"rule_id": RULE.id})
    into(con, "group_alerts", "group_alerts")
    into(con, "common", "common", {"common_share": _SHARE})
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
            "name": COMMON_CAUSE.name,
            "severity": COMMON_CAUSE.severity,
            "sentence": group_sentence(Group._make([*figures, common[alert_id], saves])),
        }
        for alert_id, saves, *figures in con.execute(
            "SELECT alert_id, saves, day, users, usual_users, providers, files, sized_files, bytes FROM group_alerts"
        ).fetchall()
    ]
    con.register("groups_said", pa.Table.from_pylist(said, schema=arrow_schema("alerts", *_SAID)))
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE all_alerts AS
        FROM (
          SELECT s.*, CAST(1 AS BIGINT) AS users, f.folded_into
          FROM single_alerts s
          LEFT JOIN grouped f ON f.alert_id = s.alert_id
          UNION ALL BY NAME
          SELECT a.* EXCLUDE (day, usual_users), t.* EXCLUDE (alert_id), [] AS reasons
          FROM group_alerts a
          JOIN groups_said t ON t.alert_id = a.alert_id
        )
        ORDER BY first_window_start, "user"
        """
    )
    con.unregister("groups_said")
