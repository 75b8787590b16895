"""Reading of alerts and their evidence from the lake."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
from pydantic import BaseModel, ConfigDict

from detection.cases import queue_key
from detection.risk import Networks
from detection.scales import scale_days
from detection.sensitive import Term
from dossier.evidence import Evidence
from dossier.queries import WATCHED, count_files, gather, subjects
from lake.days import DAY, days_between
from lake.people import read_people
from lake.store import Lake
from providers import PROVIDERS

__all__ = ["Alert", "Case", "Closed", "read_alerts", "read_cases", "read_closed", "read_evidence", "watched_until"]

_UPLOADS = (
    'provider, event_key, asset, time, user_id, "user", actor_class, file_id, file_name, extension, folder, owner, '
    "label, visibility, bytes, app, app_id, ip, country, has_address"
)
_ACTIVITY = 'provider, time, "user", kind, file_id, file_name, app, ip, country, detail'


class Alert(BaseModel):
    """An alert as it is shown, see ``docs/alerts.md``; times are UTC without zone, sizes bytes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    alert_id: str
    name: str
    severity: str
    user: str
    users: int
    actor_class: str | None
    population: str | None
    providers: list[str]
    first_window_start: datetime
    period_start: datetime | None
    last_window_end: datetime
    files: int
    sized_files: int
    bytes: int | None
    saves: int | None = None
    estimated_files: int
    estimated_bytes: int | None
    scope: str | None
    metric: str | None
    one_in: int | None
    confidence: str | None
    cause: str | None
    peak_window_start: datetime | None
    peak_window_end: datetime | None
    peak_period_start: datetime | None
    peak_largest_files: int | None
    peak_largest_bytes: int | None
    peak_files: int | None
    peak_sized_files: int | None
    peak_bytes: int | None
    baseline_files_windows: int | None
    baseline_files_sum: int | None
    baseline_files_max: int | None
    baseline_bytes_windows: int | None
    baseline_bytes_sum: int | None
    baseline_bytes_max: int | None
    reasons: list[dict[str, str]]
    sentence: str
    revision: int
    suppressed_count: int
    verdict: str | None
    reviewed_by: str | None
    review_note: str | None
    reviewed_at: datetime | None
    case_id: str
    outgrown_verdict: str | None
    outgrown_by: str | None
    outgrown_note: str | None
    outgrown_revision: int | None

    @property
    def since(self) -> datetime:
        """Start of all that the alert adds up: its opening window, or the first day of a long scale."""
        return self.period_start or self.first_window_start

    @property
    def scale_days(self) -> int | None:
        """Days of the long scale that its rarest figures are of; None if they are of a test window, or of a group."""
        return scale_days().get(self.scope) if self.scope and self.users == 1 else None


class Case(BaseModel):
    """A case, see ``cases`` in :data:`detection.tables.TABLES`; times are UTC without zone."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    case_id: str
    state: str
    severity: str
    opened_at: datetime
    closes_at: datetime
    alert_ids: list[str]
    escalations: int
    one_in: int | None


class Closed(BaseModel):
    """A closed alert (merged, withdrawn or part of a group) with its last sentence."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    alert_id: str
    state: str
    reason: str
    revision: int
    user: str
    first_window_start: datetime
    name: str | None
    sentence: str | None


