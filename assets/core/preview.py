"""A few rows of a table for the UI, as a table in Markdown.

Names from people and providers may be hostile. So each cell is a code span, which Markdown and HTML do not interpret,
and its text has no character that could end it.
"""

from __future__ import annotations

import unicodedata

import dagster as dg
import duckdb

__all__ = ["cell", "preview"]

_ROWS = 5
_WIDTH = 32
_COLUMNS = {
    "logged_uploads": ("time", "user", "file_name", "bytes", "app"),
    "activity": ("time", "user", "kind", "operation", "detail"),
    "rejects": ("reason", "event"),
    "typical_sizes": ("scope", "extension", "files", "bytes"),
    "uploads": ("time", "user", "file_name", "bytes", "size_source"),
    "user_hours": ("hour", "user", "provider", "files", "saves", "bytes"),
    "baselines": ("scope", "user", "files_windows", "files_sum", "files_max", "bytes_sum", "bytes_max"),
    "scores": ("window_start", "user", "scope", "files", "bytes", "files_score", "bytes_score"),
    "thresholds": ("population", "metric", "threshold", "budget", "opened", "allowed", "balance"),
    "detections": ("window_start", "user", "scope", "files", "bytes", "score", "one_in"),
    "evaluations": ("scope", "window_start", "state", "reason"),
    "cases": ("opened_at", "user", "state", "severity", "alerts", "files", "bytes", "one_in"),
    "alerts": ("first_window_start", "user", "severity", "files", "bytes", "one_in"),
}
"""The most informative columns; other tables have no preview."""


def cell(value: object) -> str:
    """Format a value as a code span on one line, cut to a fixed width."""
    if value is None:
        return ""
    text = f"{value:.3g}" if isinstance(value, float) else str(value)
    # Control characters, and those that change the direction of text, would falsify what is shown.
    shown = "".join(sign if unicodedata.category(sign)[0] != "C" else " " for sign in text[: 2 * _WIDTH])
    shown = " ".join(shown.replace("`", "'").replace("|", "¦").replace("\\", "⧵").split())
    return f"`{shown[: _WIDTH - 1] + '…' if len(shown) > _WIDTH else shown}`" if shown else ""


def preview(con: duckdb.DuckDBPyConnection, relation: str, table: str) -> dict[str, dg.MetadataValue]:
    """Return the first rows of a relation as the metadata ``preview``; empty for an empty or a side table.

    Args:
        con: Connection in which the relation exists.
        relation: Table or view.
        table: Table whose columns the relation has.
    """
    if table not in _COLUMNS:
        return {}
    names = _COLUMNS[table]
    chosen = ", ".join(f'"{name}"' for name in names)
    rows = con.execute(f'SELECT {chosen} FROM "{relation}" LIMIT {_ROWS}').fetchall()  # noqa: S608 -- our own names
    if not rows:
        return {}
    lines = [names, ["---"] * len(names), *([cell(value) for value in row] for row in rows)]
    return {"preview": dg.MetadataValue.md("\n".join(f"|{'|'.join(line)}|" for line in lines))}
