"""Shared code of the commands: common options, output formats, and the lake of a home."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from common.errors import CommandError
from lake.home import dossier_url
from lake.store import Lake
from orchestration.settings import Settings, environment
from providers import PROVIDERS

__all__ = ["HOME", "Format", "HomeOption", "known_providers", "lake_of", "pages_address", "svg_file"]

HOME = Path(".uploadwatch")
"""Default home."""

HomeOption = Annotated[Path, typer.Option("--home", envvar="UPLOADWATCH_HOME", help="Directory of the lake.")]


class Format(StrEnum):
    """Output format of results."""

    TABLE = "table"
    JSON = "json"


def lake_of(home: Path) -> Lake:
    """Return the lake of a home.

    Raises:
        CommandError: There is none.
    """
    if not (home / "lake").is_dir():
        raise CommandError(f"{home} holds no lake. Name the deployment's directory with --home or UPLOADWATCH_HOME.")
    return Lake(root=str(home / "lake"))


def pages_address(home: Path) -> str:
    """Return the address of the index of a home's pages."""
    return dossier_url(lake_of(home), None, Settings.read(environment()).pages_url)


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
