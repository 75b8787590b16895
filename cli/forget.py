"""``uploadwatch forget``: remove a person from a home, and list what was removed and what could not be searched."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from assets.normalised import read_again
from cli.idle import refuse_while_running
from cli.options import HOME, HomeOption, lake_of
from cli.terminal import terminal
from connectors import configured, horizons
from detection.wording import printable
from lake.manifest import Manifest
from lake.store import Lake
from orchestration.pseudonymity import known_pseudonyms
from orchestration.settings import Settings, environment
from privacy.erasure import Findings, Person, identify
from privacy.erasure import forget as forget_person

__all__ = ["forget"]


def forget(
    user: Annotated[str, typer.Argument(help="E-mail, or provider:id as alerts name the user.")],
    home: HomeOption = HOME,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be removed.")] = False,
) -> None:
    """Remove a person from raw events, tables, alerts, exports and Dagster's records; run it again if it was killed.

    No run or import may be in progress: switch the schedules off first. The exit status is 1 if a file could not be
    searched.
    """
    values = environment()
    settings = Settings.read(values)
    lake = lake_of(home)
    if not dry_run:
        refuse_while_running(values)
    out = terminal(stderr=True)
    person = identify(lake, user, known_pseudonyms(values), keep=not dry_run)
    with out.status("looking") as status:
        found = forget_person(
            lake,
            person,
            organisation_domains=settings.domains,
            read_again=read_again,
            write=not dry_run,
            progress=lambda where: status.update(f"looking through {where}"),
        )
    _show(found, dry_run=dry_run)
    if until := _sent_again(lake, values):
        out.print(
            f"Slices of the last days are not final: they are pulled again, and the provider sends these events again, "
            f"until the first late-data re-pull after {until:%Y-%m-%d %H:%M} UTC. Then run again: "
            f"uploadwatch forget {escape(person.user)}",
            highlight=False,
            soft_wrap=True,
        )
    _show_left(out, found, person)
    if found.unsearched:
        raise typer.Exit(1)


def _show(found: Findings, *, dry_run: bool) -> None:
    if not found.removed:
        terminal().print("Nothing names this user.")
        return
    table = Table(title="Would be removed" if dry_run else "Removed")
    table.add_column("Table or files")
    for title in ("Rows", "Replaced in others' rows", "Files"):
        table.add_column(title, justify="right")
    for name, each in found.removed.items():
        table.add_row(escape(name), f"{each.rows:,}", f"{each.redacted:,}", f"{each.files:,}")
    terminal().print(table)


def _show_left(out: Console, found: Findings, person: Person) -> None:
    """Print which files were not changed."""
    if found.unlisted:
        out.print("No manifest lists these files of raw events, so nothing reads them. They were not changed:")
        _print_paths(out, dict.fromkeys(found.unlisted, ""))
    if found.unsearched:
        out.print(f"{len(found.unsearched)} files could not be searched, and may still name this user:")
        _print_paths(out, found.unsearched)
        again = f"Do what each needs, or remove it. Then run again: uploadwatch forget {person.user}"
        out.print(again, markup=False, highlight=False, soft_wrap=True)


def _print_paths(out: Console, paths: Mapping[Path, str]) -> None:
    for path, why in sorted(paths.items()):
        # Anybody may have chosen a file's name.
        shown = printable(f"  {path}: {why}" if why else f"  {path}")
        out.print(shown, markup=False, highlight=False, soft_wrap=True)


def _sent_again(lake: Lake, values: dict[str, str]) -> datetime | None:
    """Return the time from which a pull makes all slices final; None if all are final."""
    ends = []
    for provider in configured(values):
        lateness, _ = horizons(provider, values)
        for directory in sorted(Path(lake.root, provider, "audit_events").glob("day=*"))[-10:]:
            try:
                manifest = Manifest(directory)
            except (OSError, ValueError):
                # It is already listed among the files that could not be searched.
                continue
            ends += [
                piece.end + lateness for piece in manifest.slices.values() if piece.pulled_at < piece.end + lateness
            ]
    return max((end.astimezone(UTC) for end in ends), default=None)
