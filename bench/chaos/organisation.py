"""Monitored organisation of all rounds of a seed: its workload, its exported history, and the poll runs."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from bench.small import FIRST, burst, moment, organisation
from cli.replay import sandbox
from connectors import Page, build, variables
from sandbox.workload.format import write_workload

__all__ = ["DAYS", "IMPORTED", "PEOPLE", "RUNS", "Organisation", "Run", "made"]

DAYS = 6
PEOPLE = 20
_IMPORTED_DAYS = 2
IMPORTED = "office365"
"""Source whose first days are only in an export; its API never has them."""
_SOURCES = (
    ("box", "office365"),
    ("dropbox", "office365"),
    ("office365", "google_workspace"),
    ("box", "dropbox", "office365"),
)


@dataclass(frozen=True)
class Run:
    """A poll run.

    Attributes:
        now: Time of the run, by the providers' clock.
        days: Number of days of its range, which ends with the day of ``now``.
    """

    now: datetime
    days: int = 6

    @property
    def range(self) -> tuple[date, date]:
        """Return the first and last day."""
        last = self.now.date()
        return max(FIRST, last - timedelta(days=self.days - 1)), last


RUNS = (
    Run(moment(3, 14)),
    Run(moment(4, 9)),
    Run(moment(5, 2)),
    Run(moment(7, 6), days=7),
)
"""The poll runs of a calm deployment."""


@dataclass(frozen=True)
class Organisation:
    """Monitored organisation.

    Attributes:
        providers: The sources.
        workload: What their APIs serve.
        export: Exported history of :data:`IMPORTED`.
        bystander: A user without alerts who could be forgotten.
    """

    providers: Sequence[str]
    workload: Path
    export: Path
    bystander: str


def made(seed: int, folder: Path) -> Organisation:
    """Make the organisation of a seed.

    Args:
        seed: Determines the sources, the people and their activity.
        folder: Directory for its files.
    """
    draw = random.Random(f"organisation {seed}")
    providers = draw.choice(_SOURCES)
    table = organisation(_bursts(draw, providers), days=DAYS, people=PEOPLE, seed=draw.randrange(1000))
    table = _lasting(table, providers)
    early = pc.less(table["time"], pa.scalar(moment(_IMPORTED_DAYS, 0), type=table.schema.field("time").type))
    exported = pc.and_(early, pc.equal(table["provider"], IMPORTED))
    folder.mkdir(parents=True, exist_ok=True)
    workload, history = folder / "workload.parquet", folder / "history.parquet"
    write_workload(table.filter(pc.invert(exported)), workload)
    write_workload(table.filter(exported), history)
    export = _export(history, folder)
    ordinary = sorted({user for user in table["user"].to_pylist() if user and not user.startswith("burst-")})
    return Organisation(providers, workload, export, draw.choice(ordinary))


def _lasting(table: pa.Table, providers: Sequence[str]) -> pa.Table:
    """Return the events of these sources whose sizes do not change over time."""
    rows = [row for row in table.to_pylist() if row["provider"] in providers and row["kind"] not in ("edit", "delete")]
    rows.sort(key=lambda row: row["time"])
    seen: set[tuple[str, ...]] = set()
    kept = []
    for row in rows:
        file = tuple(str(row[name]) for name in ("provider", "folder", "file_name"))
        if row["kind"] != "upload" or file not in seen:
            kept.append(row)
        if row["kind"] == "upload":
            seen.add(file)
    return pa.Table.from_pylist(kept, schema=table.schema)


def _bursts(draw: random.Random, providers: Sequence[str]) -> list[dict[str, Any]]:
    """Return bursts that are over, under way and late at the poll runs."""
    first, second, *_ = providers
    third = providers[-1]

    def jitter() -> float:
        return draw.uniform(-0.2, 0.2)

    return [
        *burst(first, "burst-one@example.com", moment(3, 8 + jitter()), files=draw.randint(500, 800), minutes=50),
        *burst(second, "burst-two@example.com", moment(3, 22.5 + jitter()), files=draw.randint(700, 900), minutes=170),
        # Under way at the second run.
        *burst(first, "burst-three@example.com", moment(4, 7 + jitter()), files=draw.randint(900, 1200), minutes=300),
        # Its second half is published after the third run.
        *burst(second, "burst-four@example.com", moment(4, 13 + jitter()), files=400, minutes=60),
        *burst(second, "burst-four@example.com", moment(4, 14.5 + jitter()), files=500, minutes=60, late=20),
        # At two sources at once, over midnight.
        *burst(first, "burst-five@example.com", moment(4, 22 + jitter()), files=500, minutes=150),
        *burst(third, "burst-five@example.com", moment(4, 22.5 + jitter()), files=500, minutes=150),
        *burst(first, "burst-six@example.com", moment(5, 9 + jitter()), files=draw.randint(500, 800), minutes=90),
    ]


def _export(history: Path, folder: Path) -> Path:
    """Write a workload's events as the provider's records, one per line, as in an export of its log."""
    path = folder / "history.ndjson"
    # After everything is published and before the retention ends.
    now = moment(_IMPORTED_DAYS + 2, 0)
    with sandbox(history, folder / "exporting", now=now) as stand_in, path.open("wb") as out:
        connector = build(IMPORTED, _variables(stand_in.environment), now=lambda: now)
        for day in range(_IMPORTED_DAYS):
            for answer in connector.pages(moment(day, 0), moment(day + 1, 0)):
                if isinstance(answer, Page):
                    out.write(answer.lines)
    return path


def _variables(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: environment[name] for name in variables(IMPORTED) if name in environment}
