"""Shared error handling of one source's steps: a day that fails is reported, and the other days go on."""

from __future__ import annotations

import threading
from datetime import date, datetime

import dagster as dg

from assets.core.seam import Fault, fault_of, worst_kind
from lake.health import record
from lake.store import Lake

__all__ = ["SourceSeam"]


class SourceSeam:
    """Seam of a step that uses one source's own data only.

    Args:
        context: The run.
        lake: Where the source's health is kept.
        provider: The source.
        table: The table that the step makes first, which names the step in the source's health.
    """

    def __init__(self, context: dg.AssetExecutionContext, lake: Lake, provider: str, table: str) -> None:
        self._context, self._lake, self._provider, self._table = context, lake, provider, table
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def failed(self, error: Exception, day: date) -> None:
        """Record the error of a day."""
        with self._lock:
            self._faults.append(fault_of(error, self._provider, f"{self._table} of {day}"))

    def close(self, *, now: datetime) -> None:
        """Log the faults, and record the source's health, which the check ``read`` reports."""
        for fault in self._faults:
            fault.log(self._context.log)
        problem = " ".join(dict.fromkeys(fault.problem for fault in self._faults))
        record(self._lake, self._provider, self._table, problem, now=now, kind=worst_kind(self._faults))
