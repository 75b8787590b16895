"""The detector's chain over made-up user-hours: the one place that knows the chain's tables.

Plays days in order on tables in memory, while a reviewer writes verdicts, and returns alerts. All else of the bench
knows only alerts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

import duckdb

from bench.case_folding import Alert, Review
from detection.backtest import play
from detection.parameters import Parameters
from detection.sql import ENGINE
from detection.tables import empty

__all__ = ["Verdict", "connect", "play_rules"]

_DAY = timedelta(days=1)

Verdict = Callable[[str, datetime, datetime], str]
"""From a user and the time range of an alert to what a careful reviewer finds: ``benign`` or ``confirmed``."""

_NEW = """
SELECT "user", window_start, window_end
FROM played_detections
WHERE day = $day AND population <> 'services' AND allowed_by IS NULL
ORDER BY "user", window_start
"""

_REVIEW = """
INSERT INTO reviews BY NAME
SELECT
    (SELECT count(*) FROM reviews) + 1 AS review, concat($user, ' ', CAST($begin AS VARCHAR)) AS alert_id,
    $user AS "user", $user AS person, CAST($begin AS TIMESTAMP) AS first_window_start,
    CAST($end AS TIMESTAMP) AS last_window_end, $verdict AS verdict, 'bench' AS reviewed_by, '' AS note,
    CAST($at AS TIMESTAMP) AS reviewed_at
"""

# Of a group with a common cause one alert is raised in seven days. It names the user with the highest score, the one
# with most files and the one with most bytes, so these count as found.
_ALERTS = """
WITH raised AS (
    SELECT
        o."user", o.opening, max(d.window_end) AS last_end, min(d.window_end) AS first_end,
        max(d.score - d.threshold) AS excess, arg_max(d.scope, d.score - d.threshold) AS scope,
        arg_max(d.metric, d.score - d.threshold) AS metric, max(d.files) AS files, max(d.bytes) AS bytes,
        arg_min(d.cause, d.window_start) AS cause, CAST(o.opening AS DATE) AS day
    FROM openings o
    JOIN played_detections d
        ON d."user" = o."user" AND d.window_start >= o.opening AND d.window_start < o.closes AND d.allowed_by IS NULL
    WHERE d.population <> 'services' AND o.opening >= $first
    GROUP BY o."user", o.opening
),
placed AS (
    SELECT
        r.*,
        c.cause IS NOT NULL AS is_common,
        row_number() OVER (PARTITION BY r.day, r.cause ORDER BY r.excess DESC, r."user") AS by_score,
        row_number() OVER (PARTITION BY r.day, r.cause ORDER BY r.files DESC, r."user") AS by_files,
        row_number() OVER (PARTITION BY r.day, r.cause ORDER BY r.bytes DESC NULLS LAST, r."user") AS by_bytes
    FROM raised r
    LEFT JOIN played_causes c
        ON c.day = r.day AND c.cause = r.cause AND c.population = 'people' AND c.is_common
)
SELECT
    "user", opening, last_end, first_end, excess,
    CASE scope WHEN 'week' THEN '7 days' WHEN 'month' THEN '30 days' ELSE '3 hours' END,
    metric, CASE WHEN is_common THEN cause ELSE '' END
FROM placed
WHERE NOT is_common OR least(by_score, by_files, by_bytes) = 1
ORDER BY "user", opening
"""


def connect() -> duckdb.DuckDBPyConnection:
    """Return a connection in memory for one organisation; one core, since benches run side by side."""
    con = duckdb.connect(config={**ENGINE, "threads": 1})
    con.execute("SET enable_progress_bar = FALSE")
    # A day's queries read few rows: to plan them takes longer than to run them. Results are the same.
    con.execute("SET disabled_optimizers = 'join_order,statistics_propagation,join_filter_pushdown'")
    return con


def play_rules(
    con: duckdb.DuckDBPyConnection,
    first: date,
    judged: date,
    last: date,
    parameters: Parameters,
    review: Review,
    verdict: Verdict,
) -> list[Alert]:
    """Return the alerts on people that the present rules raise.

    Args:
        con: Connection with ``hours`` and ``sources``.
        first: First day of the organisation.
        judged: First day whose alerts are returned.
        last: Last day.
        parameters: Settings.
        review: When an alert is reviewed.
        verdict: What the review finds.
    """
    con.execute(f"CREATE OR REPLACE TEMP TABLE reviews AS {empty('reviews')}")
    opened: dict[str, datetime] = {}

    def passed(day: date) -> None:
        for user, start, end in con.execute(_NEW, {"day": day}).fetchall():
            if user in opened and start < opened[user] + _DAY:
                continue
            opened[user] = start
            at = review(user, end)
            if at:
                closes = start + _DAY
                found = verdict(user, start, closes)
                con.execute(_REVIEW, {"user": user, "begin": start, "end": closes, "verdict": found, "at": at})

    play(con, first, last, parameters, passed=passed)
    return [Alert(*row) for row in con.execute(_ALERTS, {"first": judged}).fetchall()]
