"""Partitions of a run and of its inputs, and the parts of the settings that a partition depends on."""

from __future__ import annotations

import json
from datetime import date

import dagster as dg

from detection.parameters import Parameters
from lake.days import days_between
from lake.raw_days import span_of

__all__ = ["SINGLE_RUN", "range_of", "raw_partitions", "settings", "window"]

SINGLE_RUN = dg.BackfillPolicy.single_run()


def range_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> list[date]:
    """Return the days of the run's partition range, ascending."""
    if isinstance(context, dg.AssetCheckExecutionContext):
        keys = context.op_execution_context.partition_key_range
    else:
        keys = context.partition_key_range
    return days_between(date.fromisoformat(keys.start), date.fromisoformat(keys.end))


def window(start: int, end: int) -> dg.PartitionMapping:
    """Map a day to the days from ``start`` to ``end``, counted from its own; missing ones are left out."""
    return dg.TimeWindowPartitionMapping(start_offset=start, end_offset=end, allow_nonexistent_upstream_partitions=True)


def raw_partitions(provider: str) -> dg.PartitionMapping | None:
    """Map a day of uploads to the days of raw events that it reads; None where it reads its own alone."""
    days = span_of(provider)
    return window(0, days) if days else None


def settings(parameters: Parameters, *names: str) -> str:
    """Return the named settings as text, for a partition's input digest."""
    return json.dumps({name: getattr(parameters, name) for name in names})
