"""``uploadwatch classify``: what becomes of each event of a file."""

from pathlib import Path
from typing import Annotated

import typer

from orchestration.classify import classify as classified
from orchestration.classify import outcome_table
from orchestration.commands.formats import Format, known_providers
from orchestration.settings import Settings, environment
from orchestration.terminal import terminal, write_json

__all__ = ["classify"]


def classify(
    files: Annotated[list[Path], typer.Argument(help="Answers, arrays or lines.", exists=True, dir_okay=False)],
    provider: Annotated[str, typer.Option(help="Whose events they are.")],
    format_: Annotated[Format, typer.Option("--format", help="table, or json: one array.")] = Format.TABLE,
) -> None:
    """Shows what becomes of every audit event of a file: upload, activity, ignored or rejected, and why."""
    (name,) = known_providers([provider])
    found = classified(name, files, organisation_domains=Settings.read(environment()).domains)
    if format_ is Format.JSON:
        write_json(found)
    else:
        terminal().print(outcome_table(found))
