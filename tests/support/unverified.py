"""A product that believes every raw file, for the test that the chaos bench notices one."""

from __future__ import annotations

from pathlib import Path

from lake.manifest import Manifest

FLAG = "unverified"


def believe_where_told() -> None:
    """Let this process verify no raw file, if its working directory holds :data:`FLAG`."""
    if Path(FLAG).exists():
        setattr(Manifest, "damaged", lambda _manifest: {})  # noqa: B010 -- mypy lets no method be replaced
