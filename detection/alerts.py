"""Alerts made from detections: folded, explained, and raised to the variation where the user looks suspicious."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import duckdb
import pyarrow as pa

from detection.common_causes import fold_groups
from detection.parameters import Parameters, bind
from detection.persons import create_empty_person_tables
from detection.reasons import is_suspicious
from detection.rule import RULE
from detection.sql import into
from detection.suspicion import LOOK_BACK, Watch, find_reasons
from detection.tables import arrow_schema
from detection.wording import Period, Window, sentence, variation

__all__ = ["LONG_LOOK_BACK", "LOOK_BACK", "fold", "hours_before", "pick_day"]

LONG_LOOK_BACK = timedelta(days=60)
"""Period before an alert on a long scale whose uploads it names: the thirty days added up, and as many before."""

_SAID = ("alert_id", "name", "severity", "reasons", "sentence")
"""Columns of an alert that Python computes."""


def fold(
    con: duckdb.DuckDBPyConnection, parameters: Parameters, *, since: datetime, watch: Watch | None = None
) -> None:
    """Make the temporary table ``alerts`` of the alerts that open at or after ``since``.

    Reads the tables ``detections`` (all days, since an alert may follow one that opened long before; those that
    the allow-list allows are skipped), ``user_hours`` (from ``since`` on, and from :func:`hours_before` it),
    ``dated_causes`` (causes with their ``day``, from ``since`` on), and from
    :data:`LOOK_BACK` before it ``uploads``, ``activity`` and ``source_days`` (provider, day: days on which its log has
    either). All name the user by the person's key; ``person_labels`` gives the address to show for it. Where
    that is missing, the key is shown. Columns as in :data:`detection.tables.TABLES`, ordered by opening and person.

    Args:
        con: Connection in which these tables exist.
        parameters: Settings of the detector.
        since: UTC without zone.
        watch: The operator's inputs to the risk indicators.
    """
    create_empty_person_tables(con)
    # Each is read several times; only the hours of the few users with detections are needed.
    con.execute(
        "CREATE OR REPLACE TEMP TABLE all_detections AS "
        # Rows of earlier versions have windows alone.
        "SELECT * REPLACE (coalesce(period_start, window_start) AS period_start) "
        "FROM detections WHERE allowed_by IS NULL"
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE detected_hours AS "
        'FROM user_hours WHERE population IS NOT NULL AND "user" IN (SELECT d."user" FROM all_detections d)'
    )
    bound = bind(parameters, since)
    into(con, "scales", "scales", bound)
    into(con, "openings", "openings", bound)
    into(con, "covered", "covered", {"since": since})
    into(con, "folded_alerts", "alerts", {"since": since, "rule_id": RULE.id})
    reasons = find_reasons(con, watch or Watch())
    said = []
    for alert_id, saves, period, *figures in con.execute(
        """
        SELECT alert_id, peak_saves, {
                'start': peak_period_start, 'end': peak_window_end, 'days': s.days,
                'largest_files': peak_largest_files, 'largest_bytes': peak_largest_bytes,
                'before_files': before_files, 'before_bytes': before_bytes
            },
            coalesce(label, "user"), providers,
            peak_window_start, peak_files, peak_sized_files, peak_bytes,
            peak_estimated_files, peak_estimated_bytes,
            baseline_files_windows, baseline_files_sum, baseline_files_max,
            baseline_bytes_windows, baseline_bytes_sum, baseline_bytes_max, one_in, population
        FROM folded_alerts
        LEFT JOIN scales s USING (scope)
        LEFT JOIN person_labels ON person = "user"
        """
    ).fetchall():
        found = reasons.get(alert_id, [])
        shown = variation(suspicious=is_suspicious([reason["name"] for reason in found]))
        said.append(
            {
                "alert_id": alert_id,
                "name": shown.name,
                "severity": shown.severity,
                "reasons": found,
                "sentence": sentence(
                    Window._make([*figures, parameters.training_days, saves]),
                    Period(**period) if period["days"] else None,
                ),
            }
        )
    con.register("said", pa.Table.from_pylist(said, schema=arrow_schema("alerts", *_SAID)))
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE single_alerts AS
        SELECT a.alert_id, s.name, s.severity, a.* EXCLUDE (alert_id), s.reasons, s.sentence
        FROM folded_alerts a
        JOIN said s USING (alert_id)
        ORDER BY a.first_window_start, a."user"
        """
    )
    con.unregister("said")
    fold_groups(con)
    into(con, "alerts", "persons/shown")


def hours_before(con: duckdb.DuckDBPyConnection, since: datetime) -> timedelta:
    """Return how long before a time the alerts since then need user-hours: only those of a long scale do.

    Reads ``detections``.
    """
    [(found,)] = con.execute(
        "SELECT count(*) FROM detections WHERE period_start < window_start AND window_start >= ?", [since]
    ).fetchall()
    return LONG_LOOK_BACK if found else timedelta()


def pick_day(con: duckdb.DuckDBPyConnection, day: date) -> None:
    """Make ``day_alerts``: the rows of ``alerts`` that open on a day, ordered by opening and person."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE day_alerts AS SELECT * FROM alerts "
        "WHERE CAST(first_window_start AS DATE) = ? ORDER BY first_window_start, person",
        [day],
    )
