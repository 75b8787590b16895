"""A lake whose alerts a test rewrites, as late data would, and what is published of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from detection.rule import RULE
from detection.tables import TABLES
from lake.ledger import publish
from lake.reviews import ReadAlert, add_reviews
from lake.store import Lake
from tests.support.memory import connect

__all__ = ["DAY", "HOUR", "NOON", "Made", "Published"]

NOON = datetime(2026, 3, 1, 12)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class Made(NamedTuple):
    """An alert to publish; `key` is the id that it has without the ledger."""

    key: str
    opening: datetime
    end: datetime | None = None
    user: str = "ann@example.com"
    files: int = 100
    bytes: int | None = 10**9
    severity: str = RULE.severity
    score: float = 9.0
    one_in: int = 500
    users: int = 1
    folded_into: str | None = None
    sentence: str | None = None


class Published:
    """A lake with a ledger.

    Attributes:
        lake: The lake.
        now: Time of the next publication; a test moves it.
    """

    def __init__(self, root: Path, now: datetime = NOON + 2 * DAY) -> None:
        self.lake = Lake(root=str(root))
        self.now = now

    def write(self, *alerts: Made) -> None:
        """Replace all alerts of the lake."""
        columns = ", ".join(f'"{column.name}" {column.type}' for column in TABLES["alerts"])
        with connect() as con:
            for day in {*self.lake.days("alerts"), *(alert.opening.date() for alert in alerts)}:
                con.execute("DROP TABLE IF EXISTS made")
                con.execute(f"CREATE TABLE made ({columns})")
                for alert in alerts:
                    if alert.opening.date() == day:
                        row = self._row(alert)
                        names = ", ".join(f'"{name}"' for name in row)
                        con.execute(
                            f"INSERT INTO made ({names}) VALUES ({', '.join('?' * len(row))})", list(row.values())
                        )
                self.lake.write(con, "made", "alerts", day, "")

    @staticmethod
    def _row(alert: Made) -> dict[str, Any]:
        end = alert.end or alert.opening + 3 * HOUR
        amount = "no size" if alert.bytes is None else f"{alert.bytes:,} bytes"
        return {
            "alert_id": alert.key,
            "name": RULE.name if alert.severity == RULE.severity else RULE.variations.suspicious_user.name,
            "severity": alert.severity,
            "user": alert.user,
            "providers": ["box"],
            "first_window_start": alert.opening,
            "last_window_end": end,
            "files": alert.files,
            "sized_files": alert.files,
            "bytes": alert.bytes,
            "population": "people",
            "score": alert.score,
            "threshold": 7.0,
            "one_in": alert.one_in,
            "estimated_files": 0,
            "suppressed_count": 0,
            "reasons": [],
            "sentence": alert.sentence or f"{alert.user} uploaded {alert.files} files, {amount}, until {end}",
            "users": alert.users,
            "folded_into": alert.folded_into,
            "person": alert.user if alert.users == 1 else None,
        }

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Publish, and return the rows of a query over ``shown``, ``cases``, ``ledger`` and so on."""
        with connect() as con:
            publish(con, self.lake, self.now)
            cursor = con.execute(query)
            names = [column[0] for column in cursor.description or []]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def cases(self, *alerts: Made) -> list[dict[str, Any]]:
        """Write these alerts, publish, and return the cases."""
        self.write(*alerts)
        return self.rows("FROM cases")

    def review(
        self, alert_ids: str | Sequence[str], at: datetime, verdict: str = "benign", revision: int | None = None
    ) -> None:
        """Review alerts."""
        with connect() as con:
            publish(con, self.lake, max(self.now, at))
            for alert_id in [alert_ids] if isinstance(alert_ids, str) else alert_ids:
                add_reviews(
                    con, self.lake, [ReadAlert(alert_id, revision)], verdict=verdict, by="bea", note="asked", now=at
                )
