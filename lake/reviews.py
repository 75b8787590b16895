"""Reviews: people's verdicts on alerts, kept for good in one file beside the lake's tables."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

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

__all__ = ["add_review", "confirmed_alerts", "reviews_digest", "view_reviews"]


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


def add_review(
    con: duckdb.DuckDBPyConnection,
    lake: Lake,
    alert_id: str,
    *,
    verdict: str,
    by: str,
    note: str,
    now: datetime,
    revision: int | None = None,
) -> None:
    """Add a review of a published alert; a review of a group's alert is added to each alert folded into it.

    Args:
        con: Connection in which ``ledger`` and ``revisions`` hold the published alerts, see
            :func:`lake.ledger.publish`.
        lake: Lake with the reviews.
        alert_id: The alert.
        verdict: benign or confirmed.
        by: Reviewer.
        note: Reason.
        now: Present time, UTC.
        revision: Revision that the reviewer read; None for the present one. The verdict covers no more than it says.

    Raises:
        MendableError: The alert or its revision does not exist.
    """
    # Two people may review at once, and both reviews are kept.
    with lake.alone():
        view_reviews(con, lake)
        said = con.execute(
            """
            SELECT (SELECT count(*) FROM reviews) + row_number() OVER (ORDER BY l.alert_id <> $about, l.alert_id),
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
        if not said:
            raise MendableError(f"there is no alert {alert_id}: take its alert_id from `uploadwatch alerts`")
        if revision is not None and said[0][-1] != revision:
            raise MendableError(
                f"alert {alert_id} has no revision {revision}, the latest is {said[0][-1]}: read it again"
            )
        con.execute("CREATE OR REPLACE TEMP TABLE all_reviews AS SELECT * FROM reviews")
        con.executemany("INSERT INTO all_reviews VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", said)
        verify_columns(con, "all_reviews", "reviews")
        write_kept(_path(lake), lambda temporary: con.table("all_reviews").write_parquet(str(temporary)))
