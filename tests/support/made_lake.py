"""A lake of Box whose tables a test writes by hand, and the checks over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa

from assets.checks import CATALOGUE, Traits
from assets.checks.findings import Scene
from assets.core.resources import Detector
from assets.core.runbooks import Runbooks
from connectors import Gap, Page
from detection.tables import TABLES
from lake.landing import land
from lake.manifest import Manifest
from lake.store import Lake
from tests.support.memory import connect

NOW = datetime(2026, 3, 10, 12)
"""A Tuesday, UTC."""
TODAY = NOW.date()
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
TRAITS = Traits(lateness=24 * HOUR, overlap=HOUR, recovers_sizes=True)


class MadeLake:
    """A lake that a test fills.

    Attributes:
        lake: The lake.
    """

    def __init__(self, root: Path) -> None:
        self.lake = Lake(root=str(root / "lake"))
        self.allow_list = root / "allow.toml"
        self._con = connect()

    def write(self, table: str, rows: Sequence[Mapping[str, Any]], day: date = TODAY) -> None:
        """Write one partition; columns that a row does not name are NULL."""
        columns = ", ".join(f'"{column.name}" {column.type}' for column in TABLES[table.rpartition("/")[2]])
        self._con.execute(f"CREATE OR REPLACE TABLE made ({columns})")
        if rows:
            names = {name for row in rows for name in row}
            self._con.register("rows", pa.Table.from_pylist([{name: row.get(name) for name in names} for row in rows]))
            self._con.execute("INSERT INTO made BY NAME SELECT * FROM rows")
        self.lake.write(self._con, "made", table, day, "")

    def counts(self, day: date, **counts: Mapping[Any, int]) -> None:
        """Write a day's event counts by kind: hours of the day for uploads and activity, names for the others.

        A name that begins with an underscore is one that no rule knows.
        """
        rows = []
        for kind, found in counts.items():
            for name, events in found.items():
                text = str(datetime.combine(day, datetime.min.time()) + name * HOUR) if isinstance(name, int) else name
                known = not text.startswith("_")
                rows.append({"kind": kind, "name": text, "events": events, "known": known})
        self.write("box/counts", rows, day)

    def land(self, day: date, events: int, *, hours: float = 24, gap: tuple[float, float] | None = None) -> None:
        """Land raw events of a day in one slice that starts at midnight, with a gap between two of its hours."""
        start = datetime.combine(day, datetime.min.time(), UTC)
        lost = [Gap(start + gap[0] * HOUR, start + gap[1] * HOUR, "content 7 has expired")] if gap else []
        manifest = Manifest(self.lake.directory("box/audit_events", day))
        land(manifest, start, start + hours * HOUR, [Page(b"{}\n" * events), *lost], now=NOW.replace(tzinfo=UTC))

    def check(
        self, name: str, *, days: Sequence[date] = (TODAY,), traits: Traits = TRAITS, now: datetime = NOW
    ) -> tuple[str, str]:
        """Run a check of the catalogue, and return ``ok``, ``warn`` or ``error`` with its message."""
        [check] = [check for check in CATALOGUE if check.name == name]
        provider = "box" if check.per_provider else ""
        detector = Detector(allow_list=str(self.allow_list) if self.allow_list.exists() else "")
        outcome = check.look(Scene(self.lake, self._con, now, days, detector, provider, traits))
        result = outcome.result(name, dg.AssetKey("made"), check.remedy, Runbooks())
        said = result.description or ""
        return "ok" if result.passed else result.severity.value.lower(), said
