"""Backlog of the outbox: how many messages wait or were given up, read without creating, migrating or locking it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from notify.outbox import OutboxError, backoff
from notify.witness import Witness

__all__ = ["Backlog", "read_backlog"]

_SECONDS_TO_WAIT = 1.0


class Backlog(NamedTuple):
    """Messages of a channel that it has not accepted.

    Attributes:
        pending: Messages that will be tried again.
        parked: Messages that were given up after too many attempts.
        oldest: When the oldest pending message was entered, at the latest; None if none is pending.
        reason: Why the newest refused message was not accepted; empty if none was refused.
    """

    pending: int = 0
    parked: int = 0
    oldest: datetime | None = None
    reason: str = ""


def read_backlog(path: Path) -> dict[str, Backlog]:
    """Return the backlog of each channel that ever had a message; empty where there was no outbox yet.

    Args:
        path: File of the outbox.

    Raises:
        OutboxError: The outbox was deleted, or cannot be read.
    """
    if not path.exists():
        if Witness(path).latest:
            raise OutboxError(
                f"The outbox {path} is missing, although messages were sent before. See `uploadwatch verify`."
            )
        return {}
    try:
        with closing(
            sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=_SECONDS_TO_WAIT)
        ) as database:
            channels = database.execute("SELECT DISTINCT channel FROM letters").fetchall()
            waiting = database.execute(
                "SELECT channel, state, attempts, due, count(*) FROM letters WHERE state <> 'sent' "
                "GROUP BY channel, state, attempts, due"
            ).fetchall()
            # Of rows of a group, SQLite returns the one with the maximum.
            refused = database.execute(
                "SELECT channel, reason, max(number) FROM letters WHERE state <> 'sent' AND reason <> '' "
                "GROUP BY channel"
            ).fetchall()
    except sqlite3.Error as error:
        raise OutboxError(f"The outbox {path} cannot be read: {error}. See `uploadwatch verify`.") from error
    reasons = {channel: reason for channel, reason, _ in refused}
    found = {channel: Backlog(reason=reasons.get(channel, "")) for (channel,) in channels}
    for channel, state, attempts, due, count in waiting:
        before = found[channel]
        if state == "parked":
            found[channel] = before._replace(parked=before.parked + count)
            continue
        # A message is due when it is entered, and after each failed attempt later by its wait.
        entered = datetime.fromisoformat(due) - sum((backoff(n + 1) for n in range(attempts)), timedelta())
        oldest = min(entered, before.oldest or entered)
        found[channel] = before._replace(pending=before.pending + count, oldest=oldest)
    return found
