"""Days: the partitions that a step reads, and the parts of its settings that its result depends on."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta

import dagster as dg

from assets.refresh import days_between
from detection.parameters import Parameters

__all__ = ["DAY", "SINGLE_RUN", "TRAINING_DAYS", "midnight", "past", "settings", "window"]

DAY = timedelta(days=1)
SINGLE_RUN = dg.BackfillPolicy.single_run()
TRAINING_DAYS: int = Parameters().training_days


def midnight(day: date) -> datetime:
    """Start of a day, UTC without zone."""
    return datetime.combine(day, time())


def past(day: date, parameters: Parameters) -> list[date]:
    """The training days before a day, which the thresholds are calibrated on, too."""
    return days_between(day - timedelta(days=parameters.training_days), day - DAY)


def window(start: int, end: int) -> dg.PartitionMapping:
    """Reads the days from ``start`` to ``end``, counted from the partition's own day; missing ones are left out."""
    return dg.TimeWindowPartitionMapping(start_offset=start, end_offset=end, allow_nonexistent_upstream_partitions=True)


def settings(parameters: Parameters, *names: str) -> str:
    """The named settings as text, for the digest of what a partition was made from."""
    return json.dumps({name: getattr(parameters, name) for name in names})