def _rows(con: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    cursor = con.execute(query)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def read_alerts(con: duckdb.DuckDBPyConnection) -> list[Alert]:
    """Return all alerts, ordered by opening and user.

    Args:
        con: Connection in which they are published, see :func:`lake.ledger.publish`.
    """
    rows = _rows(con, 'FROM shown ORDER BY first_window_start, "user"')
    return [Alert.model_validate(row) for row in rows]


def read_cases(con: duckdb.DuckDBPyConnection) -> dict[str, Case]:
    """Return all cases by their id; those to read first come first: unreviewed, then severe, then rare.

    Args:
        con: Connection in which their alerts are published, see :func:`lake.ledger.publish`.
    """
    rows = _rows(con, "FROM cases ORDER BY opened_at DESC, case_id")
    found = [Case.model_validate(row) for row in rows]
    found.sort(key=lambda case: queue_key(case.state, case.severity, case.one_in), reverse=True)
    return {case.case_id: case for case in found}


def read_closed(con: duckdb.DuckDBPyConnection) -> list[Closed]:
    """Return published alerts that are now merged, withdrawn or part of a group, with their last sentence."""
    rows = _rows(
        con,
        """
        SELECT l.alert_id, l.state, l.reason, l.revision, l."user", l.first_window_start, r.name, r.sentence
        FROM ledger l
        LEFT JOIN (
          SELECT alert_id, arg_max(name, revision) AS name, arg_max(sentence, revision) AS sentence
          FROM revisions
          WHERE sentence IS NOT NULL
          GROUP BY alert_id
        ) r ON r.alert_id = l.alert_id
        WHERE l.state <> 'open'
        ORDER BY l.first_window_start, l."user", l.alert_id
        """,
    )
    return [Closed.model_validate(row) for row in rows]


def watched_until(alert: Alert, now: datetime) -> datetime:
    """Return the time until which an alert's page shows events: its review, or ``WATCHED`` days after its end.

    Args:
        alert: The alert.
        now: UTC with zone.
    """
    ends = [now.astimezone(UTC).replace(tzinfo=None), alert.last_window_end + timedelta(days=WATCHED)]
    if alert.reviewed_at:
        ends.append(alert.reviewed_at)
    return min(ends)


def read_evidence(
    con: duckdb.DuckDBPyConnection,
    lake: Lake,
    alerts: Iterable[Alert],
    *,
    now: datetime,
    networks: Networks,
    terms: Sequence[Term],
) -> dict[str, Evidence]:
    """Return the evidence of each alert.

    Args:
        con: Connection in which the alerts are published, see :func:`lake.ledger.publish`.
        lake: Where the tables are.
        alerts: The alerts wanted.
        now: UTC with zone.
        networks: Networks and countries of addresses.
        terms: Dictionary of what may be sensitive.
    """
    span = subjects(con, {alert.alert_id: watched_until(alert, now) for alert in alerts})
    if span is None:
        return {}
    days = days_between(span[0].date(), span[1].date() + DAY)
    uploads, activity = ([f"{provider}/{table}" for provider in PROVIDERS] for table in ("uploads", "activity"))
    people = read_people(lake)
    people.view(con, lake, "all_uploads", uploads, days, lost_too=True)
    people.view(con, lake, "all_activity", activity, days, dated=True, lost_too=True)
    people.view(con, lake, "user_hours", ["user_hours"], days, lost_too=True)
    people.view(con, lake, "detections", ["detections"], days, lost_too=True)
    lake.view(con, "evaluations", ["evaluations"], days, lost_too=True)
    peaks = con.execute("SELECT DISTINCT CAST(peak_window_start AS DATE) FROM subjects ORDER BY 1").fetchall()
    lake.view(con, "baselines", ["baselines"], [day for (day,) in peaks], dated=True, lost_too=True)
    # Each query reads its tables a dozen times; the users of alerts are few.
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE uploads AS SELECT {_UPLOADS} FROM all_uploads "  # noqa: S608 -- our own columns
        'WHERE "user" IN (SELECT "user" FROM subjects)'
    )
    count_files(con)
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE activity AS SELECT {_ACTIVITY} FROM all_activity "  # noqa: S608 -- our own columns
        'WHERE "user" IN (SELECT "user" FROM subjects) OR file_id IN (SELECT file_id FROM alert_files)'
    )
    con.execute("CREATE OR REPLACE TEMP TABLE logged_kinds AS SELECT DISTINCT provider, day, kind FROM all_activity")
    return gather(con, networks=networks, terms=terms)
