"""Reading again where a run replaced or removed a file between its naming and its reading."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import duckdb

__all__ = ["reread"]

R = TypeVar("R")
_ATTEMPTS = 5
_PAUSE_SECONDS = 0.05


def reread(read: Callable[[], R]) -> R:
    """Return what a function reads; call it again after an error of DuckDB, a few times.

    DuckDB opens a file more than once in a query. If it was replaced in between, the footer of the old file does not
    fit the new one, and the query fails. A query that fails for another reason fails again.

    Args:
        read: Function that names the files and reads them, and may be called again.

    Raises:
        duckdb.Error: The last attempt failed, too.
    """
    for attempt in range(1, _ATTEMPTS):
        try:
            return read()
        except duckdb.Error:
            time.sleep(attempt * _PAUSE_SECONDS)
    return read()
