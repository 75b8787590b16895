"""Visits of the people who use the console, to mark the cases that are new since a person's last one."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

__all__ = ["VISITS", "last_visit"]

VISITS = "visits.db"
"""File in the home."""
_PAUSE = timedelta(minutes=30)
"""Time without a request after which the next one begins a new visit."""
_SECONDS_TO_WAIT = 10.0


def last_visit(home: Path, person: str, now: datetime) -> datetime | None:
    """Return the end of a person's last visit, and note that they are here now.

    Args:
        home: Directory of the deployment.
        person: Name of the signed-in person.
        now: Present time, UTC with zone.

    Returns:
        UTC without zone; None for the first visit.
    """
    present = now.astimezone(UTC).replace(tzinfo=None)
    with closing(sqlite3.connect(home / VISITS, timeout=_SECONDS_TO_WAIT)) as con, con:
        con.execute("CREATE TABLE IF NOT EXISTS visits (person TEXT PRIMARY KEY, before TEXT, here TEXT) WITHOUT ROWID")
        row = con.execute("SELECT before, here FROM visits WHERE person = ?", [person]).fetchone()
        before, here = (datetime.fromisoformat(each) if each else None for each in row or (None, None))
        if here and present - here > _PAUSE:
            before = here
        con.execute(
            "INSERT OR REPLACE INTO visits VALUES (?, ?, ?)",
            [person, before.isoformat() if before else None, max(present, here or present).isoformat()],
        )
    return before
