"""Files of a home beside its lake: the pages with their addresses, and the marker of a replay."""

from __future__ import annotations

import json
import re
from pathlib import Path

from lake.store import Lake

__all__ = ["INDEX", "REPLAY_NOTE", "console_page", "dossier_path", "dossier_url", "pages_directory", "replay_variables"]

INDEX = "index.html"
REPLAY_NOTE = "replay.json"
"""File that marks a home as made by a replay."""
_PAGES = "pages"
"""Directory of the pages in the home, and their place in the console."""
_ID = re.compile(r"[0-9a-f]{64}")


def replay_variables(home: Path) -> dict[str, str]:
    """Return the variables that a replay's home was made with; none for an organisation's home."""
    try:
        noted: dict[str, str] = json.loads((home / REPLAY_NOTE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return noted


def pages_directory(lake: Lake) -> Path:
    """Return the directory of the pages, in the home of the lake."""
    return Path(lake.root).absolute().parent / _PAGES


def dossier_path(lake: Lake, alert_id: str) -> Path:
    """Return the file of an alert's page, which may not exist yet.

    Args:
        lake: The lake.
        alert_id: The alert's published id.

    Raises:
        ValueError: It is not an alert's id, so it must not become part of a file name.
    """
    if not _ID.fullmatch(alert_id):
        raise ValueError(f"{alert_id!r} is not an alert_id: take one from `uploadwatch alerts --format json`")
    return pages_directory(lake) / f"{alert_id}.html"


def dossier_url(lake: Lake, alert_id: str | None, base: str) -> str:
    """Return the address of an alert's page, or of the index if ``alert_id`` is None.

    Args:
        lake: The lake.
        alert_id: The alert's published id.
        base: Address of the console (``UPLOADWATCH_CONSOLE_URL``); empty for a ``file:`` address.
    """
    path = dossier_path(lake, alert_id) if alert_id else pages_directory(lake) / INDEX
    return console_page(base, path.stem) if base else path.as_uri()


def console_page(base: str, page: str) -> str:
    """Return the address of a page in the console.

    Args:
        base: Address of the console.
        page: An alert's id, or ``index``.
    """
    return f"{base.rstrip('/')}/{_PAGES}/{page}.html"
