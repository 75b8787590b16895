"""Error of a file whose content is not what was written."""

from __future__ import annotations

from pathlib import Path

from common.errors import MendableError

__all__ = ["DamagedError"]


class DamagedError(MendableError, RuntimeError):
    """Error of a file of the lake that is damaged or missing, without a copy to restore it from.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path | str, cause: str, remedy: str) -> None:
        super().__init__(f"{path}: {cause}. {remedy}")
        self.path = Path(path)
