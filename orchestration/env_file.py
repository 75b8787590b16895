"""The file of environment variables: a named one, or ``.env`` of the working directory if that is safe.

The file decides where secrets are sent. So only the user and root may be able to write a file that is read by default.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from dotenv import dotenv_values

from connectors import ConfigurationError

__all__ = ["ENV_FILE", "check_working_directory", "env_text", "read_env_file"]

ENV_FILE = "UPLOADWATCH_ENV_FILE"
_UNASKED = ".env"
_LINKS = 40
"""Most symbolic links in a row that the kernel follows."""
_WRITABLE = stat.S_IWGRP | stat.S_IWOTH


def read_env_file(variables: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Read the variables of the file that ``UPLOADWATCH_ENV_FILE`` names, or of ``.env`` in the working directory.

    Args:
        variables: The environment.

    Raises:
        ConfigurationError: The named file does not exist, or others could have written ``.env``.
    """
    if named := variables.get(ENV_FILE):
        if not Path(named).is_file():
            raise ConfigurationError(
                f"{ENV_FILE} names {named}, which is not a file. Correct the variable, or remove it."
            )
        return _read(Path(named))
    check_working_directory()
    return _read(Path(_UNASKED)) if Path(_UNASKED).is_file() else {}


def env_text(values: Mapping[str, str]) -> str:
    """Return variables as the text of such a file."""
    quoted = {name: value.replace("\\", "\\\\").replace("'", "\\'") for name, value in values.items()}
    return "".join(f"{name}='{value}'\n" for name, value in quoted.items())


def check_working_directory() -> None:
    """Refuse a working directory whose ``.env`` others could have written; Dagster itself reads it, too.

    Raises:
        ConfigurationError: They could; the message says how to make it safe.
    """
    for path in _leading_to(Path.cwd() / _UNASKED):
        try:
            file, folder = path.lstat(), path.parent.stat()
        except FileNotFoundError:
            return
        for place, found in ((path, file), (path.parent, folder)):
            if fault := _fault(found, sticky=place is not path):
                raise ConfigurationError(
                    f"{Path.cwd() / _UNASKED} is not read: {place} {fault}, so it may send your secrets to somebody "
                    f"else. If it is yours: chown {os.geteuid()} {place} && chmod go-w {place}. Else work in another "
                    f"directory. {ENV_FILE} names a file to read in its place."
                )


def _leading_to(path: Path) -> Iterator[Path]:
    """Yield a path and, if it is a symbolic link, each path that it leads to."""
    for _ in range(_LINKS):
        yield path
        if not path.is_symlink():
            return
        path = path.parent / path.readlink()


def _fault(found: os.stat_result, *, sticky: bool) -> str:
    """Describe why others may have written it; return an empty text if they cannot have."""
    shared = sticky and bool(found.st_mode & stat.S_ISVTX)
    if found.st_uid not in (os.geteuid(), 0):
        return f"belongs to user {found.st_uid}"
    # In a sticky directory such as /tmp nobody can replace another user's file. The mode of a link has no effect.
    if found.st_mode & _WRITABLE and not shared and not stat.S_ISLNK(found.st_mode):
        return "can be written by others"
    return ""


def _read(path: Path) -> dict[str, str]:
    with path.open(encoding="utf-8") as file:
        return {name: value for name, value in dotenv_values(stream=file).items() if value is not None}
