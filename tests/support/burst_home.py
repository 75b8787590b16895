"""A home of forty days of thirty steady users, one of whom uploads 900 files on the last day but one."""

from __future__ import annotations

from pathlib import Path

from tests.support.made_lake import DAY, HOUR, NOW, TODAY, MadeLake

__all__ = ["BURST", "burst_home"]

BURST = TODAY - DAY


def burst_home(home: Path) -> Path:
    """Make the home, and return it."""
    lake = MadeLake(home)
    for ago in range(40, -1, -1):
        day = TODAY - ago * DAY
        lake.land(day, 1)
        hours = [
            {
                "user": f"u{n}@example.com",
                "provider": "box",
                "actor_class": "person",
                "population": "people",
                "hour": NOW - ago * DAY - 2 * HOUR,
                "files": files,
                "sized_files": files,
                "saves": files,
                "bytes": files * 10**6,
            }
            for n in range(30)
            for files in [900 if n == 0 and day == BURST else 3 + (n + ago) % 5]
        ]
        lake.write("user_hours", hours, day)
    return home
