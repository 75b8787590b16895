"""What the commands share: how results are printed, and the lake of a home."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from assets.lake import Lake
from assets.pages.paths import dossier_url
from orchestration.settings import Settings, environment

__all__ = ["Format", "lake_of", "pages_address"]


class Format(StrEnum):
    """How results are printed."""

    TABLE = "table"
    JSON = "json"


def lake_of(home: Path) -> Lake:
    """The lake of a home.

    Raises:
        FileNotFoundError: There is none.
    """
    if not (home / "lake").is_dir():
        raise FileNotFoundError(
            f"{home} holds no lake. Name the deployment's directory with --home or UPLOADWATCH_HOME."
        )
    return Lake(root=str(home / "lake"))


def pages_address(home: Path) -> str:
    """Address of the index of a home's pages."""
    return dossier_url(lake_of(home), None, Settings.read(environment()).pages_url)
