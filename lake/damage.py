"""The error of a file that is not what was written."""

from __future__ import annotations

from pathlib import Path

from common.errors import MendableError

__all__ = ["DamagedError"]


class DamagedError(MendableError, RuntimeError):
    """A file of the lake is damaged or missing, and nothing can stand in for it.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path | str, cause: str, remedy: str) -> None:
        super().__init__(f"{path}: {cause}. {remedy}")
        self.path = Path(path)
