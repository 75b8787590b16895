"""Missing hours of a source: gaps that its provider left, and hours that nobody pulled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors import SLICE
from lake.manifest import Manifest
from lake.manifest_entries import GapEntry, of_uploads, slices_between

__all__ = ["Missing", "missing"]

_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Missing:
    """Missing hours of a source.

    Attributes:
        gaps: Gaps that no pull or import filled, without those older than the provider keeps.
        not_pulled: Ranges of time without a slice or an import.
        too_old: Number of gaps older than the provider keeps: nobody can recover them.
        began: Start of the first hour that was given completely; None if there is none.
    """

    gaps: list[GapEntry]
    not_pulled: list[tuple[datetime, datetime]]
    too_old: int
    began: datetime | None

    @property
    def duration(self) -> timedelta:
        """Return the missing time; gaps that cannot contain uploads do not count."""
        lost = (
            datetime.fromisoformat(gap["end"]) - datetime.fromisoformat(gap["start"])
            for gap in self.gaps
            if of_uploads(gap)
        )
        return sum(lost, timedelta()) + sum((end - start for start, end in self.not_pulled), timedelta())


def missing(manifests: Sequence[Manifest], now: datetime) -> Missing:
    """Return the missing hours of the days of these manifests.

    Args:
        manifests: Manifests of consecutive days, the last of which is today's.
        now: The present, UTC with zone.
    """
    found = [gap for manifest in manifests for gap in manifest.gaps]
    began = _first_given(manifests)
    # What lies before the first hour that the provider gave is past its retention.
    kept = [gap for gap in found if began is None or not _is_too_old(gap, began)]
    return Missing(kept, _not_pulled(manifests, now), len(found) - len(kept), began)


def _is_too_old(gap: GapEntry, began: datetime) -> bool:
    """Check whether a gap lies before the first hour that was given; a unit that failed there is another gap."""
    return "unit" not in gap and "lost" not in gap and datetime.fromisoformat(gap["end"]) <= began


def _first_given(manifests: Sequence[Manifest]) -> datetime | None:
    return min((hour for manifest in manifests for hour, cause in manifest.seen.items() if not cause), default=None)


def _not_pulled(manifests: Sequence[Manifest], now: datetime) -> list[tuple[datetime, datetime]]:
    """Return ranges of time without a slice or import, after the first that has one; skip the latest hour."""
    pulled = {start for manifest in manifests for start in manifest.pulled}
    if not pulled:
        return []
    found: list[tuple[datetime, datetime]] = []
    for start in slices_between(min(pulled), now - _HOUR):
        if start not in pulled:
            if found and found[-1][1] == start:
                found[-1] = (found[-1][0], start + SLICE)
            else:
                found.append((start, start + SLICE))
    return found
