"""Identity of the event in a line, by which events that have landed already are recognised."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from detection.normalise.operations import create_operations
from detection.normalise.reading import raw_of_files, raw_of_lines
from detection.sql import load, nested
from providers import PROVIDERS

__all__ = ["has_ids", "identities_of_files", "identities_of_lines"]


def has_ids(provider: str) -> bool:
    """Check whether the provider's events have ids; if not, equal events in one file count as several events."""
    return not PROVIDERS[provider].layout.without_id


def identities_of_files(con: duckdb.DuckDBPyConnection, provider: str, files: Sequence[str]) -> None:
    """Make the view ``identities`` over landed files: file and event_key, which is NULL where there is no id.

    Args:
        con: Connection; its time zone is set to UTC.
        provider: Whose events they are.
        files: Landed events; may be empty.
    """
    _identify(con, provider, raw_of_files(con, PROVIDERS[provider].layout, files))


def identities_of_lines(con: duckdb.DuckDBPyConnection, provider: str, lines: str) -> None:
    """Make the view ``identities`` over lines that have not landed.

    Its columns are file, text (the event, or the text that is not JSON), time (TIMESTAMP, UTC), event_key and
    rejected_because (NULL for an event).

    Args:
        con: Connection; its time zone is set to UTC.
        provider: Whose events they are.
        lines: Query with the columns json (NULL if the line is not JSON), unreadable (the text in that case) and file.
    """
    _identify(con, provider, raw_of_lines(PROVIDERS[provider].layout, lines))


def _identify(con: duckdb.DuckDBPyConnection, provider: str, raw: str) -> None:
    con.execute("SET TimeZone = 'UTC'")
    create_operations(con, provider)
    # The user that an event is about does not matter here.
    organisation = "SELECT CAST([] AS VARCHAR []) AS domains"
    given = {"organisation": organisation, "raw": raw, "classified": load(f"normalise/{provider}")}
    con.execute(f"CREATE OR REPLACE TEMP VIEW identities AS {nested('normalise/identities', given)}")
