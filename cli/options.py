"""Shared code of the commands: common options, output formats, and the lake of a home."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.terminal import terminal
from common.errors import CommandError
from providers import PROVIDERS

if TYPE_CHECKING:
    from lake.store import Lake

__all__ = [
    "HOME",
    "Format",
    "HomeOption",
    "backfill_command",
    "called",
    "known_providers",
    "lake_of",
    "svg_file",
]

HOME = Path(".uploadwatch")
"""Default home."""

HomeOption = Annotated[Path, typer.Option("--home", envvar="UPLOADWATCH_HOME", help="Directory of the lake.")]


class Format(StrEnum):
    """Output format of results."""

    TABLE = "table"
    JSON = "json"


def lake_of(home: Path) -> Lake:
    """Return the lake of a home; say so where a replay made it.

    Raises:
        CommandError: There is none.
    """
    from lake.home import REPLAY_NOTE  # noqa: PLC0415 -- --help answers without them
    from lake.store import Lake  # noqa: PLC0415

    if not (home / "lake").is_dir():
        raise CommandError(f"{home} holds no lake. Name the deployment's directory with --home or UPLOADWATCH_HOME.")
    if (home / REPLAY_NOTE).exists():
        said = f"{home} holds a replay of made-up history, not your organisation's."
        terminal(stderr=True).print(said, markup=False, highlight=False, soft_wrap=True)
    return Lake(root=str(home / "lake"))


def backfill_command(home: Path, first: date, last: date, values: Mapping[str, str]) -> str:
    """Return the text of a backfill of a home, with the variables that are not set for it.

    Args:
        home: The home.
        first: First day.
        last: Last day.
        values: Variables of the deployment.
    """
    place = home.absolute()
    wanted = {"UPLOADWATCH_HOME": place, "DAGSTER_HOME": place / "dagster"}
    set_ = {name: Path(values[name]).absolute() for name in wanted if values.get(name)}
    if set_.get("UPLOADWATCH_HOME") == place:
        # Dagster's records may be anywhere.
        wanted = {name: path for name, path in wanted.items() if name not in set_}
    given = [f"{name}={shlex.quote(str(path))}" for name, path in wanted.items()]
    return " ".join([*given, f"uploadwatch backfill --from {first} --to {last}"])


def called(command: str, home: Path) -> str:
    """Return the text of a command on a home, as the person has to type it to run this program again."""
    program = Path(sys.argv[0])
    found = shutil.which(program.name)
    name = program.name if found and Path(found).absolute() == program.absolute() else str(program)
    where = [] if home == HOME else ["--home", str(home)]
    return shlex.join([name, command, *where])


def known_providers(names: Sequence[str]) -> list[str]:
    """Return the named providers in their usual order; all of them if none is named.

    Raises:
        typer.BadParameter: One is not a provider.
    """
    unknown = sorted(set(names) - set(PROVIDERS))
    if unknown:
        raise typer.BadParameter(
            f"{', '.join(unknown)}: not a provider. Choose from {', '.join(PROVIDERS)}.", param_hint="--provider"
        )
    return [provider for provider in PROVIDERS if not names or provider in names]


def svg_file(path: Path | None) -> Path | None:
    """Return the path of a picture that is to be written.

    Raises:
        typer.BadParameter: It names another format.
    """
    if path and path.suffix.lower() != ".svg":
        raise typer.BadParameter(f"Pictures are written as SVG: give {path.name!r} the suffix .svg.")
    return path
