"""Days of which a table has, or had, a partition: by them it is known what is lost.

One file a table below ``.made_days``, a day a line. What retention removes is taken out of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

from lake.durable import make_directory, read_content, replace_text

__all__ = ["enter_made_day", "forget_made_day", "forget_made_tables", "is_day", "read_made_days"]

_DIRECTORY = ".made_days"
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def is_day(text: str) -> bool:
    """Check whether a text is a day as the lake writes it: whatever else somebody put there is none of ours."""
    return _DAY.fullmatch(text) is not None


def _file(root: str, table: str) -> Path:
    return Path(root) / _DIRECTORY / table.replace("/", "__")


def read_made_days(root: str, table: str) -> set[date]:
    """Return the days of which the table has, or had, a partition; without those that retention removed."""
    try:
        lines = (read_content(_file(root, table)) or b"").decode().split()
    except UnicodeDecodeError:
        return set()
    return {date.fromisoformat(line) for line in lines if is_day(line)}


def enter_made_day(root: str, table: str, day: date, existing: Callable[[], Iterable[date]]) -> None:
    """Note that the table has a partition of a day.

    Args:
        root: The lake's.
        table: The table.
        day: The day.
        existing: Days that have a partition: a lake of an earlier version has no file of them yet.
    """
    path = _file(root, table)
    if day in read_made_days(root, table):
        return
    make_directory(path.parent, durable=False)
    new = [day] if path.exists() else existing()
    with path.open("a", encoding="utf-8") as out:
        out.writelines(f"{each}\n" for each in new)


def forget_made_day(root: str, table: str, day: date) -> None:
    """Take a day out, so that its partition does not count as lost."""
    made = read_made_days(root, table)
    if day in made:
        kept = "".join(f"{each}\n" for each in sorted(made - {day}))
        replace_text(_file(root, table), kept, durable=False)


def forget_made_tables(root: str, directory: str) -> None:
    """Take all tables below a directory out, so that none counts as lost."""
    for made in (Path(root) / _DIRECTORY).glob(f"{directory}__*"):
        made.unlink()
