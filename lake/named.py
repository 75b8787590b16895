"""Alerts and cases by the beginning of their id, as people type it."""

from __future__ import annotations

from typing import NamedTuple

import duckdb

from common.errors import CommandError

__all__ = ["SHOWN_ID", "Named", "find_named"]

SHOWN_ID = 8
"""Length of an id as commands print it, unless two begin alike; any beginning that is unique is accepted."""
_LISTED = 5


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
        SELECT l.alert_id, c.case_id, coalesce(c.alert_ids, []), l."user", l.first_window_start
        FROM ledger l
        LEFT JOIN cases c ON list_contains(c.alert_ids, l.alert_id)
        WHERE starts_with(l.alert_id, $text)
        UNION ALL
        SELECT NULL, case_id, alert_ids, "user", opened_at FROM cases WHERE starts_with(case_id, $text)
        ORDER BY 5 DESC, 1, 2
        """,
        {"text": text.lower()},
    ).fetchall()
    if len(found) == 1 and text:
        alert_id, case_id, alert_ids, _, _ = found[0]
        return Named(alert_id, case_id, alert_ids)
    if not found:
        raise CommandError(
            f"No alert or case has an id that begins with {text!r}. Take a case's id from `uploadwatch alerts`, or an "
            "alert's from `uploadwatch alerts --format json`."
        )
    length = max(SHOWN_ID, len(text) + 4)
    listed = ", ".join(
        f"{'alert' if alert_id else 'case'} {(alert_id or case_id)[:length]} of {user} on {time:%F}"
        for alert_id, case_id, _, user, time in found[:_LISTED]
    )
    more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    said = f"{len(found)} alerts and cases have an id that begins with {text!r}: {listed}{more}"
    raise CommandError(f"{said}. Give more of it.")
