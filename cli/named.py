"""Alerts and cases by the beginning of their id, as people type it."""

from __future__ import annotations

from typing import NamedTuple

import duckdb

from common.errors import CommandError

__all__ = ["Named", "find_named"]


class Named(NamedTuple):
    """Meaning of an id.

    Attributes:
        alert_id: The alert; None if a case was named.
        case_id: The case; None for an alert that is closed.
        alert_ids: The alerts of the case, in order; none for an alert that is closed.
    """

    alert_id: str | None
    case_id: str | None
    alert_ids: list[str]


def find_named(con: duckdb.DuckDBPyConnection, text: str) -> Named:
    """Return the one alert or case whose id begins with a text.

    Args:
        con: Connection in which alerts are published, see :func:`lake.ledger.publish`.
        text: The beginning of an id; capitals do not matter.

    Raises:
        CommandError: None or several have an id that begins so.
    """
    found = con.execute(
        """
        SELECT l.alert_id, c.case_id, coalesce(c.alert_ids, [])
        FROM ledger l
        LEFT JOIN cases c ON list_contains(c.alert_ids, l.alert_id)
        WHERE starts_with(l.alert_id, $text)
        UNION ALL
        SELECT NULL, case_id, alert_ids FROM cases WHERE starts_with(case_id, $text)
        """,
        {"text": text.lower()},
    ).fetchall()
    if len(found) != 1 or not text:
        raise CommandError(
            f"{len(found)} alerts or cases have an id that begins with {text!r}. Take a case's id from "
            "`uploadwatch alerts`, or an alert's from `uploadwatch alerts --format json`."
        )
    return Named(*found[0])
