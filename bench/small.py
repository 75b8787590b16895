"""A small organisation for benches and tests: ordinary days with bursts at known places, and a quick detector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from assets.core.resources import Detector
from detection.parameters import Parameters
from sandbox.workload.format import SCHEMA, write_workload
from sandbox.workload.making import make_workload

__all__ = ["FIRST", "Quick", "burst", "moment", "organisation", "quickened", "write"]

FIRST = date(2026, 1, 5)
"""A Monday, as the workloads start."""


def quickened(parameters: Parameters) -> Parameters:
    """Return parameters with a short history; the usual ones need 14 days and 200 user-days."""
    return parameters.model_copy(update={"activation_days": 3, "warm_up_days": 1, "least_user_days": 30})


class Quick(Detector):
    """The detector with a history of three days instead of a fortnight, to test the steps after it."""

    budget: float = 20.0

    @property
    def parameters(self) -> Parameters:
        """Return parameters with a short activation."""
        return quickened(super().parameters)


def moment(day: int, hour: float) -> datetime:
    """Return a time on a day of the workload, counted from 0."""
    return datetime.combine(FIRST, datetime.min.time(), UTC) + timedelta(days=day, hours=hour)


def burst(
    provider: str, user: str, start: datetime, *, files: int, minutes: float, each: int = 2_000_000, late: float = 0
) -> list[dict[str, Any]]:
    """Return the events of an upload of many files.

    Args:
        provider: The provider.
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
            "file_name": f"{user.partition('@')[0]}-{start:%d%H%M}-{n:05}.zip",
            "folder": "Archive",
            "bytes": each,
            "ip": "198.51.100.7",
        }
        for n in range(files)
    ]


def organisation(events: Sequence[Mapping[str, Any]], *, days: int, people: int = 40, seed: int = 5) -> pa.Table:
    """Return a workload: an organisation's ordinary days and these events."""
    ordinary, _ = make_workload(seed=seed, days=days, people=people, start=FIRST, incidents=False)
    full = [{**dict.fromkeys(SCHEMA.names), **event} for event in events]
    return pa.concat_tables([ordinary, pa.Table.from_pylist(full, schema=SCHEMA)])


def write(path: Path, events: Sequence[Mapping[str, Any]], *, days: int, people: int = 40, seed: int = 5) -> Path:
    """Write such a workload."""
    write_workload(organisation(events, days=days, people=people, seed=seed), path)
    return path
