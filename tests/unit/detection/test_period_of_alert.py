"""Period of an alert: from the first day that one of its detections adds up."""

from __future__ import annotations

from datetime import datetime, timedelta

from detection.alerts import fold
from detection.parameters import Parameters
from detection.tables import empty
from tests.support.memory import connect

DAY = datetime(2026, 3, 1)
HOUR = timedelta(hours=1)


def test_an_alert_begins_with_the_first_day_that_it_adds_up():
    """Prevents an alert's uploads from being looked for within its windows, where a long scale is in it."""
    with connect() as con:
        for table in ("detections", "user_hours", "uploads", "activity"):
            con.execute(f"CREATE TABLE {table} AS {empty(table)}")
        con.execute(f"CREATE TABLE dated_causes AS {empty('causes', dated=True)}")
        con.execute("CREATE TABLE source_days (provider VARCHAR, day DATE)")
        for user, scope, start, hours, before in (
            ("ann", "week", DAY, 24, 6),
            ("ann", "box", DAY + 9 * HOUR, 3, 0),
            ("ben", "box", DAY + 9 * HOUR, 3, 0),
        ):
            con.execute(
                'INSERT INTO detections (population, scope, "user", window_start, window_end, period_start, files, '
                "sized_files, largest_files, metric, score, threshold, one_in, baseline_files_windows, "
                "baseline_bytes_windows) "
                "VALUES ('people', $scope, $user, $start, $end, $period, 90, 0, 20, 'files', 9, 7, 900, 0, 0)",
                {
                    "scope": scope,
                    "user": user,
                    "start": start,
                    "end": start + hours * HOUR,
                    "period": start - 24 * before * HOUR,
                },
            )
        con.execute(
            "INSERT INTO user_hours BY NAME SELECT 'box' AS provider, \"user\", 'person' AS actor_class, "
            "'people' AS population, window_start AS hour, 90 AS files, 0 AS sized_files, 0 AS estimated_files "
            "FROM detections"
        )
        fold(con, Parameters(), since=DAY)
        rows = con.execute('SELECT "user", first_window_start, period_start FROM alerts ORDER BY "user"').fetchall()
    assert rows == [("ann", DAY, DAY - 6 * 24 * HOUR), ("ben", DAY + 9 * HOUR, DAY + 9 * HOUR)]
