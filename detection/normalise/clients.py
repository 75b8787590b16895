"""Clients of a day's events: IP addresses in any notation, and applications by user agent.

There are few distinct texts, so Python parses them, and one query each puts the results back.
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
    """Replace the texts in ``ip`` of ``events`` by addresses, and derive ``app`` from ``user_agent`` if there is one.

    The order of the rows is kept.

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
