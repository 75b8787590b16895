"""The Box stand-in over real HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import requests

from tests.support.sandbox_server import serving, uploads


def history(session: requests.Session, url: str, **query: Any) -> list[dict[str, Any]]:
    """All pages of admin_logs, up to the empty one."""
    pages: list[dict[str, Any]] = []
    while not pages or pages[-1]["entries"]:
        position = {"stream_position": pages[-1]["next_stream_position"]} if pages else {}
        answer = session.get(f"{url}/2.0/events", params={"stream_type": "admin_logs", **query, **position})
        answer.raise_for_status()
        pages.append(answer.json())
    return pages


def test_history_is_whole_only_for_a_client_that_reads_to_the_empty_page(tmp_path: Path) -> None:
    """Prevents a stand-in so tame that stopping at a short page, or keeping a position as a float, goes unseen."""
    with serving(tmp_path, uploads("box", 300), "2026-01-06T00:00:00Z") as client:
        pages = history(client.box(), client.url, limit=7, created_after="2026-01-04T00:00:00Z")
    sizes = [page["chunk_size"] for page in pages]
    ids = [event["event_id"] for page in pages for event in page["entries"]]
    assert len(ids) == len(set(ids)) == 300
    assert any(0 < size < 7 for size in sizes[:-2])
    assert pages[-1] == {"chunk_size": 0, "next_stream_position": "0", "entries": []}
    assert {type(page["next_stream_position"]) for page in pages} == {int, str}
    assert all(int(page["next_stream_position"]) > 2**53 for page in pages[:-1])


def test_late_event_is_behind_the_history_position_but_at_the_streaming_cursor(tmp_path: Path) -> None:
    """Prevents a stand-in that shows late events where Box does not: polling admin_logs then seems safe."""
    late = {"published_at": "2026-01-05T09:00:00", "file_name": "late.pdf"}
    rows = [*uploads("box", 20), uploads("box", 5)[4] | late]
    with serving(tmp_path, rows, "2026-01-05T08:00:00Z") as client:
        session = client.box()
        events = f"{client.url}/2.0/events"
        first = session.get(events, params={"stream_type": "admin_logs", "limit": "500"}).json()
        stream = {"stream_type": "admin_logs_streaming", "limit": "500"}
        before = session.get(events, params={**stream, "stream_position": "0"}).json()
        client.set_clock("2026-01-05T10:00:00Z")
        position = first["next_stream_position"]
        again = session.get(events, params={"stream_type": "admin_logs", "stream_position": position}).json()
        after = session.get(events, params={**stream, "stream_position": before["next_stream_position"]}).json()
    assert (len(first["entries"]), len(before["entries"])) == (20, 20)
    assert again["entries"] == []
    assert [event["source"]["item_name"] for event in after["entries"]] == ["late.pdf"]


def test_event_named_twice_is_delivered_twice_with_one_id(tmp_path: Path) -> None:
    """Prevents duplicate deliveries that differ, which no client could recognise."""
    rows = uploads("box", 1, event_id="once") * 2
    with serving(tmp_path, rows, "2026-01-06T00:00:00Z") as client:
        pages = history(client.box(), client.url)
    first, second = (event for page in pages for event in page["entries"])
    assert first == second


def test_bounds_and_signs_in_are_refused_as_box_does(tmp_path: Path) -> None:
    """Prevents a stand-in that takes calls the real API answers with an error."""
    with serving(tmp_path, uploads("box", 1), "2026-01-06T00:00:00Z") as client:
        session, events = client.box(), f"{client.url}/2.0/events"

        def refused(**query: Any) -> tuple[int, str]:
            answer = session.get(events, params={"stream_type": "admin_logs", **query})
            return answer.status_code, answer.json()["code"]

        assert refused(created_after="2024-12-01T00:00:00Z") == (400, "bad_request")
        assert refused(created_after="2026-01-07T00:00:00Z") == (400, "bad_request")
        assert refused(created_after="2026-01-05") == (400, "bad_request")
        assert refused(limit=501) == (400, "bad_request")
        assert refused(stream_position="17") == (400, "bad_request")
        assert client.plain.get(events, params={"stream_type": "admin_logs"}).status_code == 401
        wrong = {"grant_type": "client_credentials", "client_id": "x", "client_secret": "y"}
        answer = client.plain.post(f"{client.url}/oauth2/token", data=wrong)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_actors_have_the_forms_that_tell_their_class(tmp_path: Path) -> None:
    """Prevents service accounts, guests and nobody from looking like employees."""
    users = ("svc-backup@example.com", "guest@other.example.net", "", "ann.lee@example.com")
    rows = [uploads("box", 1, user=user)[0] for user in users]
    with serving(tmp_path, rows, "2026-01-06T00:00:00Z") as client:
        events = history(client.box(), client.url)[0]["entries"]
    logins = {event["created_by"]["login"] for event in events}
    assert {"guest@other.example.net", "", "ann.lee@example.com"} < logins
    assert any(x.startswith("AutomationUser_") and x.endswith("@boxdevedition.com") for x in logins)
    assert [e["created_by"]["id"] for e in events if e["created_by"]["login"] == ""] == ["2"]
    assert all(event["created_at"].endswith("-08:00") for event in events)
