"""Sizes of uploads: missing ones in the log, answers of the file API, and typical sizes.

Each step is a function that reads tables of a connection and makes one, as in :mod:`detection.chain`.
"""

from __future__ import annotations

from datetime import datetime

import duckdb

from detection.parameters import Parameters
from detection.sql import into

__all__ = ["answer", "ask", "find_open", "measure", "merge_answers", "size_uploads", "weigh"]


def find_open(con: duckdb.DuckDBPyConnection, *, now: datetime, floor_files: int) -> None:
    """Make ``open_uploads``, uploads of unknown size, from ``logged_uploads`` and ``dated_sizes``.

    Args:
        con: Connection.
        now: Present time, UTC.
        floor_files: Files of a user from which a window is worth the file API's quota.
    """
    into(con, "open_uploads", "sizes/open", {"now": now.replace(tzinfo=None), "floor_files": floor_files})


def ask(con: duckdb.DuckDBPyConnection, *, most: int) -> None:
    """Make ``questions`` to the file API, at most ``most``, from ``open_uploads``."""
    into(con, "questions", "sizes/questions", {"most": most})


def merge_answers(con: duckdb.DuckDBPyConnection) -> None:
    """Make ``merged`` from the answers in ``cached`` and ``answered``; the newer answer for a version stays."""
    into(con, "merged", "sizes/cache")


def answer(con: duckdb.DuckDBPyConnection) -> None:
    """Make ``answers``, the looked-up size of each upload, from ``logged_uploads`` and ``file_sizes``."""
    into(con, "answers", "sizes/answers")


def size_uploads(con: duckdb.DuckDBPyConnection) -> None:
    """Make ``uploads`` with sizes or estimates, from ``logged_uploads``, ``file_sizes`` and ``typical_sizes``."""
    answer(con)
    into(con, "uploads", "sizes/uploads")


def measure(con: duckdb.DuckDBPyConnection) -> None:
    """Make ``measured_sizes``, the known sizes by extension, from ``logged_uploads`` and ``file_sizes``."""
    answer(con)
    into(con, "measured_sizes", "sizes/measured")


def weigh(con: duckdb.DuckDBPyConnection, parameters: Parameters) -> None:
    """Make ``typical_sizes`` from ``measured_sizes`` of the training days."""
    into(con, "typical_sizes", "sizes/typical", parameters.model_dump())
