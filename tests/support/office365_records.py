"""A record of Office 365, and what becomes of records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from detection.normalise import outcomes
from tests.support.memory import connect

Event = dict[str, Any]


def record(**changes: Any) -> Event:
    return {
        "Id": "r1",
        "CreationTime": "2026-03-04T12:00:00",
        "Operation": "FileUploaded",
        "UserId": "ann@example.com",
        "UserKey": "i:0h.f|membership|1001@live.com",
        "UserType": 0,
        "ItemType": "File",
        "ListItemUniqueId": "item-1",
        **changes,
    }


def outcomes_of(directory: Path, *records: Event) -> list[dict[str, Any]]:
    """Return the outcome of each record."""
    files = []
    for number, each in enumerate(records):
        path = directory / f"{number:04}.ndjson"
        path.write_text(json.dumps({**each, "Id": each.get("Id") or f"r{number}"}) + "\n")
        files.append(str(path))
    with connect() as con:
        return outcomes(con, "office365", raw_files=files, organisation_domains=["example.com"]).to_pylist()
