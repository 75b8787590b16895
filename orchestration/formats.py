"""What the commands share: how results are printed, and the lake of a home."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from assets.lake import Lake

__all__ = ["Format", "lake_of"]


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
