"""Small workloads with bursts at known places, and the whole pipeline over them, for the tests beside this file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa

from assets.resources import Detector
from detection.parameters import Parameters
from orchestration.replay import Home, Sandbox, play
from orchestration.report import read_alerts
from sandbox.workload import make_workload
from sandbox.workload_format import SCHEMA, write_workload
from tests.integration.sandbox_server import forked
from tests.memory import connect

FIRST = date(2026, 1, 5)
"""A Monday, as the workloads start."""


class Quick(Detector):
    """The detector with a history of three days in place of a fortnight, for tests of what follows after it."""

    budget: float = 20.0

    @property
    def parameters(self) -> Parameters:
        """Parameters of which the usual ones need 14 days and 200 user-days."""
        return super().parameters.model_copy(update={"activation_days": 3, "warm_up_days": 1, "least_user_days": 30})


def moment(day: int, hour: float) -> datetime:
    """A time on a day of the workload, counted from 0."""
    return datetime.combine(FIRST, datetime.min.time(), UTC) + timedelta(days=day, hours=hour)


def burst(
    provider: str, user: str, start: datetime, *, files: int, minutes: float, each: int = 2_000_000, late: float = 0
) -> list[dict[str, Any]]:
    """Events of an upload of many files.

    Args:
        provider: Where to.
        user: E-mail.
        start: First event, UTC.
        files: Number of files.
        minutes: From the first to the last.
        each: Size of each file in bytes.
        late: Hours until the provider publishes the events.
    """
    step = timedelta(minutes=minutes) / max(files - 1, 1)
    return [
        {
            "provider": provider,
            "kind": "upload",
            "time": start + n * step,
            "published_at": start + n * step + timedelta(hours=late) if late else None,
            "user": user,
            "file_name": f"{user.partition('@')[0]}-{start:%d%H}-{n:05}.zip",
            "folder": "Archive",
            "bytes": each,
            "ip": "198.51.100.7",
        }
        for n in range(files)
    ]


def write(path: Path, events: Sequence[Mapping[str, Any]], *, days: int, people: int = 40, seed: int = 5) -> Path:
    """Writes a workload: an organisation's ordinary days and these events."""
    ordinary, _ = make_workload(seed=seed, days=days, people=people, start=FIRST, incidents=False)
    full = [{**dict.fromkeys(SCHEMA.names), **event} for event in events]
    table = pa.concat_tables([ordinary, pa.Table.from_pylist(full, schema=SCHEMA)])
    write_workload(table, path)
    return path


@contextmanager
def sandbox(workload: Path, state: Path, *, now: datetime, faults: Path | None = None) -> Iterator[Sandbox]:
    """What `orchestration.replay.sandbox` gives, in half a second less."""
    with forked(workload, state, now.isoformat(), ["--faults", str(faults)] if faults else []) as environment:
        yield Sandbox(environment)


@dataclass
class Watched:
    """A home that a workload was played into."""

    home: Home

    @property
    def alerts(self) -> list[dict[str, Any]]:
        """The alerts, as the command prints them."""
        return read_alerts(self.home.path)

    def of(self, user: str) -> list[dict[str, Any]]:
        """One user's alerts."""
        return [alert for alert in self.alerts if alert["user"] == user]

    def alert_files(self) -> dict[str, bytes]:
        """The bytes of the alert partitions, by day; empty partitions look alike, so only full ones count."""
        root = self.home.path / "lake" / "alerts"
        found = {path.parent.name: path.read_bytes() for path in sorted(root.glob("day=*/part.parquet"))}
        with connect() as con:
            full = con.execute(
                "SELECT DISTINCT 'day=' || CAST(first_window_start AS DATE) FROM read_parquet(?)",
                [str(root / "*" / "part.parquet")],
            ).fetchall()
        return {day: found[day] for (day,) in full}

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of a query in which ``{lake}`` stands for the lake's directory."""
        with connect() as con:
            return con.execute(sql.replace("{lake}", str(self.home.path / "lake"))).fetchall()


def watch(
    workload: Path,
    home: Path,
    *,
    days: int,
    providers: Sequence[str],
    settings: Mapping[str, str] | None = None,
    kept: bool = False,
    detector: Detector | None = None,
) -> Watched:
    """Plays a workload through the sandbox into a home, in the steps that the command takes.

    Dagster's own storage is in memory, which takes less time, or in the home where it is to be kept. A ``detector``
    takes the place of that of the settings.
    """
    place = Home(home)
    with (
        sandbox(workload, home / "sandbox", now=moment(0, 0)) as stand_in,
        place.instance() if kept else dg.DagsterInstance.ephemeral() as instance,
    ):
        play(
            place,
            stand_in,
            workload,
            FIRST,
            FIRST + timedelta(days=days - 1),
            providers=providers,
            settings=settings or {},
            progress=lambda _start, _end: None,
            instance=instance,
            resource_overrides={"detector": detector} if detector else None,
        )
    return Watched(place)
