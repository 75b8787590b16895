"""Answers of every provider on a quiet day with one event."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors import Gap, Page
from tests.support.scripted_server import Answer, Asked

START = datetime(2026, 1, 5, tzinfo=UTC)
END = START + timedelta(hours=1)
NOW = START + timedelta(hours=2)
PROVIDERS = ("box", "dropbox", "google_workspace", "office365")
FEED = "/api/v1.0/11111111-2222-3333-4444-555555555555/activity/feed"
KINDS = ("Audit.SharePoint", "Audit.AzureActiveDirectory", "Audit.General")
Event = dict[str, Any]


def read(answers: Iterable[Page | Gap]) -> list[Event]:
    return [json.loads(event) for answer in answers if isinstance(answer, Page) for event in answer.events]


def plain(asked: Asked) -> Answer:
    """Return each provider's answer on a quiet day with one event."""
    first = "stream_position" not in asked.query
    answers: dict[str, Any] = {
        "/2.0/events": {"entries": [{"n": 1}] if first else [], "next_stream_position": "5" if first else "0"},
        "/2/team/features/get_values": features(True).body,
        "/2/team_log/get_events": {"events": [{"n": 1}], "cursor": "c", "has_more": False},
        "/subscriptions/list": [{"contentType": kind, "status": "enabled"} for kind in KINDS],
        "/subscriptions/content": [content("a$1")] if asked.query.get("contentType") == KINDS[0] else [],
        "/audit/a$1": [{"n": 1}],
        "/audit/b$1": [{"n": 1}],
        "/audit/b$2": [{"n": 1}],
        "/audit/c$3": [{"n": 1}],
        "/applications/drive": {"items": [{"n": 1}]},
        "/applications/login": {"kind": "no items"},
    }
    return Answer(next(body for end, body in answers.items() if asked.path.endswith(end)))


def features(enabled: bool) -> Answer:
    feature = {".tag": "has_team_file_events", "has_team_file_events": {".tag": "enabled", "enabled": enabled}}
    return Answer({"values": [feature]})


def content(name: str, expires: str = "2026-01-12T00:10:00.000Z") -> dict[str, str]:
    return {
        "contentType": KINDS[0],
        "contentId": name,
        "contentUri": f"https://attacker.example.net{FEED}/audit/{name}",
        "contentCreated": "2026-01-05T00:10:00.000Z",
        "contentExpiration": expires,
    }
