"""``uploadwatch classify``: classification of each event of a file."""

from pathlib import Path
from typing import Annotated

import typer

from cli.options import Format, known_providers
from cli.terminal import terminal, write_json_list
from history.classification import SHOWN_AT_MOST, Classification, outcome_table
from history.classification import classify as classified
from history.formats import EventFileError, shortened
from orchestration.settings import Settings, environment

__all__ = ["classify"]


def classify(
    files: Annotated[list[Path], typer.Argument(help="Files with events; docs/import.md says in which shapes.")],
    provider: Annotated[str, typer.Option(help="Whose events they are.")],
    format_: Annotated[Format, typer.Option("--format", help="table, or json: one array.")] = Format.TABLE,
) -> None:
    """Show how every audit event of a file is classified: upload, activity, ignored or rejected, and why."""
    (name,) = known_providers([provider])
    with classified(name, files, organisation_domains=Settings.read(environment()).domains) as found:
        if format_ is Format.JSON:
            write_json_list(found.rows())
        elif found.counts:
            terminal().print(outcome_table(found.rows(), several=len(files) > 1))
        _sum_up(found, shown=SHOWN_AT_MOST if format_ is Format.TABLE else None)
        if not found.read and not found.empty:
            raise EventFileError(f"Nothing could be read. {shortened(found.advice)}")


def _sum_up(found: Classification, *, shown: int | None) -> None:
    """Print the counts by outcome to standard error, so that standard output stays readable by programs."""
    err = terminal(stderr=True)
    events = found.read + found.rejected
    if shown and events > shown:
        err.print(f"The first {shown:,} of {events:,} events are shown; --format json gives all.", highlight=False)
    for (outcome, reason), number in found.counts.items():
        err.print(f"{number:,} {outcome}{f': {reason}' if reason else ''}", markup=False, highlight=False)
    if found.advice and (found.read or found.empty):
        err.print(shortened(found.advice), markup=False, highlight=False)
