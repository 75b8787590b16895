"""What holds for every test."""

from __future__ import annotations

import gc


def pytest_collection_finish() -> None:
    """Keeps the garbage collector from walking through what was imported, again and again."""
    gc.collect()
    gc.freeze()
