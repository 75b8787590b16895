"""Cases of the queue: those that a filter asks for, a page at a time, with their counts by state and by day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import duckdb

from console.case_filter import CaseFilter, Sort
from console.published import Rows, rows_of

__all__ = ["PAGE", "CaseList", "list_cases"]

PAGE = 50
"""Cases on a page."""

_QUEUE = "state <> 'reviewed' DESC, severity_rank DESC, one_in DESC NULLS LAST"
_ORDER = {
    Sort.QUEUE: _QUEUE,
    Sort.NEWEST: "opened_at DESC",
    Sort.RARITY: "one_in DESC NULLS LAST",
    Sort.FILES: "files DESC",
    Sort.BYTES: "bytes DESC NULLS LAST",
    Sort.PERSON: 'lower("user")',
}
_WANTED = """
CREATE OR REPLACE TEMP TABLE wanted AS
SELECT *, coalesce(changed_at > $seen, FALSE) AS is_new
FROM (
  SELECT c.*, a.assignee
  FROM case_rows c
  LEFT JOIN assignees a USING (case_id)
)
WHERE ($severity = '' OR severity = $severity)
  AND ($source = '' OR list_contains(providers, $source))
  AND ($indicator = '' OR list_contains(indicators, $indicator))
  AND ($person = '' OR contains(lower(concat_ws(' ', "user", person, array_to_string(users, ' '))), lower($person)))
  AND ($text = '' OR contains(lower(sentence), lower($text)) OR starts_with(case_id, lower($text))
    OR len(list_filter(alert_ids, lambda alert: starts_with(alert, lower($text)))) > 0)
  AND ($since IS NULL OR last_window_end >= CAST($since AS TIMESTAMP))
  AND CASE $assigned
    WHEN '' THEN TRUE
    WHEN 'me' THEN coalesce(assignee = $viewer, FALSE)
    WHEN 'nobody' THEN assignee IS NULL
    ELSE coalesce(assignee <> $viewer, FALSE)
  END
"""
_IN_STATE = """
CREATE OR REPLACE TEMP TABLE listed AS
FROM wanted
WHERE CASE $state
    WHEN '' THEN TRUE
    WHEN 'to review' THEN state <> 'reviewed'
    WHEN 'new' THEN is_new
    ELSE state = $state OR coalesce(verdict = $state, FALSE)
  END
"""


@dataclass(frozen=True)
class CaseList:
    """Cases that a filter asks for.

    Attributes:
        rows: Those of the page, see :meth:`console.published.Published.reading`, with assignee and is_new.
        number: Number of all of them.
        pages: Number of pages.
        all_cases: Number of cases without the filter.
        states: Number of cases of the filter by state, and of new ones.
        days: Day, and cases to review and reviewed that opened on it, by day.
    """

    rows: Rows
    number: int
    pages: int
    all_cases: int
    states: dict[str, int]
    days: list[tuple[date, int, int]]


def list_cases(con: duckdb.DuckDBPyConnection, wanted: CaseFilter, *, viewer: str, seen: datetime | None) -> CaseList:
    """Return the cases that a filter asks for.

    Args:
        con: Connection from :meth:`console.published.Published.reading`.
        wanted: The filter.
        viewer: Name of the signed-in person.
        seen: End of the person's last visit, UTC without zone: cases that changed later are new. None for no visit.
    """
    values: dict[str, Any] = {
        **{"severity": wanted.severity, "source": wanted.source, "indicator": wanted.indicator},
        **{"person": wanted.person, "text": wanted.text, "since": wanted.since},
        **{"assigned": str(wanted.assigned), "viewer": viewer, "seen": seen},
    }
    con.execute(_WANTED, values)
    # Counts by state are those of the other conditions: they say what another state would show.
    [states] = rows_of(
        con,
        """
        SELECT
          count(*) AS every, count(CASE WHEN state <> 'reviewed' THEN 1 END) AS to_review,
          count(CASE WHEN state = 'reviewed' THEN 1 END) AS reviewed, count(CASE WHEN is_new THEN 1 END) AS new
        FROM wanted
        """,
    )
    con.execute(_IN_STATE, {"state": str(wanted.state)})
    [(number,)] = con.execute("SELECT count(*) FROM listed").fetchall()
    [(all_cases,)] = con.execute("SELECT count(*) FROM case_rows").fetchall()
    pages = max(1, -(-number // PAGE))
    page = min(wanted.page, pages)
    rows = rows_of(
        con,
        f"FROM listed ORDER BY {_ORDER[wanted.sort]}, opened_at DESC, case_id LIMIT ? OFFSET ?",
        [PAGE, (page - 1) * PAGE],
    )
    days = con.execute(
        """
        SELECT
          CAST(opened_at AS DATE), count(CASE WHEN state <> 'reviewed' THEN 1 END),
          count(CASE WHEN state = 'reviewed' THEN 1 END)
        FROM listed GROUP BY 1 ORDER BY 1
        """
    ).fetchall()
    return CaseList(rows, number, pages, all_cases, states, days)
