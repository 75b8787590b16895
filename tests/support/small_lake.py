"""A lake of one user with one alert, written table by table, for the tests of pages beside this file."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from html import unescape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg
import pyarrow as pa

from assets.core.resources import Detector, Engine, Pages
from assets.dossiers import dossiers
from common.clock import Clock
from detection.tables import empty
from lake.store import Lake
from tests.support.memory import connect

FIRST = date(2026, 1, 5)
DAY = date(2026, 2, 20)
"""Day of the alert, which opens at 10:00."""
OPENS = datetime(2026, 2, 20, 10)
ACTIVE = (1, 7, 13, 19, 25)
"""Days before the alert on which its user was active."""
USER = "ann@example.com"
ALERT_ID = hashlib.sha256(b"ann").hexdigest()


class SmallLake:
    """The lake and the asset over it.

    Attributes:
        lake: The lake.
    """

    def __init__(self, home: Path) -> None:
        self.lake = Lake(root=str(home / "lake"))
        self.pages = home / "pages"
        self._rows: dict[tuple[str, date], list[dict[str, Any]]] = {}
        self._unwritten: set[tuple[str, date]] = set()

    def add(self, table: str, day: date, *rows: Mapping[str, Any]) -> None:
        """Add rows to a partition; columns that are not named are NULL."""
        self._rows.setdefault((table, day), []).extend(dict(row) for row in rows)
        self._unwritten.add((table, day))

    def write(self) -> Lake:
        """Write the partitions that rows were added to, and return the lake."""
        with connect() as con:
            for table, day in sorted(self._unwritten):
                rows = self._rows[table, day]
                con.execute(f"CREATE OR REPLACE TABLE rows AS {empty(table.rpartition('/')[2])}")
                if rows:
                    names = {name: None for row in rows for name in row}
                    con.register("given", pa.Table.from_pylist([names | row for row in rows]))
                    con.execute("INSERT INTO rows BY NAME FROM given")
                self.lake.write(con, "rows", table, day, "")
        self.written()
        return self.lake

    def written(self) -> None:
        """Mark everything added so far as written."""
        self._unwritten.clear()

    def clear(self, table: str, day: date) -> None:
        """Remove all rows of a partition."""
        self._rows[table, day] = []
        self._unwritten.add((table, day))

    def upload(self, time: datetime, name: str, **more: Any) -> None:
        """Add an upload by the user to Box, and its hour."""
        key = f"e{len(self._rows.get(('user_hours', time.date()), []))}-{time:%d}"
        row = {"provider": "box", "event_key": key, "asset": 0, "time": time, "user_id": "77", "user": USER}
        row |= {"actor_class": "person", "kind": "upload", "file_id": f"f-{key}", "file_name": name}
        row |= {"extension": name.rpartition(".")[2][:16], "folder": "Team", "owner": USER, "bytes": 1000}
        row |= {"app": "Box Web", "ip": "198.51.100.7", "country": "DE", **more}
        self.add(f"{row['provider']}/uploads", time.date(), row)
        hour = {"provider": row["provider"], "user": row["user"], "actor_class": "person", "population": "people"}
        hour |= {"hour": time.replace(minute=0), "files": 1, "sized_files": 1, "bytes": row["bytes"]}
        self.add("user_hours", time.date(), hour | {"estimated_files": 0})

    def act(self, kind: str, time: datetime, **more: Any) -> None:
        """Add an activity of the user at Box."""
        row = {"provider": "box", "event_key": f"{kind}-{time}", "time": time, "user": USER, "actor_class": "person"}
        self.add("box/activity", time.date(), row | {"kind": kind, "ip": "198.51.100.7", "country": "DE", **more})

    def alert(self, *, files: int, **more: Any) -> None:
        """Add the alert of three hours from 10:00 on, and its detection."""
        user = more.get("user", USER)
        window = {"scope": "box", "population": "people", "user": user, "metric": "files", "one_in": 900}
        self.add(
            "detections",
            DAY,
            window | {"window_start": OPENS, "window_end": OPENS + timedelta(hours=3), "files": files},
        )
        row = window | {"alert_id": ALERT_ID, "name": "Massive upload to SaaS service", "severity": "Informational"}
        row |= {"actor_class": "person", "providers": ["box"], "first_window_start": OPENS, "users": 1}
        row |= {"last_window_end": OPENS + timedelta(hours=3), "files": files, "sized_files": files}
        row |= {"bytes": 1000 * files, "estimated_files": 0, "peak_window_start": OPENS, "peak_files": files}
        row |= {"peak_bytes": 1000 * files, "suppressed_count": 0, "reasons": []}
        row |= {"sentence": f"In the three hours from 10:00 UTC, {user} uploaded {files} files to Box."}
        self.add("alerts", DAY, row | more)
        users = [
            {"population": "people", "scope": "box", "user": f"u{n}@example.com", "files_max": 2 + n, "bytes_max": 5000}
            for n in range(20)
        ]
        self.add("baselines", DAY, *users)

    def run(self, now: datetime, *, first: date = DAY, last: date = DAY, key: str = "") -> int:
        """Run the asset over these days with the clock at ``now`` (UTC); return how many pages it made again.

        With a key, pseudonyms are on.
        """
        partitions = dg.DailyPartitionsDefinition(start_date=FIRST.isoformat(), end_date="2026-06-01")
        definitions = dg.Definitions(
            assets=[dossiers(["box"], partitions)],
            jobs=[dg.define_asset_job("pages", executor_def=dg.in_process_executor)],
            resources={
                "lake": self.write(),
                "engine": Engine(),
                "clock": Clock(fixed=now.replace(tzinfo=UTC).isoformat()),
                "detector": Detector(),
                "pages": Pages(url="https://alerts.example.com", pseudonym_key=key),
            },
        )
        before = {path: path.read_bytes() for path in self.pages.glob("*.html") if path.name != "index.html"}
        with dg.DagsterInstance.ephemeral() as instance:
            self.result = definitions.resolve_job_def("pages").execute_in_process(
                instance=instance,
                tags={
                    "dagster/asset_partition_range_start": first.isoformat(),
                    "dagster/asset_partition_range_end": last.isoformat(),
                },
                run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
            )
        after = {path: path.read_bytes() for path in self.pages.glob("*.html") if path.name != "index.html"}
        return sum(before.get(path) != content for path, content in after.items())

    def page(self) -> str:
        """Return the HTML of the alert's page."""
        return (self.pages / f"{ALERT_ID}.html").read_text(encoding="utf-8")

    def words(self) -> str:
        """Return the page's visible text on one line."""
        return " ".join(unescape(re.sub(r"<[^>]+>", "", self.page())).split())


def ordinary(home: Path) -> SmallLake:
    """Make a lake with a month of small uploads and sign-ins, and an alert of 60 files in a folder used before."""
    small = _ordinary(home)
    shutil.copytree(_written().name, home, dirs_exist_ok=True)
    small.written()
    return small


@cache
def _written() -> TemporaryDirectory[str]:
    """Write the tables of :func:`ordinary` once: copying them takes a tenth of the time."""
    home = TemporaryDirectory()
    _ordinary(Path(home.name)).write()
    return home


def _ordinary(home: Path) -> SmallLake:
    small = SmallLake(home)
    for n in ACTIVE:
        time = OPENS - timedelta(days=n)
        small.upload(time, f"report-{n}.docx")
        small.act("sign_in", time - timedelta(minutes=5), app="Box Web")
    for n in range(60):
        small.upload(OPENS + timedelta(minutes=n), f"export-{n:03}.zip")
    small.alert(files=60)
    return small
