"""Queries for the evidence of an alert's page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import get_args

import duckdb
import pyarrow as pa

from detection.risk import Networks
from detection.rule import RULE
from detection.saves import saved_files
from detection.scales import create_scales
from detection.sensitive import Term, terms_table
from detection.sql import into
from detection.user_agents import MARK
from dossier.evidence import Evidence, EvidenceRow

__all__ = ["SIGNS", "USUAL", "WATCHED", "count_files", "gather", "subjects"]

SIGNS = 7
"""Days before an alert's opening that are searched for signs of compromise."""
WATCHED = 30
"""Days after an alert's end in which its page is kept current, unless somebody reviews it."""

USUAL = RULE.periods.training_days
"""Days before those that show what is usual, as many as a baseline has."""

_BOUND = {
    "most_rows": 60,
    "most_examples": 5,
    "most_places": 12,
    "most_users": 20,
    "derived_mark": MARK,
    "signs_days": SIGNS,
    "training_days": USUAL,
    "window_hours": RULE.periods.test_window_hours,
}

_MODELS: Mapping[str, type[EvidenceRow]] = {
    name: get_args(field.annotation)[0] for name, field in Evidence.model_fields.items()
}
"""Row type of each query, by the query's name: a field of :class:`dossier.evidence.Evidence`."""

_COUNTED = {"alert_saves": "saves", "alert_files": "files", "usual_files": "usual_files"}
"""Tables that count uploads, and their queries; each reads ``uploads`` and the tables before it."""


def subjects(con: duckdb.DuckDBPyConnection, wanted: Mapping[str, datetime]) -> tuple[datetime, datetime] | None:
    """Make the temporary table ``subjects`` from ``shown`` and ``alerts``: users to report on, and their time ranges.

    Args:
        con: Connection.
        wanted: Alerts by ``alert_id``, each with the time (UTC, without zone) until which its page shows events.

    Returns:
        First and last time of the evidence; None if none of the alerts is shown.
    """
    rows = [{"alert_id": alert, "until": until} for alert, until in wanted.items()]
    schema = pa.schema([("alert_id", pa.string()), ("until", pa.timestamp("us"))])
    con.register("wanted", pa.Table.from_pylist(rows, schema=schema))
    create_scales(con)
    into(con, "subjects", "dossier/subjects", _BOUND)
    con.unregister("wanted")
    [(first, last)] = con.execute("SELECT min(usual_from), max(until) FROM subjects").fetchall()
    return None if first is None else (first, last)


def count_files(con: duckdb.DuckDBPyConnection) -> None:
    """Make ``alert_saves``, ``alert_files`` and ``usual_files`` from ``subjects``, ``detections`` and ``uploads``.

    ``uploads`` holds whole days of the subjects' users.
    """
    for table, query in _COUNTED.items():
        # Only the saves and the usual files read it.
        into(con, table, f"dossier/{query}", given=saved_files())


def gather(con: duckdb.DuckDBPyConnection, *, networks: Networks, terms: Sequence[Term]) -> dict[str, Evidence]:
    """Return the evidence of each alert in ``subjects``.

    Reads the tables ``subjects``, ``shown``, ``largest_members``, those of :func:`count_files`, ``uploads`` and
    ``activity`` (of the subjects' users; of activity that on the alerts' files, too), ``user_hours``, ``evaluations``,
    ``baselines`` (dated by ``day``), ``logged_kinds`` (provider, day, kind), and ``person_names`` and ``person_labels``
    (see :func:`detection.persons.resolve`). All name users by their persons' keys; the evidence shows their addresses.

    Args:
        con: Connection in which these tables exist.
        networks: Networks and countries of addresses.
        terms: Dictionary of what may be sensitive.
    """
    ips = con.execute(
        "SELECT ip FROM activity WHERE ip IS NOT NULL UNION SELECT ip FROM uploads WHERE ip IS NOT NULL"
    ).fetchall()
    labels: dict[str, str] = dict(
        con.execute(
            """
            SELECT person, label
            FROM person_labels
            WHERE person IN (SELECT "user" FROM subjects UNION SELECT "user" FROM activity)
            """
        ).fetchall()
    )
    con.register("addresses", networks.table(ip for (ip,) in ips))
    con.register("terms", terms_table(terms))
    found: dict[str, dict[str, list[EvidenceRow]]] = {
        alert: defaultdict(list)
        for (alert,) in con.execute("SELECT DISTINCT alert_id FROM subjects ORDER BY alert_id").fetchall()
    }
    for name, model in _MODELS.items():
        into(con, "dossier_rows", f"dossier/{name}", _BOUND)
        cursor = con.execute("SELECT * FROM dossier_rows")
        columns = [column[0] for column in cursor.description or []]
        for row in cursor.fetchall():
            values = dict(zip(columns, row, strict=True))
            if values.get("user") in labels:
                values["user"] = labels[values["user"]]
            found[values.pop("alert_id")][name].append(model.model_validate(values))
    for name in ("addresses", "terms"):
        con.unregister(name)
    return {alert: Evidence.model_validate(dict(rows)) for alert, rows in found.items()}
