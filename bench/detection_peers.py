"""Rules of other products for mass transfers, written from what they publish of their meaning, turned to uploads.

Belongs here: one function per rule, from a connection and the days to evaluate to candidates. Each reads the monitored
part of the tables ``uploads`` and ``user_hours``: none of these rules treats service accounts separately, and these
would use the whole budget. If a rule leaves something open, the choice in its favour is taken and noted at the rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from importlib.util import find_spec
from math import inf, nextafter

import duckdb
import numpy as np

from bench.detection_score import Candidate

__all__ = ["PEERS", "Peer", "count_per_hour", "daily_z", "distinct_files", "ecod", "hourly_outlier", "mean_deviation"]

_MONITORED = "actor_class IN ('person', 'guest')"
_MEGABYTE = 1_000_000
_WINDOW = timedelta(hours=3)
_TRAINING = timedelta(days=30)


def _above(limit: float) -> float:
    """Return the smallest number above a limit."""
    return nextafter(limit, inf)


def _candidates(
    con: duckdb.DuckDBPyConnection, days: Sequence[date], query: str, bound: Mapping[str, object] | None = None
) -> list[Candidate]:
    """Run a query of user, begin, end and strength, and return the candidates that begin in the days."""
    judged = set(days)
    rows = con.execute(query, dict(bound or {})).fetchall()
    return [Candidate(*row) for row in rows if row[1].date() in judged]


def count_per_hour(con: duckdb.DuckDBPyConnection, days: Sequence[date]) -> list[Candidate]:
    """The most uploads that a user makes to one provider in 60 minutes; no baseline.

    Panther's Box rule asks for 100 events of a user within its deduplication period of 60 minutes. Google SecOps asks
    for more than 10 documents in a match of one hour. Both rules read the log of one provider.
    """
    return _candidates(
        con,
        days,
        f"""
        WITH runs AS (
            SELECT "user", provider, time AS "begin", count(*) OVER (
                PARTITION BY "user", provider
                ORDER BY time RANGE BETWEEN CURRENT ROW AND INTERVAL 59 MINUTE FOLLOWING
            ) AS files
            FROM uploads
            WHERE {_MONITORED}
        )
        SELECT "user", "begin", "begin" + INTERVAL 1 HOUR, CAST(files AS DOUBLE)
        FROM runs
        QUALIFY row_number() OVER (
            PARTITION BY "user", provider, date_trunc('hour', "begin") ORDER BY files DESC, "begin"
        ) = 1
        """,  # noqa: S608
    )


def distinct_files(con: duckdb.DuckDBPyConnection, days: Sequence[date]) -> list[Candidate]:
    """Distinct file names of a user at one provider in each hourly run of the search; no baseline.

    Splunk's security content asks for more than 50 by user and site; its searches run every hour over the hour that
    ended ten minutes before. Only Office 365's log names a site, so here the provider is one.
    """
    return _candidates(
        con,
        days,
        f"""
        WITH runs AS (
            SELECT
                "user", provider, time_bucket(INTERVAL 1 HOUR, time, TIMESTAMP '2000-01-01 00:50:00') AS "begin",
                count(DISTINCT file_name) AS files
            FROM uploads
            WHERE {_MONITORED}
            GROUP BY ALL
        )
        SELECT "user", "begin", "begin" + INTERVAL 1 HOUR, CAST(files AS DOUBLE) FROM runs
        """,  # noqa: S608
    )


def daily_z(metric: str, floor: int) -> Callable[[duckdb.DuckDBPyConnection, Sequence[date]], list[Candidate]]:
    """Make a rule that measures a user's day in standard deviations above the user's mean; days without uploads are 0.

    Panther's macro for anomalies over daily bins, with the 90 days, the z of 3 and the floor of 1 MB of its query on
    daily volume. The day itself is not in the mean; a user whose days are all alike has no z, and stays silent.
    """

    def rule(con: duckdb.DuckDBPyConnection, days: Sequence[date]) -> list[Candidate]:
        return _candidates(
            con,
            days,
            f"""
            WITH daily AS (
                SELECT "user", date_trunc('day', hour) AS day, coalesce(sum({metric}), 0) AS amount
                FROM user_hours
                WHERE population = 'people'
                GROUP BY "user", date_trunc('day', hour)
            ),
            bins AS (
                SELECT unnest(generate_series(min(day), max(day), INTERVAL 1 DAY)) AS day FROM daily
            ),
            filled AS (
                SELECT u."user", b.day, CAST(coalesce(d.amount, 0) AS DOUBLE) AS amount
                FROM (SELECT DISTINCT "user" FROM daily) u
                CROSS JOIN bins b
                LEFT JOIN daily d ON d."user" = u."user" AND d.day = b.day
            ),
            judged AS (
                SELECT "user", day, amount, avg(amount) OVER past AS mean, stddev_samp(amount) OVER past AS spread
                FROM filled
                WINDOW past AS (
                    PARTITION BY "user"
                    ORDER BY day RANGE BETWEEN INTERVAL 90 DAY PRECEDING AND INTERVAL 1 DAY PRECEDING
                )
            )
            SELECT "user", day, day + INTERVAL 1 DAY, (amount - mean) / spread
            FROM judged
            WHERE spread > 0 AND amount >= $floor
            """,  # noqa: S608
            {"floor": floor},
        )

    return rule


def hourly_outlier(con: duckdb.DuckDBPyConnection, days: Sequence[date]) -> list[Candidate]:
    """Measure the bytes of a user's hour in standard deviations above those of the user's hours before.

    Sumo Logic's outlier rule over hourly bins, with the floor of 100 MB and the 3 deviations of its spike in outbound
    data, 14 days of learning (the days before activation) and 90 of retention. A bin is made of records, so hours
    without uploads are no points; a user with fewer than two points has no deviation, and stays silent.
    """
    return _candidates(
        con,
        days,
        """
        WITH hourly AS (
            SELECT "user", hour, CAST(sum(bytes) AS DOUBLE) AS amount
            FROM user_hours
            WHERE population = 'people' AND sized_files > 0
            GROUP BY "user", hour
        ),
        judged AS (
            SELECT "user", hour, amount, avg(amount) OVER past AS mean, stddev_samp(amount) OVER past AS spread
            FROM hourly
            WINDOW past AS (
                PARTITION BY "user"
                ORDER BY hour RANGE BETWEEN INTERVAL 90 DAY PRECEDING AND INTERVAL 1 HOUR PRECEDING
            )
        )
        SELECT "user", hour, hour + INTERVAL 1 HOUR, (amount - mean) / spread
        FROM judged
        WHERE spread > 0 AND amount >= $floor
        """,
        {"floor": 100 * _MEGABYTE},
    )


def mean_deviation(con: duckdb.DuckDBPyConnection, days: Sequence[date]) -> list[Candidate]:
    """Measure how far the uploads of a user's day from one address lie from their daily mean, relative to that mean.

    Sentinel's rule on SharePoint operations by address, daily over 14 days: by user, operation, site and address; an
    address without history finds no partner, so it never fires. As shipped it counts every object for itself and
    compares it with the total of the days before, and would hardly ever fire on distinct files; what is run here is
    what its description says: the day's count against the mean of the days with uploads before it.
    """
    return _candidates(
        con,
        days,
        f"""
        WITH daily AS (
            SELECT
                "user", provider, kind, ip, date_trunc('day', time) AS day,
                min(time) AS first_time, max(time) AS last_time, CAST(count(*) AS DOUBLE) AS files
            FROM uploads
            WHERE {_MONITORED} AND ip IS NOT NULL
            GROUP BY ALL
        ),
        judged AS (
            SELECT *, avg(files) OVER (
                PARTITION BY "user", provider, kind, ip
                ORDER BY day RANGE BETWEEN INTERVAL 13 DAY PRECEDING AND INTERVAL 1 DAY PRECEDING
            ) AS mean
            FROM daily
        )
        SELECT "user", first_time, last_time + INTERVAL 1 SECOND, abs(files - mean) / mean
        FROM judged
        WHERE mean IS NOT NULL
        """,  # noqa: S608
    )


def ecod(con: duckdb.DuckDBPyConnection, days: Sequence[date]) -> list[Candidate]:
    """Measure how far out a user's three-hour window lies in the organisation's windows of 30 days, by PyOD's ECOD.

    It gets the same two metrics as the detector here. Each day is scored by a model of the 30 days before it. The
    library's own threshold is the tenth of the training data that is taken for outliers (``contamination``);
    strength is the score as a multiple of that threshold.
    """
    # Imported here, since the library is optional.
    from pyod.models.ecod import ECOD  # noqa: PLC0415

    rows = con.execute(
        """
        SELECT
            "user", time_bucket(INTERVAL 3 HOUR, hour) AS start,
            log10(sum(files) + 1) AS files, log10(coalesce(sum(bytes), 0) + 1000) AS bytes
        FROM user_hours
        WHERE population = 'people'
        GROUP BY ALL
        ORDER BY start, "user"
        """
    ).fetchall()
    starts = np.array([row[1] for row in rows], dtype="datetime64[us]")
    metrics = np.array([row[2:] for row in rows], dtype=np.float64).reshape(-1, 2)
    found = []
    for day in days:
        midnight = datetime.combine(day, time())
        first, today, tomorrow = np.searchsorted(
            starts, np.array([midnight - _TRAINING, midnight, midnight + timedelta(days=1)], dtype="datetime64[us]")
        )
        if today in {first, tomorrow}:
            continue
        model = ECOD().fit(metrics[first:today])
        scores = model.decision_function(metrics[today:tomorrow]) / model.threshold_
        found += [
            Candidate(user, start, start + _WINDOW, float(score))
            for (user, start, *_), score in zip(rows[today:tomorrow], scores, strict=True)
        ]
    return found


@dataclass(frozen=True)
class Peer:
    """A rule and the settings under which it is published.

    Attributes:
        rule: Finds candidates.
        published: Strength from which it fires, by whose setting that is.
        needs: A module that has to be installed, if any.
    """

    rule: Callable[[duckdb.DuckDBPyConnection, Sequence[date]], list[Candidate]]
    published: Mapping[str, float]
    needs: str | None = None

    @property
    def available(self) -> bool:
        """Return whether the library that it needs is installed."""
        return self.needs is None or find_spec(self.needs) is not None


PEERS: Mapping[str, Peer] = {
    "count per hour": Peer(count_per_hour, {"Panther: 100": 100, "Google SecOps: over 10": _above(10)}),
    "distinct files": Peer(distinct_files, {"Splunk: over 50": _above(50)}),
    "daily z, bytes": Peer(daily_z("bytes", _MEGABYTE), {"Panther: 3, 1 MB": 3}),
    "daily z, files": Peer(daily_z("files", 1), {"Panther: 3": 3}),
    "hourly outlier": Peer(hourly_outlier, {"Sumo Logic: 3, 100 MB": 3}),
    "mean deviation": Peer(mean_deviation, {"Sentinel: over 25": _above(25)}),
    "ECOD": Peer(ecod, {"PyOD: a tenth": _above(1)}, needs="pyod"),
}
