"""Rules of other products for mass transfers, written from what they publish of their meaning, turned to uploads.

Belongs here: one function per rule, from a connection and the days to evaluate to candidates. Each reads people's part
of the table ``hours``: none of these rules treats service accounts separately, and these would use the whole budget. If
a rule leaves something open, the choice in its favour is taken and noted at the rule. Rules that add up longer than a
day are in ``bench.detection_peers_long``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from importlib.util import find_spec
from math import inf, nextafter

import duckdb
import numpy as np

from bench.detection_peers_long import cumulation, interval_thresholds, two_windows
from bench.peer_alerts import Candidates, candidates_of

__all__ = ["PEERS", "Peer", "count_per_hour", "daily_z", "distinct_files", "ecod", "hourly_outlier", "mean_deviation"]

_MEGABYTE = 1_000_000
_WINDOW = timedelta(hours=3)
_TRAINING = timedelta(days=30)
Rule = Callable[[duckdb.DuckDBPyConnection, Sequence[date]], Candidates]


def _above(limit: float) -> float:
    """Return the smallest number above a limit."""
    return nextafter(limit, inf)


def count_per_hour(con: duckdb.DuckDBPyConnection, days: Sequence[date]) -> Candidates:
    """Count the saves of a user at one provider in an hour; no baseline.

    Panther's Box rule asks for 100 events of a user within its deduplication period of 60 minutes. Google SecOps asks
    for more than 10 documents in a match of one hour. Both rules read the log of one provider. Theirs are any 60
    minutes, here hours of the clock.
    """
    return candidates_of(
        con,
        days,
        """
        SELECT "user", hour AS "begin", hour + INTERVAL 1 HOUR AS "end", CAST(saves AS DOUBLE) AS strength
        FROM hours
        WHERE population = 'people'
        """,
    )


def distinct_files(con: duckdb.DuckDBPyConnection, days: Sequence[date]) -> Candidates:
    """Count the distinct files of a user at one provider in an hour; no baseline.

    Splunk's security content asks for more than 50 by user and site; its searches run every hour over an hour. Only
    Office 365's log names a site, so here the provider is one.
    """
    return candidates_of(
        con,
        days,
        """
        SELECT
            "user", hour AS "begin", hour + INTERVAL 1 HOUR AS "end",
            CAST(files + coalesce(again_files[1], 0) AS DOUBLE) AS strength
        FROM hours
        WHERE population = 'people'
        """,
    )


def daily_z(metric: str, floor: int) -> Rule:
    """Make a rule that measures a user's day in standard deviations above the user's mean; days without uploads are 0.

    Panther's macro for anomalies over daily bins, with the 90 days, the z of 3 and the floor of 1 MB of its query on
    daily volume. The day itself is not in the mean; a user whose days are all alike has no z, and stays silent.
    """

    def rule(con: duckdb.DuckDBPyConnection, days: Sequence[date]) -> Candidates:
        return candidates_of(
            con,
            days,
            f"""
            WITH daily AS (
                SELECT "user", date_trunc('day', hour) AS day, CAST(coalesce(sum({metric}), 0) AS DOUBLE) AS amount
                FROM hours
                WHERE population = 'people'
                GROUP BY "user", date_trunc('day', hour)
            ),
            span AS (
                SELECT min(day) AS first_day FROM daily
            ),
            summed AS (
                SELECT
                    d."user", d.day, d.amount,
                    coalesce(sum(d.amount) OVER past, 0) AS total,
                    coalesce(sum(d.amount * d.amount) OVER past, 0) AS squares,
                    -- days without uploads are no rows, and count as zero
                    least(90, date_diff('day', s.first_day, d.day)) AS bins
                FROM daily d
                CROSS JOIN span s
                WINDOW past AS (
                    PARTITION BY d."user"
                    ORDER BY d.day RANGE BETWEEN INTERVAL 90 DAY PRECEDING AND INTERVAL 1 DAY PRECEDING
                )
            ),
            judged AS (
                SELECT *, total / bins AS mean, sqrt(greatest(squares - total * total / bins, 0) / (bins - 1)) AS spread
                FROM summed
                WHERE bins > 1
            )
            SELECT "user", day AS "begin", day + INTERVAL 1 DAY AS "end", (amount - mean) / spread AS strength
            FROM judged
            WHERE spread > 0 AND amount >= $floor
            """,  # noqa: S608 -- our own names
            {"floor": floor},
        )

    return rule


def hourly_outlier(con: duckdb.DuckDBPyConnection, days: Sequence[date]) -> Candidates:
    """Measure the bytes of a user's hour in standard deviations above those of the user's hours before.

    Sumo Logic's outlier rule over hourly bins, with the floor of 100 MB and the 3 deviations of its spike in outbound
    data, 14 days of learning (the days before activation) and 90 of retention. A bin is made of records, so hours
    without uploads are no points; a user with fewer than two points has no deviation, and stays silent.
    """
    return candidates_of(
        con,
        days,
        """
        WITH hourly AS (
            SELECT "user", hour, CAST(sum(bytes) AS DOUBLE) AS amount
            FROM hours
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
        SELECT "user", hour AS "begin", hour + INTERVAL 1 HOUR AS "end", (amount - mean) / spread AS strength
        FROM judged
        WHERE spread > 0 AND amount >= $floor
        """,
        {"floor": 100 * _MEGABYTE},
    )


def mean_deviation(con: duckdb.DuckDBPyConnection, days: Sequence[date]) -> Candidates:
    """Measure how far the files of a user's day at one provider lie from their daily mean, relative to that mean.

    Sentinel's rule on SharePoint operations by address, daily over 14 days: by user, operation, site and address. As
    shipped it counts every object for itself and compares it with the total of the days before, and would hardly ever
    fire on distinct files; what is run here is what its description says: the day's count against the mean of the days
    with uploads before it. An address without history finds no partner there; here everybody keeps the same one.
    """
    return candidates_of(
        con,
        days,
        """
        WITH daily AS (
            SELECT "user", provider, date_trunc('day', hour) AS day, CAST(sum(files) AS DOUBLE) AS files
            FROM hours
            WHERE population = 'people'
            GROUP BY ALL
        ),
        judged AS (
            SELECT *, avg(files) OVER (
                PARTITION BY "user", provider
                ORDER BY day RANGE BETWEEN INTERVAL 13 DAY PRECEDING AND INTERVAL 1 DAY PRECEDING
            ) AS mean
            FROM daily
        )
        SELECT "user", day AS "begin", day + INTERVAL 1 DAY AS "end", abs(files - mean) / mean AS strength
        FROM judged
        WHERE mean > 0
        """,
    )


def ecod(con: duckdb.DuckDBPyConnection, days: Sequence[date]) -> Candidates:
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
        FROM hours
        WHERE population = 'people'
        GROUP BY ALL
        ORDER BY start, "user"
        """
    ).fetchnumpy()
    users, starts = np.asarray(rows["user"]).astype(str), np.asarray(rows["start"]).astype("datetime64[us]")
    metrics = np.column_stack([rows["files"], rows["bytes"]])
    places, strengths = [], []
    for day in days:
        midnight = datetime.combine(day, time())
        first, today, tomorrow = np.searchsorted(
            starts, np.array([midnight - _TRAINING, midnight, midnight + timedelta(days=1)], dtype="datetime64[us]")
        )
        if today in {first, tomorrow}:
            continue
        model = ECOD().fit(metrics[first:today])
        places.append(np.arange(today, tomorrow))
        strengths.append(model.decision_function(metrics[today:tomorrow]) / model.threshold_)
    if not places:
        return Candidates.none()
    place = np.concatenate(places)
    return Candidates(
        users[place],
        starts[place],
        starts[place] + np.timedelta64(3, "h"),
        np.concatenate(strengths),
    )


