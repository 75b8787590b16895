"""Sizes of the tables, which are read again only where something changed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lake.store import Lake
from lake.usage import OTHER, TableSizes

PLACES = ("alerts/day=2026-01-05", "alerts/day=2026-01-06", "box/uploads/day=2026-01-05", "box", ".made_days", "")


def test_a_missing_lake_is_an_error(tmp_path: Path) -> None:
    """Prevents a home that is gone from looking like one that is small."""
    with pytest.raises(FileNotFoundError):
        TableSizes(Lake(root=str(tmp_path / "lake"))).read()


@given(changes=st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from("abc"), st.integers(-1, 4000)), max_size=12))
def test_what_is_remembered_is_what_is_there(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, str, int]]
) -> None:
    """Prevents sizes of partitions that were replaced, added or removed since the last scrape."""
    root = tmp_path_factory.mktemp("lake")
    sizes = TableSizes(Lake(root=str(root)))
    for step, (place, name, size) in enumerate(changes):
        if size < 0:
            shutil.rmtree(root / place, ignore_errors=True)
            root.mkdir(exist_ok=True)
            continue
        (root / place).mkdir(parents=True, exist_ok=True)
        # The lake replaces files by renaming another over them.
        (root / f".{name}").write_bytes(b"x" * size)
        (root / f".{name}").replace(root / place / name)
        os.utime(root / place, ns=(step, step))
        files = [path for path in root.rglob("*") if path.is_file()]
        found = sizes.read()
        assert sum(found.values()) == sum(path.stat().st_size for path in files)
        in_alerts = [path for path in files if path.is_relative_to(root / "alerts")]
        assert found.get("alerts", 0) == sum(path.stat().st_size for path in in_alerts)
        assert set(found) <= {"alerts", "box/uploads", OTHER}
    shutil.rmtree(root)
