"""A home whose alerts a test rewrites, and a receiver of signed webhooks, for the tests of notifications."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from detection.tables import TABLES
from lake.store import Lake
from tests.support.memory import connect
from tests.support.scripted_server import Answer, Scripted, scripted

HOUR = timedelta(hours=1)
NOON = datetime(2026, 3, 1, 12)
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
PATH = "/planted-in-the-path"


@dataclass(frozen=True)
class Made:
    """An alert of the lake."""

    key: str
    user: str
    opens: datetime
    hours: int = 3
    severity: str = "Informational"
    folded_into: str | None = None
    reason: str = "on the list"
    score: float = 9.0
    files: int = 1


def write_alerts(home: Path, *alerts: Made) -> Lake:
    """Replace a home's alerts with these, as late data or a backfill would."""
    lake = Lake(root=str(home / "lake"))
    columns = ", ".join(f'"{column.name}" {column.type}' for column in TABLES["alerts"])
    for day in sorted({*lake.days("alerts"), *(alert.opens.date() for alert in alerts)}):
        with connect() as con:
            con.execute(f"CREATE TABLE made ({columns})")
            for alert in alerts:
                if alert.opens.date() == day:
                    end = alert.opens + alert.hours * HOUR
                    con.execute(
                        'INSERT INTO made (alert_id, name, severity, "user", users, providers, first_window_start, '
                        "last_window_end, files, suppressed_count, sentence, folded_into, score, threshold, reasons) "
                        "VALUES (?, 'Massive upload to SaaS service', ?, ?, 1, ['box'], ?, ?, ?, 0, ?, ?, ?, 7, "
                        "[{'name': 'risk_list', 'strength': 'strong', 'evidence': ?}])",
                        [
                            alert.key,
                            alert.severity,
                            alert.user,
                            alert.opens,
                            end,
                            alert.files,
                            f"{alert.user} until {end}",
                            alert.folded_into,
                            alert.score,
                            alert.reason,
                        ],
                    )
            lake.write(con, "made", "alerts", day, "")
    return lake


@dataclass
class Receiver:
    """A receiver that accepts each message once by its key.

    Attributes:
        server: What it was asked, and where.
    """

    server: Scripted

    @property
    def variables(self) -> dict[str, str]:
        """Return the variables of the channel that leads to the receiver."""
        return {
            "UPLOADWATCH_NOTIFY_SOC_URL": f"{self.server.url}{PATH}",
            "UPLOADWATCH_NOTIFY_SOC_SECRET": SECRET,
        }

    def bodies(self) -> dict[str, dict[str, Any]]:
        """Return the bodies received, by key, in the order in which each first arrived."""
        found: dict[str, dict[str, Any]] = {}
        for request in self.server.asked:
            found.setdefault(request.headers["webhook-id"], json.loads(request.body))
        return found

    def received(self) -> list[tuple[str, str]]:
        """Return key and event of each accepted message."""
        return [(key, body["event"]) for key, body in self.bodies().items()]


@contextmanager
def receiver(status: int = 204, **options: Any) -> Iterator[Receiver]:
    """Serve a receiver that answers with this status; options as in :func:`scripted_server.scripted`."""
    with scripted(lambda _asked: Answer(status=status), **options) as server:
        yield Receiver(server)
