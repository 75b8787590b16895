"""Removal of a source for good, by the operator, who also decides about its alerts."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from lake.health import record_removed
from lake.store import Lake

__all__ = ["delete_source", "keep_source"]


def keep_source(lake: Lake, source: str, *, by: str, why: str, now: datetime) -> None:
    """Record that a source will not come back; its alerts and history stay, and it is not reported missing.

    Args:
        lake: The lake.
        source: The source.
        by: Person who removes it.
        why: Reason.
        now: Present time, UTC.
    """
    record_removed(lake, source, f"{by}: {why}", now=now)


def delete_source(lake: Lake, source: str) -> int:
    """Delete everything that the lake holds of a source.

    The next run over their days withdraws alerts that depend on this source alone.

    Returns:
        Bytes freed.
    """
    root = Path(lake.root) / source
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    lake.remove_tables(source)
    return size
