"""Reviews: people's verdicts on alerts, kept for good in one file beside the lake's tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

import duckdb

from common.digests import text_digest
from common.errors import MendableError
from detection.persons import create_empty_person_tables, relabelled
from detection.sql import into
from detection.suspicion import Confirmed
from detection.tables import empty
from lake.days import midnight
from lake.kept import intact, write_kept
from lake.store import Lake, quoted
from lake.table_columns import verify_columns

__all__ = ["WITHDRAWN", "ReadAlert", "add_reviews", "confirmed_alerts", "reviews_digest", "view_reviews"]

WITHDRAWN = "withdrawn"
"""Verdict of a review that takes back the ones before: the alert is not reviewed any more."""


class ReadAlert(NamedTuple):
    """Alert as a person read it: its id and its revision; None for the present revision."""

    alert_id: str
    revision: int | None = None


def _path(lake: Lake) -> Path:
    return Path(lake.root) / "reviews.parquet"


def view_reviews(con: duckdb.DuckDBPyConnection, lake: Lake) -> None:
    """Make all reviews readable as ``reviews``, see :data:`detection.tables.TABLES`, with the persons' present keys."""
    path = intact(_path(lake))
    rows = f" UNION ALL BY NAME FROM read_parquet('{quoted(path)}')" if path else ""
    con.execute(f"CREATE OR REPLACE TEMP VIEW kept_reviews AS {empty('reviews')}{rows}")
    create_empty_person_tables(con)
    relabelled(con, "reviews", "kept_reviews")


def reviews_digest(lake: Lake, day: date) -> str:
    """Return a digest of the reviews that count on a day: those given before it began."""
    path = intact(_path(lake))
    if path is None:
        return ""
    with duckdb.connect() as con:
        rows = con.execute(
            "SELECT * FROM read_parquet(?) WHERE reviewed_at < ? ORDER BY review", [str(path), midnight(day)]
        ).fetchall()
    return text_digest(repr(rows)) if rows else ""


def confirmed_alerts(lake: Lake) -> list[Confirmed]:
    """Return the alerts whose latest review confirmed them, by opening and user."""
    if intact(_path(lake)) is None:
        return []
    with duckdb.connect() as con:
        view_reviews(con, lake)
        into(con, "said", "verdicts", {"day_start": midnight(date.max)})
        rows = con.execute(
            """
            SELECT "user", first_window_start FROM said WHERE verdict = 'confirmed' ORDER BY first_window_start, "user"
            """
        ).fetchall()
    return [Confirmed._make(row) for row in rows]


def add_reviews(
    con: duckdb.DuckDBPyConnection,
    lake: Lake,
    alerts: Sequence[ReadAlert],
    *,
    verdict: str,
    by: str,
    note: str,
    now: datetime,
) -> None:
    """Add a review of published alerts, all or none; that of a group's alert is added to each alert folded into it.

    Args:
        con: Connection in which ``ledger`` and ``revisions`` hold the published alerts, see
            :func:`lake.ledger.publish`.
        lake: Lake with the reviews.
        alerts: The alerts. The verdict covers no more than the revision that was read said.
        verdict: benign, confirmed, or :data:`WITHDRAWN`.
        by: Reviewer.
        note: Reason.
        now: Present time, UTC.

    Raises:
        MendableError: An alert or its revision does not exist.
    """
    # Two people may review at once, and both reviews are kept.
    with lake.alone():
        view_reviews(con, lake)
        con.execute("CREATE OR REPLACE TEMP TABLE all_reviews AS SELECT * FROM reviews")
        for alert in alerts:
            said = _rows(con, alert, verdict=verdict, by=by, note=note, now=now)
            con.executemany("INSERT INTO all_reviews VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", said)
        verify_columns(con, "all_reviews", "reviews")
        write_kept(_path(lake), lambda temporary: con.table("all_reviews").write_parquet(str(temporary)))


def _rows(
    con: duckdb.DuckDBPyConnection, alert: ReadAlert, *, verdict: str, by: str, note: str, now: datetime
) -> list[tuple[object, ...]]:
    """Return the rows of a review."""
    alert_id, revision = alert
    rows = con.execute(
        """
        SELECT (SELECT count(*) FROM all_reviews) + row_number() OVER (ORDER BY l.alert_id <> $about, l.alert_id),
          l.alert_id, l."user", coalesce(r.first_window_start, l.first_window_start),
          coalesce(r.last_window_end, l.last_window_end), $verdict, $by, $note, $now, l.person,
          coalesce(r.revision, l.revision)
        FROM ledger l
        LEFT JOIN revisions r ON r.alert_id = l.alert_id AND l.alert_id = $about AND r.revision = $revision
        WHERE l.alert_id = $about OR (l.state = 'folded' AND l.reason = concat('part of alert ', $about))
        ORDER BY 1
        """,
        {
            **{"verdict": verdict, "by": by, "note": note, "now": now.replace(tzinfo=None)},
            **{"about": alert_id, "revision": revision},
        },
    ).fetchall()
    if not rows:
        raise MendableError(f"there is no alert {alert_id}: take its alert_id from `uploadwatch alerts`")
    if revision is not None and rows[0][-1] != revision:
        raise MendableError(f"alert {alert_id} has no revision {revision}, the latest is {rows[0][-1]}: read it again")
    return rows
