"""Comparison of raw files by the events that they hold."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from detection.normalise import has_ids, identities_of_files
from detection.sql import ENGINE
from lake.raw_lines import line_chunks

__all__ = ["holds_all"]


def holds_all(provider: str, before: Path, after: Sequence[Path]) -> bool:
    """Return whether every event of one raw file is also in others.

    Args:
        provider: Provider of the events; empty compares lines.
        before: The file whose events are searched.
        after: The files to search.
    """
    if not provider:
        held = {line for path in after for chunk in line_chunks(path) for line in chunk.splitlines()}
        return all(line in held for chunk in line_chunks(before) for line in chunk.splitlines())
    # Equal events without an id are several events in one file, and the same event in two.
    number = "1" if has_ids(provider) else "row_number() OVER (PARTITION BY file, event_key)"
    with duckdb.connect(config=dict(ENGINE)) as con:
        identities_of_files(con, provider, [str(before), *map(str, after)])
        con.execute(f"CREATE TEMP TABLE known AS SELECT file, event_key, {number} AS n FROM identities")  # noqa: S608 -- ours
        [(unreadable,)] = con.execute(
            "SELECT count(*) FROM known WHERE file = $before AND event_key IS NULL", {"before": str(before)}
        ).fetchall()
        if unreadable:
            # Lines without an identity can only be compared as text.
            return holds_all("", before, after)
        [(missing,)] = con.execute(
            """
            SELECT count(*) FROM known AS b
            WHERE b.file = $before AND NOT EXISTS (
                FROM known AS a WHERE a.file <> $before AND a.event_key = b.event_key AND a.n = b.n
            )
            """,
            {"before": str(before)},
        ).fetchall()
    return not missing
