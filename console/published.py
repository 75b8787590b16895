"""Alerts and cases as they are published, kept in memory until the lake changes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any

import duckdb

from detection.rule import SEVERITIES
from lake.audit_log import latest_number
from lake.ledger import publish
from lake.store import Lake
from lake.triage import load_assignees
from privacy.pseudonyms import Pseudonyms

__all__ = ["Published", "Rows", "rows_of"]

Rows = list[dict[str, Any]]

_CASES = """
CREATE TABLE case_rows AS
SELECT
  c.*,
  list_position($severities, c.severity) AS severity_rank,
  m.indicators,
  m.users,
  m.changed_at
FROM cases c
JOIN (
  SELECT
    s.case_id,
    list_sort(list_distinct(flatten(list(list_transform(s.reasons, lambda reason: reason.name))))) AS indicators,
    list(DISTINCT s."user" ORDER BY s."user") AS users,
    max(v.published_at) AS changed_at
  FROM shown s
  LEFT JOIN revisions v ON v.alert_id = s.alert_id AND v.revision = s.revision
  GROUP BY s.case_id
) AS m ON m.case_id = c.case_id
"""
_COVERED = """
CREATE OR REPLACE TEMP TABLE cases AS
SELECT * REPLACE (
  pseudonymous(sentence, "user") AS sentence, pseudonym("user") AS "user", pseudonym(person) AS person,
  pseudonym(reviewed_by) AS reviewed_by
)
FROM cases
"""


class Published:
    """Published alerts and cases of a lake, for many requests at once.

    Args:
        lake: The lake.
        pseudonyms: Maker of tokens for names; None leaves names unchanged.
    """

    def __init__(self, lake: Lake, pseudonyms: Pseudonyms | None) -> None:
        self._lake, self._pseudonyms = lake, pseudonyms
        self._lock = Lock()
        self._con: duckdb.DuckDBPyConnection | None = None
        self._state: tuple[object, ...] = ()
        self._acts = -1

    @contextmanager
    def reading(self, now: datetime) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a connection with the tables ``case_rows``, ``alert_rows``, ``closed_rows`` and ``assignees``.

        They have the columns of ``cases`` and ``shown`` (see :func:`lake.ledger.publish`); ``closed_rows`` those of the
        ledger's closed alerts, and ``assignees`` case_id, assignee and since. A ``case_rows`` also has severity_rank,
        indicators, users and changed_at.

        Args:
            now: Present time, UTC.
        """
        with self._lock:
            state = _state(self._lake)
            if self._con is None or state != self._state:
                self._con = self._publish(now)
                # Publication itself may write the ledger.
                self._state, self._acts = _state(self._lake), -1
            acts = latest_number(self._lake)
            if acts != self._acts:
                load_assignees(self._con, self._lake, "case_rows")
                self._acts = acts
            cursor = self._con.cursor()
        try:
            yield cursor
        finally:
            cursor.close()

    def _publish(self, now: datetime) -> duckdb.DuckDBPyConnection:
        con = duckdb.connect(config={"threads": 1})
        publish(con, self._lake, now)
        if self._pseudonyms:
            self._pseudonyms.register(con)
            for table in ("shown", "ledger"):
                self._pseudonyms.cover(con, table, table)
            con.execute(_COVERED)
        con.execute(_CASES, {"severities": list(SEVERITIES)})
        con.execute("CREATE TABLE alert_rows AS FROM shown")
        con.execute("CREATE TABLE closed_rows AS FROM ledger WHERE state <> 'open'")
        for table in ("shown", "cases", "ledger", "revisions"):
            con.execute(f"DROP TABLE {table}")
        return con


def rows_of(con: duckdb.DuckDBPyConnection, query: str, values: object = None) -> Rows:
    """Return the rows of a query by the names of their columns."""
    cursor = con.execute(query, values)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _state(lake: Lake) -> tuple[object, ...]:
    """Return what decides the published tables, without reading them."""
    notes = [
        (table, day, note.content if note else None)
        for table in ("alerts", "detections")
        for day in lake.days(table)
        for note in (lake.note(table, day),)
    ]
    return (*notes, *(_file(Path(lake.root) / f"{name}.parquet") for name in ("published", "reviews", "persons")))


def _file(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
