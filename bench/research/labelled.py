"""Labelled workloads of the sandbox, for comparisons of scores.

Every score sees the same uploads, sizes as after recovery: the true ones but for files that are gone and whose size the
log does not carry.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

import duckdb

from detection.saves import count_saves
from detection.sql import ENGINE
from sandbox.workload.format import Label, write_workload
from sandbox.workload.making import make_workload

__all__ = ["START", "Outcome", "Raised", "judge", "load", "user_days", "workload"]

START = date(2026, 1, 5)

_UPLOADS = """
CREATE OR REPLACE TABLE uploads AS
WITH delivered AS (
    SELECT *
    FROM read_parquet($path)
    WHERE kind IN ('upload', 'edit') AND "user" IS NOT NULL
    -- a repeated delivery is not a second upload
    QUALIFY event_id IS NULL OR row_number() OVER (PARTITION BY provider, event_id ORDER BY published_at) = 1
)
SELECT
    provider,
    lower("user") AS "user",
    CASE
        WHEN "user" ILIKE '%@boxdevedition.com' OR "user" ILIKE '%gserviceaccount.com' OR "user" ILIKE 'app@sharepoint'
            THEN 'service'
        ELSE 'person'
    END AS actor_class,
    TRUE AS has_address,
    kind,
    CAST(row_number() OVER () AS VARCHAR) AS event_key,
    0 AS asset,
    CAST(timezone('UTC', time) AS TIMESTAMP) AS time,
    -- as the sandbox identifies files
    concat_ws('/', lower("user"), folder, file_name) AS file_id,
    folder,
    file_name,
    coalesce(regexp_extract(lower(file_name), '\\.([a-z0-9]+)$', 1), '') AS extension,
    CASE
        WHEN NOT file_gone OR coalesce(size_in_log, provider IN ('box', 'dropbox')) THEN bytes
    END AS bytes,
    CAST(NULL AS BIGINT) AS estimated_bytes,
    ip,
    country,
    app,
    CAST(NULL AS VARCHAR) AS app_id
FROM delivered
"""


def load(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Make the tables ``uploads`` and ``user_hours`` of a workload."""
    con.execute(_UPLOADS, {"path": str(path)})
    count_saves(con)


def user_days(con: duckdb.DuckDBPyConnection, days: Sequence[date]) -> dict[date, int]:
    """Return the monitored users by day; as in calibration, users with uploads in the 30 days before."""
    rows = con.execute(
        """
        SELECT d.day, count(DISTINCT h."user")
        FROM (SELECT unnest(CAST($days AS DATE[])) AS day) d
        LEFT JOIN user_hours h ON h.population = 'people' AND h.hour >= d.day - INTERVAL 30 DAY AND h.hour < d.day
        GROUP BY d.day
        """,
        {"days": [day.isoformat() for day in days]},
    ).fetchall()
    return dict(rows)


class Raised(NamedTuple):
    """All that a score fires on for one user within a day of the first, as one alert."""

    user: str
    begin: datetime
    end: datetime


@dataclass
class Outcome:
    """Counts of one rule at one setting; they add up over workloads.

    Attributes:
        alerts: Alerts, one per user in 24 hours.
        true: Those on a harmful labelled incident.
        user_days: Monitored users, summed over the days.
        wanted: Harmful incidents that an alert is expected for, by scenario.
        found: Those with an alert, by scenario; an incident counts once, however many alerts lie on it.
    """

    alerts: int = 0
    true: int = 0
    user_days: int = 0
    wanted: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(
            self.alerts + other.alerts,
            self.true + other.true,
            self.user_days + other.user_days,
            self.wanted + other.wanted,
            self.found + other.found,
        )

    @property
    def realised_per_1000(self) -> float:
        """Return the alerts per 1000 monitored users and day."""
        return 1000 * self.alerts / self.user_days if self.user_days else 0.0


@contextmanager
def workload(seed: int, people: int, days: int) -> Iterator[tuple[duckdb.DuckDBPyConnection, list[Label]]]:
    """Yield a connection with the tables of a workload, and its labels."""
    table, labels = make_workload(seed=seed, people=people, days=days, start=START)
    with tempfile.TemporaryDirectory() as directory, duckdb.connect(config=dict(ENGINE)) as con:
        con.execute("SET enable_progress_bar = FALSE")
        path = Path(directory) / "workload.parquet"
        write_workload(table, path)
        load(con, path)
        yield con, labels


def judge(raised: Sequence[Raised], labels: Iterable[Label], user_days: int) -> Outcome:
    """Compare alerts with labels: an alert is on an incident if it is on its user and their times overlap."""
    true: set[Raised] = set()
    outcome = Outcome(alerts=len(raised), user_days=user_days)
    for label in labels:
        if not label.malicious:
            continue
        users = set(label.users.split("+"))
        start, end = label.start.replace(tzinfo=None), label.end.replace(tzinfo=None)
        hits = [alert for alert in raised if alert.user in users and alert.begin <= end and alert.end > start]
        true.update(hits)
        if label.expected in {"alert", "suspicious"}:
            outcome.wanted[label.scenario] += 1
            outcome.found[label.scenario] += bool(hits)
    outcome.true = len(true)
    return outcome
