"""Evidence behind the five questions of an alert's page, read from the tables."""

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
from detection.sensitive import Term, terms_table
from detection.sql import into
from detection.user_agents import MARK
from dossier.evidence import Evidence, Told

__all__ = ["SIGNS", "USUAL", "WATCHED", "count_files", "gather", "subjects"]

SIGNS = 7
"""Days before an alert's opening in which signs of compromise are looked for."""
WATCHED = 30
"""Days after an alert's end until which its page is kept current, where nobody reviews it."""

USUAL = RULE.periods.training_days
"""Days before those whose conduct is usual, which is what a baseline looks at."""

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

_MODELS: Mapping[str, type[Told]] = {
    name: get_args(field.annotation)[0] for name, field in Evidence.model_fields.items()
}
"""Row type of each query, by the query's name: a field of :class:`dossier.evidence.Evidence`."""

_COUNTED = {"alert_saves": "saves", "alert_files": "files", "usual_files": "usual_files"}
"""Tables that uploads are counted in, each made of those before it and ``uploads``, and their queries."""


def subjects(con: duckdb.DuckDBPyConnection, wanted: Mapping[str, datetime]) -> tuple[datetime, datetime] | None:
    """Make the temporary table ``subjects`` from ``shown`` and ``alerts``: users to report on, and their time ranges.

    Args:
        con: Connection.
        wanted: Alerts by ``alert_id``, each with the time (UTC, without zone) until which its page tells.

    Returns:
        First and last time that the evidence reaches to; None where none of the alerts is shown.
    """
    rows = [{"alert_id": alert, "until": until} for alert, until in wanted.items()]
    schema = pa.schema([("alert_id", pa.string()), ("until", pa.timestamp("us"))])
    con.register("wanted", pa.Table.from_pylist(rows, schema=schema))
    into(con, "subjects", "dossier/subjects", _BOUND)
    con.unregister("wanted")
    [(first, last)] = con.execute("SELECT min(usual_from), max(until) FROM subjects").fetchall()
    return None if first is None else (first, last)


def count_files(con: duckdb.DuckDBPyConnection) -> None:
    """Make ``alert_saves``, ``alert_files`` and ``usual_files`` from ``subjects``, ``detections`` and ``uploads``.

    ``uploads`` are those of the subjects' users, of whole days.
    """
    for table, query in _COUNTED.items():
        # Only the saves and the usual files read it.
        into(con, table, f"dossier/{query}", given=saved_files())


def gather(con: duckdb.DuckDBPyConnection, *, networks: Networks, terms: Sequence[Term]) -> dict[str, Evidence]:
    """Evidence by alert, of those in ``subjects``.

    Reads the tables ``subjects``, ``shown``, those of :func:`count_files`, ``uploads`` and
    ``activity`` (of the subjects' users; of activity that on the alerts' files, too), ``user_hours``, ``evaluations``,
    ``baselines`` (dated by ``day``), ``told_kinds`` (provider, day, kind), and ``person_names`` and ``person_labels``
    (see :func:`detection.persons.resolve`). All name users by their persons' keys; what is found shows their addresses.

    Args:
        con: Connection in which these tables exist.
        networks: What the operator knows of addresses.
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
    found: dict[str, dict[str, list[Told]]] = {
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
