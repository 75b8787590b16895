"""A product that verifies no raw file, for the test that the chaos bench notices it."""

from __future__ import annotations

from pathlib import Path

from lake.manifest import Manifest

FLAG = "unverified"


def skip_verification() -> None:
    """Switch off verification of raw files in this process, if its working directory holds :data:`FLAG`."""
    if Path(FLAG).exists():
        setattr(Manifest, "damaged", lambda _manifest: {})  # noqa: B010 -- mypy forbids replacing a method
