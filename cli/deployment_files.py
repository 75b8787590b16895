"""``uploadwatch deployment``: the files that a production deployment starts from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.terminal import terminal
from common.errors import CommandError
from orchestration.shipped_files import deployment_files

__all__ = ["write_deployment"]


def write_deployment(
    directory: Annotated[Path, typer.Argument(help="Directory to write to; made if it does not exist.")],
    replace: Annotated[bool, typer.Option("--replace", help="Replace files that differ, as after an upgrade.")] = False,
) -> None:
    """Write the files of a production deployment: Dagster's settings, systemd units, containers, example variables.

    The documentation of this version, whose pages messages name, is written to its folder docs. Nothing is written if a
    file there differs, unless --replace is given. Files of your own stay.
    """
    texts = {directory / name: text for name, text in deployment_files().items()}
    changed = [path for path, text in texts.items() if path.exists() and path.read_text(encoding="utf-8") != text]
    if changed and not replace:
        raise CommandError(
            f"{', '.join(str(path) for path in changed)}: differs from this version's. Name another directory to "
            "compare them, or replace it with --replace."
        )
    # They hold no secrets, and users of services read them: whatever the umask of the command is.
    for folder in sorted({path.parent for path in texts}):
        if not folder.is_dir():
            folder.mkdir(parents=True)
            folder.chmod(0o755)
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
        path.chmod(0o644)
    guide = directory / "docs" / "operations.md"
    terminal().print(f"{len(texts)} files written to {directory}; {guide} says what to do next.", soft_wrap=True)
