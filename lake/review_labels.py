"""Reviews as labels: what people confirmed is an incident to find, what they found benign is a look-alike."""

from __future__ import annotations

from datetime import date

import duckdb

from detection.sql import into
from lake.days import DAY, midnight
from lake.people import read_people
from lake.reviews import view_reviews
from lake.store import Lake
from providers import PROVIDERS

__all__ = ["review_labels"]


def review_labels(lake: Lake, first: date, last: date) -> list[dict[str, str]]:
    """Return the latest review of each alert that opened on these days, in the form of a workload's labels.

    Args:
        lake: The lake.
        first: First day, UTC.
        last: Last day.
    """
    with duckdb.connect() as con:
        read_people(lake).load_into(con)
        view_reviews(con, lake)
        into(con, "said", "verdicts", {"day_start": midnight(date.max)})
        rows = con.execute(
            """
            SELECT coalesce(l.label, s."user"), s.first_window_start, s.last_window_end, s.verdict
            FROM said s
            LEFT JOIN person_labels l ON l.person = s."user"
            WHERE s.first_window_start >= ? AND s.first_window_start < ?
            ORDER BY s.first_window_start, s."user"
            """,
            [midnight(first), midnight(last + DAY)],
        ).fetchall()
    return [
        {
            "scenario": f"reviewed as {verdict}",
            "malicious": str(verdict == "confirmed").lower(),
            "expected": "alert" if verdict == "confirmed" else "quiet",
            "users": user,
            "providers": "+".join(PROVIDERS),
            "start": f"{start.isoformat()}Z",
            "end": f"{end.isoformat()}Z",
        }
        for user, start, end, verdict in rows
    ]
