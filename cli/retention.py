"""``uploadwatch retention``: remove, or show, the days that are past their retention."""

from collections.abc import Iterable
from typing import Annotated

import typer
from rich.table import Table

from assets.core.resources import Clock
from cli.options import HOME, HomeOption, lake_of
from cli.terminal import terminal
from detection.wording import size
from lake.retention import Old, by_table, find_old, remove_old
from orchestration.settings import Settings, environment

__all__ = ["retention"]


def retention(
    home: HomeOption = HOME,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be removed.")] = False,
) -> None:
    """Remove the days of each table that are older than UPLOADWATCH_RETENTION allows; without it, remove nothing."""
    settings = Settings.read(environment())
    lake = lake_of(home)
    today = Clock(fixed=settings.now).now().date()
    found = list((find_old if dry_run else remove_old)(lake, settings.kept_days, today))
    out = terminal()
    if not settings.kept_days:
        out.print("UPLOADWATCH_RETENTION is not set: everything is kept.")
    elif not found:
        out.print("Nothing is past its retention.")
    else:
        out.print(_shown(found, "Would be removed" if dry_run else "Removed"))


def _shown(found: Iterable[Old], title: str) -> Table:
    table = Table(title=title)
    for name in ("Table", "Up to", "Partitions, files or rows", "Size"):
        table.add_column(name, justify="left" if name == "Table" else "right")
    for name, olds in by_table(found).items():
        count = sum(1 if old.rows is None else old.rows for old in olds)
        table.add_row(name, str(max(old.day for old in olds)), f"{count:,}", size(sum(old.size for old in olds)))
    return table
