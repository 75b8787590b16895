"""Long time scales beside the test window, for what shows and exports alerts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import duckdb

from detection.parameters import Parameters
from detection.sql import into

__all__ = ["create_scales", "scale_days"]


def create_scales(con: duckdb.DuckDBPyConnection) -> None:
    """Make the temporary table ``scales``; its floors are the default ones, which only detection compares with."""
    into(con, "scales", "scales", Parameters().model_dump())


@cache
def scale_days() -> Mapping[str, int]:
    """Return over how many days each long scale adds uploads up, by its scope."""
    with duckdb.connect() as con:
        create_scales(con)
        return dict(con.execute("SELECT scope, days FROM scales").fetchall())
