"""Days on which a table has, or had, a partition, so that lost partitions are detected.

One file per table below ``.made_days``, one day per line. Retention removes its days from the file.
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
    """Check whether a text is a day as the lake writes it; other names are not the lake's."""
    return _DAY.fullmatch(text) is not None


def _file(root: str, table: str) -> Path:
    return Path(root) / _DIRECTORY / table.replace("/", "__")


def read_made_days(root: str, table: str) -> set[date]:
    """Return the days on which the table has, or had, a partition, without those that retention removed."""
    try:
        lines = (read_content(_file(root, table)) or b"").decode().split()
    except UnicodeDecodeError:
        return set()
    return {date.fromisoformat(line) for line in lines if is_day(line)}


def enter_made_day(root: str, table: str, day: date, existing: Callable[[], Iterable[date]]) -> None:
    """Record that the table has a partition of a day.

    Args:
        root: Root of the lake.
        table: The table.
        day: The day.
        existing: Days that have a partition, since a lake of an earlier version has no file of days yet.
    """
    path = _file(root, table)
    if day in read_made_days(root, table):
        return
    make_directory(path.parent, durable=False)
    new = [day] if path.exists() else existing()
    with path.open("a", encoding="utf-8") as out:
        out.writelines(f"{each}\n" for each in new)


def forget_made_day(root: str, table: str, day: date) -> None:
    """Remove a day, so that its partition does not count as lost."""
    made = read_made_days(root, table)
    if day in made:
        kept = "".join(f"{each}\n" for each in sorted(made - {day}))
        replace_text(_file(root, table), kept, durable=False)


def forget_made_tables(root: str, directory: str) -> None:
    """Remove all tables below a directory, so that none counts as lost."""
    for made in (Path(root) / _DIRECTORY).glob(f"{directory}__*"):
        made.unlink()
