"""The Dropbox stand-in over real HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import requests

from tests.support.sandbox_server import serving, uploads


def log(session: requests.Session, url: str, **query: Any) -> list[dict[str, Any]]:
    """All pages of the team log, until has_more is false."""
    answer = session.post(f"{url}/2/team_log/get_events", json=query)
    answer.raise_for_status()
    pages = [answer.json()]
    while pages[-1]["has_more"]:
        told = {"cursor": pages[-1]["cursor"]}
        answer = session.post(f"{url}/2/team_log/get_events/continue", json=told)
        answer.raise_for_status()
        pages.append(answer.json())
    return pages


def test_log_is_whole_only_for_a_client_that_goes_by_has_more(tmp_path: Path) -> None:
    """Prevents a stand-in so tame that stopping at an empty or short page goes unseen."""
    span = {"start_time": "2026-01-05T00:00:00Z", "end_time": "2026-01-05T00:49:50Z"}
    with serving(tmp_path, uploads("dropbox", 300), "2026-01-06T00:00:00Z") as client:
        pages = log(client.dropbox(), client.url, limit=4, time=span)
    stamps = [event["timestamp"] for page in pages for event in page["events"]]
    # The upload at the very end of the span is outside it, that at its start within.
    assert len(stamps) == len(set(stamps)) == 299
    assert stamps != sorted(stamps)
    assert any(not page["events"] for page in pages[:-1])
    assert len({page["cursor"] for page in pages}) == len(pages)


def test_uploads_of_one_second_are_sometimes_told_in_one_event(tmp_path: Path) -> None:
    """Prevents a client that reads only the first asset from passing."""
    rows = [row | {"file_name": f"{copy}-{row['file_name']}"} for row in uploads("dropbox", 40) for copy in "abc"]
    with serving(tmp_path, rows, "2026-01-06T00:00:00Z") as client:
        pages = log(client.dropbox(), client.url)
    events = [event for page in pages for event in page["events"]]
    counts = [len(event["assets"]) for event in events]
    assert set(counts) == {1, 3}
    assert sum(counts) == 120
    sizes = sorted(asset["file_size"] for event in events for asset in event["assets"])
    assert sizes == sorted(row["bytes"] for row in rows)


def test_open_cursor_meets_what_is_published_late(tmp_path: Path) -> None:
    """Prevents late events from being lost to a client that polls with the newest cursor."""
    late = uploads("dropbox", 1, published_at="2026-01-05T09:00:00", file_name="late.pdf")
    with serving(tmp_path, [*uploads("dropbox", 10), *late], "2026-01-05T08:00:00Z") as client:
        session = client.dropbox()
        cursor = log(session, client.url, time={"start_time": "2026-01-05T00:00:00Z"})[-1]["cursor"]
        client.set_clock("2026-01-05T10:00:00Z")
        answer = session.post(f"{client.url}/2/team_log/get_events/continue", json={"cursor": cursor}).json()
    assert [event["assets"][0]["display_name"] for event in answer["events"]] == ["late.pdf"]
    assert answer["cursor"] != cursor


def test_errors_have_dropbox_shapes(tmp_path: Path) -> None:
    """Prevents a client from being tried against errors that Dropbox does not give."""
    with serving(tmp_path, uploads("dropbox", 1), "2026-01-06T00:00:00Z") as client:
        session, route = client.dropbox(), f"{client.url}/2/team_log/get_events"

        def tag(**query: Any) -> tuple[int, str]:
            answer = session.post(route, json=query)
            return answer.status_code, answer.json()["error"][".tag"]

        backwards = {"start_time": "2026-01-05T00:00:00Z", "end_time": "2026-01-04T00:00:00Z"}
        assert tag(time=backwards) == (409, "invalid_time_range")
        both = tag(category={".tag": "logins"}, event_type={".tag": "file_add"})
        assert both == (409, "invalid_filters")
        lost = session.post(f"{route}/continue", json={"cursor": "nonsense"})
        assert (lost.status_code, lost.json()["error"][".tag"]) == (409, "bad_cursor")
        malformed = session.post(route, data="{", headers={"Content-Type": "application/json"})
        assert (malformed.status_code, malformed.headers["content-type"][:10]) == (400, "text/plain")
        unknown = client.plain.post(route, json={})
        assert (unknown.status_code, unknown.headers["content-type"]) == (401, "application/json")


def test_who_is_not_an_employee_is_told_in_dropbox_forms(tmp_path: Path) -> None:
    """Prevents apps, outsiders and nobody from looking like team members."""
    users = ("svc-backup@example.com", "guest@other.example.net", "", "ann.lee@example.com")
    rows = [uploads("dropbox", 1, user=user)[0] for user in users]
    with serving(tmp_path, rows, "2026-01-06T00:00:00Z") as client:
        events = [event for page in log(client.dropbox(), client.url) for event in page["events"]]
    actors = {event["actor"][".tag"] for event in events}
    tags = {event["actor"]["user"][".tag"] for event in events if event["actor"][".tag"] == "user"}
    assert (actors, tags) == ({"app", "anonymous", "user"}, {"team_member", "non_team_member"})
    (dropped,) = (event for event in events if event["actor"][".tag"] == "anonymous")
    assert dropped["event_type"][".tag"] == "file_request_receive_file"
    assert dropped["details"]["submitted_file_names"] == ["report 0.pdf"]
