"""Removal of a source for good: an act of the operator's, who decides what becomes of its alerts."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from lake.health import record_removed
from lake.store import Lake

__all__ = ["delete_source", "keep_source"]


def keep_source(lake: Lake, source: str, *, by: str, why: str, now: datetime) -> None:
    """Record that a source will not come back; its alerts and history stay, and it is no longer missed.

    Args:
        lake: The lake.
        source: The source.
        by: Who removes it.
        why: Why.
        now: Present time, UTC.
    """
    record_removed(lake, source, f"{by}: {why}", now=now)


def delete_source(lake: Lake, source: str) -> int:
    """Delete everything that the lake holds of a source.

    Alerts that rest on it alone are withdrawn by the next run over their days.

    Returns:
        Bytes freed.
    """
    root = Path(lake.root) / source
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    lake.remove_tables(source)
    return size
