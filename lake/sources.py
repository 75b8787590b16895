"""The sources that results rest on: those configured, and those that only the lake still holds data of.

A source that is no longer configured is not one that has no uploads: its data stay part of every result until it is
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
