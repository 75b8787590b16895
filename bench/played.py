"""The detector's chain over made-up user-hours: the one place that knows the chain's tables.

Plays days in order on tables in memory, while a reviewer writes verdicts, and returns alerts. All else of the bench
knows only alerts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
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
WHERE day = $day AND allowed_by IS NULL
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

# A group with a common cause has one alert. It names the user with the highest score, the one with most files and the
# one with most bytes, so these count as found; the others are shown to nobody at once.
_FOUND = """
WITH detected AS (
    SELECT o.opening, d.*
    FROM openings o
    JOIN played_detections d
        ON d."user" = o."user" AND d.window_start >= o.opening AND d.window_start < o.closes AND d.allowed_by IS NULL
    WHERE o.opening >= $first
),
raised AS (
    SELECT
        "user", opening, CAST(opening AS DATE) AS day, max(score - threshold) AS excess, max(files) AS files,
        max(bytes) AS bytes, arg_min(cause, window_start) AS cause,
        CASE WHEN min(population) = 'services' THEN 'services' ELSE 'people' END AS base
    FROM detected
    GROUP BY "user", opening
),
placed AS (
    SELECT
        r."user", r.opening, r.base, c.cause,
        row_number() OVER (PARTITION BY r.day, r.base, r.cause ORDER BY r.excess DESC, r."user") AS by_score,
        row_number() OVER (PARTITION BY r.day, r.base, r.cause ORDER BY r.files DESC, r."user") AS by_files,
        row_number() OVER (PARTITION BY r.day, r.base, r.cause ORDER BY r.bytes DESC NULLS LAST, r."user") AS by_bytes
    FROM raised r
    LEFT JOIN played_causes c ON c.day = r.day AND c.cause = r.cause AND c.population = r.base AND c.is_common
)
SELECT
    d."user", d.opening, d.window_start, d.window_end, d.score - d.threshold,
    CASE d.scope WHEN 'week' THEN '7 days' WHEN 'month' THEN '30 days' ELSE '3 hours' END,
    d.metric, p.base, coalesce(p.cause, '')
FROM detected d
JOIN placed p ON p."user" = d."user" AND p.opening = d.opening
WHERE p.cause IS NULL OR least(p.by_score, p.by_files, p.by_bytes) = 1
ORDER BY d."user", d.opening, d.window_end, d.window_start
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
    """Return the alerts that the present rules raise.

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
    reviewed: dict[tuple[str, datetime], datetime] = {}

    def passed(day: date) -> None:
        for user, start, end in con.execute(_NEW, {"day": day}).fetchall():
            if user in opened and start < opened[user] + _DAY:
                continue
            opened[user] = start
            at = review(user, end)
            if at:
                reviewed[user, start] = at
                # Nobody sees what comes later.
                closes = min(start + _DAY, at)
                found = verdict(user, start, closes)
                con.execute(_REVIEW, {"user": user, "begin": start, "end": closes, "verdict": found, "at": at})

    play(con, first, last, parameters, passed=passed)
    return _alerts(con.execute(_FOUND, {"first": judged}).fetchall(), reviewed)


def _alerts(
    rows: Iterable[tuple[str, datetime, datetime, datetime, float, str, str, str, str]],
    reviewed: Mapping[tuple[str, datetime], datetime],
) -> list[Alert]:
    """Return an alert for the detections of each opening, and another for those that came after its review."""
    raised: dict[tuple[str, datetime, bool], Alert] = {}
    for user, opening, begin, end, excess, scale, metric, population, group in rows:
        at = reviewed.get((user, opening))
        key = (user, opening, at is not None and begin >= at)
        now = Alert(user, begin, end, end, excess, scale, metric, population, group, key[2])
        last = raised.get(key)
        if last:
            top = max(last, now, key=lambda each: each.excess)
            now = replace(top, begin=min(last.begin, begin), end=max(last.end, end), known=min(last.known, end))
        raised[key] = now
    return list(raised.values())