@dataclass(frozen=True)
class Peer:
    """A rule and the settings under which it is published.

    Attributes:
        rule: Finds candidates.
        published: Strength from which it fires, by whose setting that is; empty where no figure is published.
        metric: What it measures: files, bytes, or empty for either.
        fold_days: Days in which a user has one alert of it.
        needs: A module that has to be installed, if any.
    """

    rule: Rule
    published: Mapping[str, float]
    metric: str = ""
    fold_days: int = 1
    needs: str | None = None

    @property
    def available(self) -> bool:
        """Return whether the library that it needs is installed."""
        return self.needs is None or find_spec(self.needs) is not None


PEERS: Mapping[str, Peer] = {
    "count per hour": Peer(count_per_hour, {"Panther: 100": 100, "Google SecOps: over 10": _above(10)}, "files"),
    "distinct files": Peer(distinct_files, {"Splunk: over 50": _above(50)}, "files"),
    "daily z, bytes": Peer(daily_z("bytes", _MEGABYTE), {"Panther: 3, 1 MB": 3}, "bytes"),
    "daily z, files": Peer(daily_z("files", 1), {"Panther: 3": 3}, "files"),
    "hourly outlier": Peer(hourly_outlier, {"Sumo Logic: 3, 100 MB": 3}, "bytes"),
    "mean deviation": Peer(mean_deviation, {"Sentinel: over 25": _above(25)}, "files"),
    "hour, day, week, month": Peer(interval_thresholds, {}, fold_days=7),
    "day and week": Peer(two_windows, {}, fold_days=7),
    "cumulation, 30 days": Peer(cumulation, {}, fold_days=30),
    "ECOD": Peer(ecod, {"PyOD: a tenth": _above(1)}, needs="pyod"),
}
