"""Files of a deployment that come with the package: Dagster's settings, its workspace, units and containers.

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
    """Return the texts of the files of a production deployment, by their path below its directory."""
    root = _SHIPPED / "deploy"
    # In a checkout, there may be filled-in variables: secrets.
    found = sorted(path for path in root.rglob("*") if path.is_file() and path.suffix != ".env")
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in found}
