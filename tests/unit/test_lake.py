"""Files that are replaced whole."""

from __future__ import annotations

import os
import time
from pathlib import Path

from assets.lake import replace_text

DAY = 86_400


def test_what_a_killed_process_left_is_removed_and_what_another_writes_is_not(tmp_path: Path) -> None:
    """Prevents a lake that grows by each killed run, and a run that takes away what another is about to rename."""
    path = tmp_path / "part.json"
    left, written, others = (tmp_path / name for name in (".part.json.k1", ".part.json.k2", ".part.parquet.k3"))
    for file in (left, written, others):
        file.write_text("half")
    for file in (left, others):
        os.utime(file, (time.time() - 2 * DAY,) * 2)
    replace_text(path, "whole")
    assert path.read_text() == "whole"
    assert sorted(each.name for each in tmp_path.iterdir()) == [written.name, others.name, path.name]
