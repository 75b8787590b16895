"""Missing hours of a source."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors import Gap, Page
from lake.gaps import missing
from lake.landing import land
from lake.manifest import Manifest

MIDNIGHT = datetime(2026, 3, 9, tzinfo=UTC)
NOW = MIDNIGHT + timedelta(days=1)


@pytest.mark.parametrize("seconds", [1, 2, 59, 3600, 7200])
@pytest.mark.parametrize("unit", ["", "Audit.SharePoint/7"])
def test_before_the_first_hour_only_what_is_past_retention_is_too_old(tmp_path: Path, seconds: int, unit: str) -> None:
    """Prevents a warning of the seconds by which a window begins too early, and silence on content that is lost."""
    gap = Gap(MIDNIGHT, MIDNIGHT + timedelta(seconds=seconds), "no longer kept", final=True, unit=unit)
    land(Manifest(tmp_path), MIDNIGHT, NOW, [Page(b"{}\n"), gap], now=NOW)
    found = missing([Manifest(tmp_path)], NOW)
    assert (len(found.gaps), found.too_old) == ((1, 0) if unit else (0, 1))
