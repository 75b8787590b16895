"""``uploadwatch classify``: what becomes of each event of a file."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from orchestration.classify import classify as classified
from orchestration.classify import outcome_table
from orchestration.commands.formats import Format, known_providers
from orchestration.settings import Settings, environment

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
        sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    else:
        Console().print(outcome_table(found))
