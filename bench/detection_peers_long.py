"""Rules of other products that add a user's uploads up over days, weeks or a month.

Their owners publish what is added up and what it is compared with, but no figures; so these rules have no published
setting, and are measured at the budget alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import duckdb

from bench.peer_alerts import Candidates, candidates_of

__all__ = ["cumulation", "interval_thresholds", "two_windows"]

# Each user's every day, zeros included; `part` is the provider, or 'all'.
_FILLED = """
daily AS (
    SELECT
        "user", {part} AS part, date_trunc('day', hour) AS day,
        CAST(sum(files) AS DOUBLE) AS files, CAST(coalesce(sum(bytes), 0) AS DOUBLE) AS bytes
    FROM hours
    WHERE population = 'people'
    GROUP BY ALL
),
span AS (
    SELECT min(day) AS first_day, max(day) AS last_day FROM daily
),
filled AS (
    SELECT u."user", u.part, b.day, coalesce(d.files, 0) AS files, coalesce(d.bytes, 0) AS bytes
    FROM (SELECT DISTINCT "user", part FROM daily) u
    CROSS JOIN (SELECT unnest(generate_series(first_day, last_day, INTERVAL 1 DAY)) AS day FROM span) b
    LEFT JOIN daily d ON d."user" = u."user" AND d.part = u.part AND d.day = b.day
)
"""


def interval_thresholds(con: duckdb.DuckDBPyConnection, days: Sequence[date]) -> Candidates:
    """Compare a user's hour, day, week and month at one provider with the user's own four weeks before.

    Skyhigh CASB's data anomalies of sanctioned services: thresholds for hourly, daily, weekly and monthly intervals
    ("Adjust Sanctioned IT Anomaly Thresholds"), the organisation's for about four weeks and then behavioural ones for
    each user, service and activity ("Threat Threshold Types", Skyhigh's documentation). The figures are not published:
    here strength is the interval's distance from the user's mean in standard deviations, by files or by bytes, the
    largest of the four, and an interval counts only above the one in a hundred that the organisation's users reach.
    """
    sums = ", ".join(
        f"sum({metric}) OVER (w ROWS BETWEEN {length - 1} PRECEDING AND CURRENT ROW) AS {metric}_{length}"
        for metric in ("files", "bytes")
        for length in (1, 7, 30)
    )
    judged = " UNION ALL ".join(
        f"""
        SELECT
            "user", day + INTERVAL 1 DAY - INTERVAL {length} DAY AS "begin", day + INTERVAL 1 DAY AS "end",
            {metric}_{length} AS amount,
            avg({metric}_{length}) OVER past_{length} AS mean,
            stddev_samp({metric}_{length}) OVER past_{length} AS spread,
            quantile_cont({metric}_{length}, 0.99) OVER (PARTITION BY day) AS reached, day, {metric} AS moved
        FROM rolled
        WINDOW past_{length} AS (
            PARTITION BY "user", part ORDER BY day ROWS BETWEEN {27 + length} PRECEDING AND {length} PRECEDING
        )
        """  # noqa: S608 -- our own names
        for metric in ("files", "bytes")
        for length in (1, 7, 30)
    )
    hourly = " UNION ALL ".join(
        f"""
        SELECT
            "user", hour AS "begin", hour + INTERVAL 1 HOUR AS "end", CAST({metric} AS DOUBLE) AS amount,
            sum({metric}) OVER past / 672.0 AS mean,
            sqrt(greatest(sum(CAST({metric} AS DOUBLE) * {metric}) OVER past / 672.0
                - power(sum({metric}) OVER past / 672.0, 2), 0)) AS spread,
            quantile_cont({metric}, 0.99) OVER (PARTITION BY date_trunc('day', hour)) AS reached,
            hour AS day, 1 AS moved
        FROM hours
        WHERE population = 'people'
        WINDOW past AS (
            PARTITION BY "user", provider
            ORDER BY hour RANGE BETWEEN INTERVAL 672 HOUR PRECEDING AND INTERVAL 1 HOUR PRECEDING
        )
        """  # noqa: S608 -- our own names
        for metric in ("files", "bytes")
    )
    query = f"""
        WITH {_FILLED.format(part="provider")},
        rolled AS (
            SELECT *, {sums} FROM filled WINDOW w AS (PARTITION BY "user", part ORDER BY day)
        )
        SELECT "user", "begin", "end", (amount - mean) / spread AS strength
        FROM ({judged} UNION ALL {hourly})
        -- the interval ends with an upload: one that is reached by waiting is no news
        WHERE spread > 0 AND amount > mean AND amount >= reached AND moved > 0
    """  # noqa: S608 -- our own names
    return candidates_of(con, days, query, by_end=True)


def two_windows(con: duckdb.DuckDBPyConnection, days: Sequence[date]) -> Candidates:
    """Compare a user's day and week, in logarithms, with the user's own past and with everybody's.

    Splunk UBA's batch models run daily over aggregated events, with windows of a day and of a week, and compare a user
    with the user's own behaviour and with peers ("Splunk UBA models overview"); how is not published. Here the strength
    of a window is the smaller of its two distances in standard deviations (own windows of eight weeks, everybody's on
    the same day), by files or by bytes, the larger of the two windows: unusual for the user and among peers.
    """
    judged = " UNION ALL ".join(
        f"""
        SELECT
            "user", day + INTERVAL 1 DAY - INTERVAL {length} DAY AS "begin", day + INTERVAL 1 DAY AS "end",
            {metric} AS moved,
            (x - avg(x) OVER own) / greatest(stddev_samp(x) OVER own, 0.1) AS own_z,
            (x - avg(x) OVER peers) / greatest(stddev_samp(x) OVER peers, 0.1) AS peer_z
        FROM (
            SELECT "user", day, {metric}, log10(sum({metric}) OVER (
                PARTITION BY "user" ORDER BY day ROWS BETWEEN {length - 1} PRECEDING AND CURRENT ROW
            ) + {1 if metric == "files" else 1000}) AS x
            FROM filled
        )
        WINDOW
            own AS (PARTITION BY "user" ORDER BY day ROWS BETWEEN {55 + length} PRECEDING AND {length} PRECEDING),
            peers AS (PARTITION BY day)
        """  # noqa: S608 -- our own names
        for metric in ("files", "bytes")
        for length in (1, 7)
    )
    query = f"""
        WITH {_FILLED.format(part="'all'")}
        SELECT "user", "begin", "end", least(own_z, peer_z) AS strength
        FROM ({judged})
        WHERE moved > 0 AND own_z > 0 AND peer_z > 0
    """  # noqa: S608 -- our own names
    return candidates_of(con, days, query, by_end=True)


def cumulation(con: duckdb.DuckDBPyConnection, days: Sequence[date]) -> Candidates:
    """Compare a user's 30 days with what people in the organisation upload in 30 days.

    Purview's cumulative exfiltration detection: activities of the past 30 days that exceed the norm of the organisation
    or of a peer group (Microsoft's roadmap item 117603); what was in one alert is not scored again (message MC866451).
    Purview scores nobody without a triggering event; here everybody is. Strength is the multiple of the mean of those
    who uploaded, by files or by bytes, the larger.
    """
    query = f"""
        WITH {_FILLED.format(part="'all'")},
        rolled AS (
            SELECT
                "user", day, files AS moved,
                sum(files) OVER w AS files, sum(bytes) OVER w AS bytes
            FROM filled
            WINDOW w AS (PARTITION BY "user" ORDER BY day ROWS BETWEEN 29 PRECEDING AND CURRENT ROW)
        )
        SELECT
            "user", day - INTERVAL 29 DAY AS "begin", day + INTERVAL 1 DAY AS "end",
            greatest(files / avg(files) OVER d, bytes / greatest(avg(bytes) OVER d, 1)) AS strength
        FROM rolled
        WHERE files > 0
        WINDOW d AS (PARTITION BY day)
        QUALIFY moved > 0
    """  # noqa: S608 -- our own names
    return candidates_of(con, days, query, by_end=True)
