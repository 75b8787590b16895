"""In-memory databases for the tests of one process. They share an instance of DuckDB, which takes long to start."""

from __future__ import annotations

from functools import cache
from itertools import count

import duckdb

_NUMBERS = count()


@cache
def _instance(threads: int | None) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={} if threads is None else {"threads": threads})


def connect(threads: int | None = None) -> duckdb.DuckDBPyConnection:
    """Connect to a new empty database, in a hundredth of the time of `duckdb.connect()`.

    Settings of the instance and Python functions are shared: a test that registers those opens its own instance. The
    database stays until the process ends; tests store little.

    Args:
        threads: Threads of the instance; default: the number of cores.
    """
    connection = _instance(threads).cursor()
    name = f"test_{next(_NUMBERS)}"
    connection.execute(f"ATTACH ':memory:' AS {name}")
    connection.execute(f"USE {name}")
    return connection
