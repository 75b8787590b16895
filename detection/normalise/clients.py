"""Reads what a day's events tell of their clients: addresses in whatever shape, and applications by user agents.

Of distinct texts there are few, so they are read in Python, and put back by one query each.
"""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import pyarrow as pa

from detection.addresses import canonical
from detection.sql import load, parsed
from detection.user_agents import app_of

__all__ = ["read_clients"]


def read_clients(con: duckdb.DuckDBPyConnection) -> None:
    """Replace the texts in ``ip`` of ``events`` by addresses, and name ``app`` where there is a ``user_agent``.

    The order of the rows stays.

    Args:
        con: Connection.
    """
    texts = _distinct(con, "SELECT DISTINCT ip FROM events WHERE ip IS NOT NULL")
    _put(con, "addresses", "ip", {text: ip for text in texts if (ip := canonical(text)) != text})
    texts = _distinct(con, "SELECT DISTINCT user_agent FROM events WHERE user_agent IS NOT NULL")
    _put(con, "agents", "app", {text: app_of(text) for text in texts})


def _distinct(con: duckdb.DuckDBPyConnection, query: str) -> list[str]:
    return [text for (text,) in con.execute(query).fetchall()]


def _put(con: duckdb.DuckDBPyConnection, query: str, column: str, found: Mapping[str, str | None]) -> None:
    if not found:
        return
    schema = pa.schema([("text", pa.string()), (column, pa.string())])
    con.register(f"parsed_{query}", pa.table([list(found), list(found.values())], schema=schema))
    con.execute(parsed(load(f"normalise/{query}")))
    con.unregister(f"parsed_{query}")
