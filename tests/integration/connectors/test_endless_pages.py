"""Empty pages that always announce more, each with a page cursor of its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from connectors import AnswerError, Page, build
from connectors.core import page_cursors as marks
from tests.support.scripted_server import Answer, Asked, environment, scripted

START = datetime(2026, 1, 5, tzinfo=UTC)
END = START + timedelta(hours=1)
NOW = START + timedelta(hours=2)
FEW = 12


class Server:
    """Empty pages without end, or so many and then one event."""

    def __init__(self, pages: int | None) -> None:
        self._pages = pages
        self._numbers = count(1)

    def __call__(self, asked: Asked) -> Answer:
        if asked.path.endswith("get_values"):
            told = {".tag": "has_team_file_events", "has_team_file_events": {".tag": "enabled", "enabled": True}}
            return Answer({"values": [told]})
        if asked.path.endswith("/subscriptions/list"):
            kinds = ("Audit.SharePoint", "Audit.AzureActiveDirectory", "Audit.General")
            return Answer([{"contentType": kind, "status": "enabled"} for kind in kinds])
        if asked.path.endswith("/audit/a$1"):
            return Answer([{"n": 1}])
        number = next(self._numbers)
        more = self._pages is None or number <= self._pages
        if "team_log" in asked.path:
            return Answer({"events": [] if more else [{"n": 1}], "cursor": f"c{number}", "has_more": more})
        if asked.path.endswith("/subscriptions/content"):
            link = {"NextPageUri": f"https://manage.office.com/x?nextPage=p{number}"} if more else {}
            blob = {"contentType": "Audit.SharePoint", "contentId": "a$1", "contentCreated": "2026-01-05T00:10:00.000Z"}
            return Answer([] if more else [blob], headers=link)
        return Answer({"nextPageToken": f"t{number}"} if more else {"items": [{"n": 1}]})


@pytest.mark.parametrize("provider", ["dropbox", "google_workspace", "office365"])
def test_empty_pages_without_end_are_an_error(provider: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents a run that follows ever new marks for ever, its quota spent on nothing."""
    monkeypatch.setattr(marks, "MOST_EMPTY", FEW)
    with scripted(Server(None)) as server, pytest.raises(AnswerError, match="are empty and announce more"):
        list(build(provider, environment(server.url, tmp_path), now=lambda: NOW).pages(START, END))
    assert len([asked for asked in server.asked if not asked.signs_in]) < FEW + 5


@pytest.mark.parametrize("provider", ["dropbox", "google_workspace", "office365"])
def test_some_empty_pages_are_not(provider: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents events behind empty pages, which are documented, from being lost to the bound."""
    monkeypatch.setattr(marks, "MOST_EMPTY", FEW)
    with scripted(Server(FEW)) as server:
        found = list(build(provider, environment(server.url, tmp_path), now=lambda: NOW).pages(START, END))
    assert b'{"n":1}' in [event.replace(b" ", b"") for page in found if isinstance(page, Page) for event in page.events]
