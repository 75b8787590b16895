"""What is older than its days is removed: ``uploadwatch retention``, and the job that does it every day."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import dagster as dg
import typer
from rich.console import Console
from rich.table import Table

from assets.resources import Clock
from assets.retention import Old, find_old, remove_old
from detection.wording import size
from orchestration.formats import lake_of
from orchestration.settings import Settings, environment

__all__ = ["retention", "retention_job", "retention_schedule"]


def retention(
    home: Annotated[Path, typer.Option("--home", envvar="UPLOADWATCH_HOME", help="Directory of the lake.")] = Path(
        ".uploadwatch"
    ),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be removed.")] = False,
) -> None:
    """Removes the days of each table that are older than UPLOADWATCH_RETENTION says; without it, nothing."""
    settings = Settings.read(environment())
    lake = lake_of(home)
    today = Clock(fixed=settings.now).now().date()
    found = list((find_old if dry_run else remove_old)(lake, settings.kept_days, today))
    out = Console()
    if not settings.kept_days:
        out.print("UPLOADWATCH_RETENTION is not set: everything is kept.")
    elif not found:
        out.print("Nothing is older than it is to be kept.")
    else:
        out.print(_shown(found, "Would be removed" if dry_run else "Removed"))


def _summed(found: Iterable[Old]) -> dict[str, list[Old]]:
    tables: dict[str, list[Old]] = defaultdict(list)
    for old in found:
        tables[old.table].append(old)
    return dict(sorted(tables.items()))


def _shown(found: Iterable[Old], title: str) -> Table:
    table = Table(title=title)
    for name in ("Table", "Up to", "Partitions, files or rows", "Size"):
        table.add_column(name, justify="left" if name == "Table" else "right")
    for name, olds in _summed(found).items():
        count = sum(1 if old.rows is None else old.rows for old in olds)
        table.add_row(name, str(max(old.day for old in olds)), f"{count:,}", size(sum(old.size for old in olds)))
    return table


def retention_job(keep: Mapping[str, int]) -> Any:
    """The job that removes what is older than it is to be kept, and says so in its log and metadata."""

    @dg.op(name="remove_old", required_resource_keys={"lake", "clock"})
    def _remove(context: dg.OpExecutionContext) -> None:
        today: date = context.resources.clock.now().date()
        for name, olds in _summed(remove_old(context.resources.lake, keep, today)).items():
            context.log.info("%s: %d removed, up to %s", name, len(olds), max(old.day for old in olds))

    @dg.job(name="retention", description="Removes the days of each table that are older than they are to be kept.")
    def _job() -> None:
        _remove()

    return _job


def retention_schedule(job: Any) -> dg.ScheduleDefinition:
    """Once a day, after the reconcile."""
    return dg.ScheduleDefinition(
        name="retention",
        job=job,
        cron_schedule="10 6 * * *",
        description="Removes what is older than UPLOADWATCH_RETENTION says.",
    )
