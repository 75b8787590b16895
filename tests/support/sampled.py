"""Long tests in turns: of the tests marked ``sampled`` a run takes one case in six, a different part each day.

``UPLOADWATCH_TEST_SAMPLE`` names the part, 0 to 5, or ``all``; without it the day decides. All run within six days.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

__all__ = ["PARTS", "VARIABLE", "choose", "deselect", "taken"]

PARTS = 6
VARIABLE = "UPLOADWATCH_TEST_SAMPLE"


def choose() -> str:
    """Choose the part of this run, for all its processes, and return it."""
    return os.environ.setdefault(VARIABLE, str(datetime.now(UTC).toordinal() % PARTS))


def taken(tests: Sequence[str], part: str) -> list[bool]:
    """Return for each case whether it belongs to a part.

    Args:
        tests: Name of each case's test, or of its module if the tests of a module stay together.
        part: The part, a number, or ``all``.
    """
    seen: dict[str, int] = {}
    found = []
    for test in tests:
        # The cases of one test go to different parts; different tests start with different parts.
        turn = seen.setdefault(test, zlib.crc32(test.encode()))
        if "::" in test:
            seen[test] += 1
        found.append(part == "all" or turn % PARTS == int(part) % PARTS)
    return found


def deselect(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the sampled tests of other parts, unless files or tests were named."""
    if config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return
    sampled, names = [], []
    for item in items:
        if mark := item.get_closest_marker("sampled"):
            sampled.append(item)
            # ``sampled("module")``: the tests of the module share a slow fixture or depend on each other.
            names.append(item.nodeid.partition("::" if mark.args else "[")[0])
    left_out = {item for item, take in zip(sampled, taken(names, choose()), strict=True) if not take}
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]
