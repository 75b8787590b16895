"""The whole pipeline over small workloads, for the tests beside this file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from assets.core.resources import Detector
from bench.small import FIRST, Quick, burst, moment, write
from cli.replay import Home, Sandbox, play
from lake.shown_alerts import read_alerts
from lake.store import Lake
from tests.support.memory import connect
from tests.support.sandbox_server import forked

__all__ = ["FIRST", "Quick", "Watched", "burst", "moment", "sandbox", "watch", "write"]


@contextmanager
def sandbox(workload: Path, state: Path, *, now: datetime, faults: Path | None = None) -> Iterator[Sandbox]:
    """Yield the same as `cli.replay.sandbox`, in half a second less."""
    with forked(workload, state, now.isoformat(), ["--faults", str(faults)] if faults else []) as environment:
        yield Sandbox(environment)


@dataclass
class Watched:
    """A home that a workload was played into."""

    home: Home

    @property
    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts as the command prints them."""
        return read_alerts(Lake(root=str(self.home.path / "lake")), datetime.now(UTC))

    def of(self, user: str) -> list[dict[str, Any]]:
        """Return one user's alerts."""
        return [alert for alert in self.alerts if alert["user"] == user]

    def alert_files(self) -> dict[str, bytes]:
        """Return the bytes of the non-empty alert partitions, by day."""
        root = self.home.path / "lake" / "alerts"
        found = {path.parent.name: path.read_bytes() for path in sorted(root.glob("day=*/part.parquet"))}
        with connect() as con:
            full = con.execute(
                "SELECT DISTINCT 'day=' || CAST(first_window_start AS DATE) FROM read_parquet(?)",
                [str(root / "*" / "part.parquet")],
            ).fetchall()
        return {day: found[day] for (day,) in full}

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query in which ``{lake}`` stands for the lake's directory."""
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
    """Play a workload through the sandbox into a home, in the same steps as the command.

    Dagster's own storage is in memory, which is faster, or in the home if it must be kept. A ``detector`` replaces that
    of the settings.
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
