"""Sources of the results: those configured, and those with data only in the lake.

A source that is no longer configured is not a source without uploads: its data stays part of every result until it is
removed by `uploadwatch remove-source`.
"""

from __future__ import annotations

from collections.abc import Sequence

from lake.store import Lake
from providers import PROVIDERS

__all__ = ["known_sources", "unconfigured_sources"]


def known_sources(lake: Lake, configured: Sequence[str]) -> list[str]:
    """Return the sources that are configured or have uploads in the lake, in their usual order."""
    return [source for source in PROVIDERS if source in configured or lake.landed_days(f"{source}/uploads")]


def unconfigured_sources(lake: Lake, configured: Sequence[str]) -> list[str]:
    """Return the sources that have uploads in the lake but are not configured."""
    return [source for source in known_sources(lake, configured) if source not in configured]
