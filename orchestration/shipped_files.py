"""Files that come with the package: Dagster's settings, its workspace, units, containers, and the documentation.

In a checkout, ``shipped/`` holds links to the files at the top, so that each is there once; a wheel has copies.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["deployment_files", "shipped_text"]

_SHIPPED = Path(__file__).parent / "shipped"


def shipped_text(name: str) -> str:
    """Return the text of a file, such as ``dagster.yaml``."""
    return (_SHIPPED / name).read_text(encoding="utf-8")


def deployment_files() -> dict[str, str]:
    """Return the texts of the files of a production deployment, by their path below its directory.

    The documentation is in ``docs``: messages name its pages.
    """
    root, docs = _SHIPPED / "deploy", _SHIPPED / "docs"
    # In a checkout, there may be filled-in variables: secrets.
    found = {path.relative_to(root): path for path in root.rglob("*") if path.is_file() and path.suffix != ".env"}
    found |= {path.relative_to(_SHIPPED): path for path in (*docs.glob("*.md"), *docs.glob("providers/*.md"))}
    return {name.as_posix(): path.read_text(encoding="utf-8") for name, path in sorted(found.items())}
