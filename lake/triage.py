"""Triage: what people do with cases. Every act is recorded in the audit log under the name of who did it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import duckdb

from common.errors import MendableError
from lake.audit_log import Act, latest_acts, record, recording
from lake.reviews import WITHDRAWN, ReadAlert, add_reviews, view_reviews
from lake.store import Lake

__all__ = [
    "ASSIGN",
    "ASSIGNMENTS",
    "COMMENT",
    "RELEASE",
    "REOPEN",
    "REVIEWS",
    "TAKE",
    "UNDO",
    "Assignment",
    "TriageError",
    "assign",
    "comment",
    "load_assignees",
    "release",
    "reopen",
    "review",
    "take",
    "undo",
]

TAKE, ASSIGN, RELEASE, COMMENT = "take", "hand over", "release", "comment"
REOPEN, UNDO = "reopen", "undo"
"""Names of the acts."""
REVIEWS = ("benign", "confirmed")
ASSIGNMENTS = (TAKE, ASSIGN, RELEASE)
"""Acts that decide who works on a case."""
_LONGEST = 4000


class TriageError(MendableError, ValueError):
    """Error of an act that is not possible; the message says why, and what to do."""


class Assignment(NamedTuple):
    """Person who works on a case, and since when, UTC."""

    assignee: str
    since: datetime


def take(lake: Lake, case_id: str, alerts: Sequence[str], *, by: str, now: datetime) -> None:
    """Take a case to work on.

    Args:
        lake: The lake.
        case_id: The case.
        alerts: Its alerts.
        by: Name of the person who takes it.
        now: Present time, UTC.

    Raises:
        TriageError: Somebody else works on it.
    """
    with recording(lake) as log:
        held = _assignment(log.latest(alerts, ASSIGNMENTS))
        if held and held.assignee == by:
            return
        if held:
            raise TriageError(
                f"{held.assignee} works on this case since {held.since:%Y-%m-%d %H:%M} UTC. Ask them to hand it "
                "over, or hand it over to yourself."
            )
        log.add(at=now, by=by, act=TAKE, about=case_id, text=by, alerts=alerts)


def assign(lake: Lake, case_id: str, alerts: Sequence[str], *, to: str, by: str, now: datetime) -> None:
    """Hand a case over to a person.

    Raises:
        TriageError: The name is empty.
    """
    _append(lake, ASSIGN, case_id, alerts, text=_text(to, "the name of the person to hand it over to"), by=by, now=now)


def release(lake: Lake, case_id: str, alerts: Sequence[str], *, by: str, now: datetime) -> None:
    """Give a case back: nobody works on it."""
    _append(lake, RELEASE, case_id, alerts, text="", by=by, now=now)


def comment(lake: Lake, case_id: str, alerts: Sequence[str], *, text: str, by: str, now: datetime) -> None:
    """Add a comment to a case.

    Raises:
        TriageError: The comment is empty or too long.
    """
    _append(lake, COMMENT, case_id, alerts, text=_text(text, "a comment"), by=by, now=now)


def review(
    con: duckdb.DuckDBPyConnection,
    lake: Lake,
    alerts: Sequence[ReadAlert],
    *,
    verdict: str,
    note: str,
    by: str,
    now: datetime,
) -> None:
    """Review alerts, at the revisions that were read.

    Args:
        con: Connection in which alerts are published, see :func:`lake.ledger.publish`.
        lake: The lake.
        alerts: The alerts, each with the revision that was read.
        verdict: One of :data:`REVIEWS`.
        note: Why.
        by: Name of the reviewer.
        now: Present time, UTC.

    Raises:
        TriageError: The verdict is unknown, or the note is empty.
        MendableError: An alert or its revision does not exist; nothing is reviewed.
    """
    if verdict not in REVIEWS:
        raise TriageError(f"{verdict!r} is not a verdict: choose {' or '.join(REVIEWS)}.")
    _add(con, lake, verdict, verdict, alerts, note=_text(note, "why"), by=by, now=now)


def reopen(
    con: duckdb.DuckDBPyConnection, lake: Lake, alerts: Sequence[str], *, note: str, by: str, now: datetime
) -> None:
    """Withdraw the verdicts of alerts, so that they are not reviewed any more.

    Raises:
        TriageError: The note is empty, or none of the alerts is reviewed.
    """
    view_reviews(con, lake)
    reviewed = [ReadAlert(alert) for alert in alerts if _standing(_given(con, alert))]
    if not reviewed:
        raise TriageError("Nothing to reopen: no alert of it is reviewed.")
    _add(con, lake, REOPEN, WITHDRAWN, reviewed, note=_text(note, "why"), by=by, now=now)


def undo(con: duckdb.DuckDBPyConnection, lake: Lake, alerts: Sequence[str], *, by: str, now: datetime) -> None:
    """Take back the latest review of each alert: the verdict before it stands again, or none.

    Raises:
        TriageError: None of the alerts has a verdict to take back.
    """
    view_reviews(con, lake)
    before: dict[str, list[ReadAlert]] = {}
    for alert in alerts:
        given = _given(con, alert)
        if not _standing(given):
            continue
        verdict, revision = given[-2] if len(given) > 1 else (WITHDRAWN, None)
        before.setdefault(verdict, []).append(ReadAlert(alert, revision))
    if not before:
        raise TriageError("Nothing to undo: no alert of it is reviewed.")
    for verdict, found in before.items():
        _add(con, lake, UNDO, verdict, found, note="the review before it counts again", by=by, now=now)


def load_assignees(con: duckdb.DuckDBPyConnection, lake: Lake, cases: str = "cases") -> None:
    """Create the table ``assignees`` (case_id, assignee, since in UTC) of the cases that somebody works on.

    Args:
        con: Connection in which the cases are.
        lake: The lake.
        cases: Table with ``case_id`` and ``alert_ids``.
    """
    held = [
        [alert_id, found.assignee, found.since.replace(tzinfo=None)]
        for alert_id, act in latest_acts(lake, ASSIGNMENTS).items()
        if (found := _assignment(act))
    ]
    con.execute("CREATE OR REPLACE TEMP TABLE held (alert_id VARCHAR, assignee VARCHAR, since TIMESTAMP)")
    if held:
        con.executemany("INSERT INTO held VALUES (?, ?, ?)", held)
    con.execute(
        f"""
        CREATE OR REPLACE TABLE assignees AS
        SELECT case_id, arg_max(assignee, since) AS assignee, max(since) AS since
        FROM (SELECT case_id, unnest(alert_ids) AS alert_id FROM {cases}) AS members
        JOIN held USING (alert_id)
        GROUP BY case_id
        """  # noqa: S608 -- our own names
    )


def _assignment(act: Act | None) -> Assignment | None:
    return Assignment(act.text, act.at) if act and act.act != RELEASE and act.text else None


def _append(lake: Lake, act: str, case_id: str, alerts: Sequence[str], *, text: str, by: str, now: datetime) -> None:
    record(lake, at=now, by=by, act=act, about=case_id, text=text, alerts=alerts)


def _add(
    con: duckdb.DuckDBPyConnection,
    lake: Lake,
    act: str,
    verdict: str,
    alerts: Sequence[ReadAlert],
    *,
    note: str,
    by: str,
    now: datetime,
) -> None:
    """Record an act in each case, and add the reviews: both or neither."""
    with recording(lake) as log:
        for case_id, members in _cases(con, alerts).items():
            log.add(at=now, by=by, act=act, about=case_id, text=note, alerts=members)
        add_reviews(con, lake, alerts, verdict=verdict, by=by, note=note, now=now)


def _cases(con: duckdb.DuckDBPyConnection, alerts: Sequence[ReadAlert]) -> dict[str, list[str]]:
    """Return the alerts by case; those that are closed have none."""
    rows = con.execute(
        """
        SELECT coalesce(c.case_id, ''), a.alert_id
        FROM (SELECT unnest($alerts) AS alert_id) AS a
        LEFT JOIN cases c ON list_contains(c.alert_ids, a.alert_id)
        ORDER BY 1, 2
        """,
        {"alerts": [alert.alert_id for alert in alerts]},
    ).fetchall()
    found: dict[str, list[str]] = {}
    for case_id, alert_id in rows:
        found.setdefault(case_id, []).append(alert_id)
    return found


def _given(con: duckdb.DuckDBPyConnection, alert_id: str) -> list[tuple[str, int | None]]:
    """Return the verdicts given on an alert, each with its revision, in their order."""
    query = "SELECT verdict, revision FROM reviews WHERE alert_id = ? ORDER BY reviewed_at, review"
    return con.execute(query, [alert_id]).fetchall()


def _standing(given: Sequence[tuple[str, int | None]]) -> bool:
    return bool(given) and given[-1][0] != WITHDRAWN


def _text(given: str, wanted: str) -> str:
    text = given.strip()
    if not text:
        raise TriageError(f"Something is missing: {wanted}.")
    if len(text) > _LONGEST:
        raise TriageError(f"The text has {len(text):,} characters: use {_LONGEST:,} at most.")
    return text
