"""Tables of Arrow, and data frames of pandas made of them, with times in UTC."""

from __future__ import annotations

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["to_arrow", "to_pandas"]

_NULLABLE = {
    **{getattr(pa, f"int{bits}")(): getattr(pd, f"Int{bits}Dtype")() for bits in (8, 16, 32, 64)},
    pa.bool_(): pd.BooleanDtype(),
}
"""Types whose missing values would turn a column into one of another kind: sizes into numbers with fractions."""


def to_arrow(con: duckdb.DuckDBPyConnection, query: str, values: object = None) -> pa.Table:
    """Return the rows of a query; its times, which the tables have in UTC without zone, get the zone."""
    table: pa.Table = con.sql(query, params=values).to_arrow_table()
    for place, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type) and field.type.tz is None:
            table = table.set_column(place, field.name, pc.assume_timezone(table.column(place), "UTC"))
    return table


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """Return a table as a data frame; integers and truth values may be missing, and stay what they are."""
    frame: pd.DataFrame = table.to_pandas(types_mapper=_NULLABLE.get)
    return frame
