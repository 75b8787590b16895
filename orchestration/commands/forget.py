"""``uploadwatch forget``: removes a person from a home, and says what it removed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

import dagster as dg
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from assets.forget import Removed, identify
from assets.forget import forget as forget_person
from assets.lake import Lake
from assets.manifest import Manifest
from connectors import configured, horizons
from orchestration.commands.formats import HOME, HomeOption, lake_of
from orchestration.pseudonymity import known_pseudonyms
from orchestration.schedules import UNFINISHED
from orchestration.settings import Settings, environment

__all__ = ["forget"]


def forget(
    user: Annotated[str, typer.Argument(help="E-mail, or provider:id as alerts name the user.")],
    home: HomeOption = HOME,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be removed.")] = False,
) -> None:
    """Removes a person from raw events, tables, alerts, exports and Dagster's records; say it again if it was killed.

    No run may be in progress: switch the schedules off first.
    """
    values = environment()
    settings = Settings.read(values)
    lake = lake_of(home)
    if not dry_run:
        _nothing_runs(values)
    out = Console(stderr=True)
    person = identify(lake, user, known_pseudonyms(values), keep=not dry_run)
    with out.status("looking") as status:
        removed = forget_person(
            lake,
            person,
            organisation_domains=settings.domains,
            write=not dry_run,
            told=lambda where: status.update(f"looking through {where}"),
        )
    _show(removed, dry_run=dry_run)
    if until := _sent_again(lake, values):
        out.print(
            f"Slices of the last days are not final: they are pulled again, and the provider sends these events again, "
            f"up to the first reconcile after {until:%Y-%m-%d %H:%M} UTC. Say this again after that: "
            f"uploadwatch forget {escape(person.user)}",
            highlight=False,
            soft_wrap=True,
        )


def _nothing_runs(values: Mapping[str, str]) -> None:
    """Refuses while Dagster has a run that would write back what it has read.

    Raises:
        RuntimeError: It has.
    """
    if values.get("DAGSTER_HOME"):
        with dg.DagsterInstance.get() as instance:
            if instance.get_runs_count(dg.RunsFilter(statuses=UNFINISHED)):
                raise RuntimeError(
                    "A run is in progress or waits, and would write back what it has read. Switch the schedules off, "
                    "and wait for it to end or terminate it."
                )


def _show(removed: dict[str, Removed], *, dry_run: bool) -> None:
    if not removed:
        Console().print("Nothing names this user.")
        return
    table = Table(title="Would be removed" if dry_run else "Removed")
    table.add_column("Table or files")
    for title in ("Rows", "Replaced in others' rows", "Files"):
        table.add_column(title, justify="right")
    for name, each in removed.items():
        table.add_row(escape(name), f"{each.rows:,}", f"{each.redacted:,}", f"{each.files:,}")
    Console().print(table)


def _sent_again(lake: Lake, values: dict[str, str]) -> datetime | None:
    """From when on a slice that is pulled is final, of the last that is not; None where all are."""
    ends = []
    for provider in configured(values):
        lateness, _ = horizons(provider, values)
        for day in lake.landed_days(f"{provider}/audit_events")[-10:]:
            manifest = Manifest(lake.directory(f"{provider}/audit_events", day))
            ends += [
                piece.end + lateness for piece in manifest.slices.values() if piece.pulled_at < piece.end + lateness
            ]
    return max((end.astimezone(UTC) for end in ends), default=None)
