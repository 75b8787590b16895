"""``uploadwatch export``: the files that the asset ``exports`` writes, of chosen days and to a chosen directory."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from cli.options import HOME, HomeOption, lake_of
from cli.terminal import terminal
from common.clock import Clock
from exports.files import Destination
from exports.formats import ExportFormat, Subject
from exports.writing import open_export
from lake.days import days_between
from orchestration.pseudonymity import pseudonyms_of
from orchestration.resources import check_region
from orchestration.settings import Settings, environment

__all__ = ["export"]


def export(
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day.")],
    out: Annotated[Path, typer.Option(help="Directory to write to.", file_okay=False)],
    format_: Annotated[list[ExportFormat], typer.Option("--format", help="What to write; may be repeated.")],
    only: Annotated[Subject | None, typer.Option(help="Leave the others out.")] = None,
    home: HomeOption = HOME,
) -> None:
    """Write uploads and alerts of these days as OCSF (JSON lines or Parquet) or CSV, and publish the alerts."""
    if first > last:
        raise typer.BadParameter(f"--from {first:%Y-%m-%d} is after --to {last:%Y-%m-%d}")
    values = environment()
    settings = Settings.read(values)
    check_region(settings, [*format_])
    lake = lake_of(home)
    destination = Destination(
        out=out,
        formats=tuple(dict.fromkeys(format_)),
        region=settings.security_lake_region,
        account=settings.security_lake_account,
        pseudonyms=pseudonyms_of(values),
        console_url=settings.console_url,
    )
    total = Counter[str]()
    subjects = [only] if only else [*Subject]
    days = days_between(first.date(), last.date())
    with open_export(lake, destination, Clock(fixed=settings.now).now()) as opened:
        for day in track(days, description="days", console=terminal(stderr=True), transient=True):
            total.update(opened.day(day, subjects=subjects).rows)
    counted = {
        Subject.UPLOADS: f"{total['uploads']:,} uploads",
        Subject.ALERTS: f"{total['alerts']:,} alerts in {total['findings']:,} findings",
    }
    terminal().print(
        f"{', and '.join(counted[subject] for subject in subjects)}, of {len(days)} day{'' if len(days) == 1 else 's'} "
        f"in {out}",
        highlight=False,
        soft_wrap=True,
    )
