"""Faults that only one provider has: lost positions, cursors and blobs, other hosts, windows; over real HTTP."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from connectors import AccessError, AnswerError, Gap, build
from tests.support.quiet_day import END, FEED, KINDS, NOW, START, content, features, plain, read
from tests.support.scripted_server import Answer, Asked, environment, scripted


@pytest.mark.parametrize("position", ["0", "9", None])
def test_box_position_that_leads_back_is_an_error(position: str | None, tmp_path: Path) -> None:
    """Prevents reading a year anew from position 0, or the same page for ever."""
    page = Answer({"entries": [{"n": 1}], "next_stream_position": position})
    with scripted(lambda _: page) as server, pytest.raises(AnswerError, match="leads back"):
        read(build("box", environment(server.url, tmp_path), now=lambda: NOW).pages(START, END))


def test_box_reading_ends_past_the_window_where_the_bounds_are_ignored(tmp_path: Path) -> None:
    """Prevents reading on to the present where Box ignores the bounds once a position is given."""

    def ignoring(asked: Asked) -> Answer:
        hour = int(asked.query.get("stream_position", 0))
        entries = [{"created_at": f"2026-01-05T{hour:02}:30:00Z"}, {"created_at": f"2026-01-05T{hour:02}:59:00Z"}]
        return Answer({"entries": entries, "next_stream_position": hour + 1})

    with scripted(ignoring) as server:
        events = read(build("box", environment(server.url, tmp_path), now=lambda: NOW).pages(START, END))
        assert len(server.of("/2.0/events")) == 2
    assert len(events) == 2


def test_dropbox_team_without_file_events_is_told(tmp_path: Path) -> None:
    """Prevents a plan that hides uploads from looking like a team that uploads nothing."""
    with scripted(lambda _: features(False)) as server, pytest.raises(AccessError) as refused:
        read(build("dropbox", environment(server.url, tmp_path), now=lambda: NOW).pages(START, END))
    assert "plan" in refused.value.remedy


@pytest.mark.parametrize("code", ["reset", "bad_cursor"])
def test_dropbox_lost_cursor_repeats_no_event_and_loses_none(code: str, tmp_path: Path) -> None:
    """Prevents events being counted twice after a lost cursor: they have no id, so nothing later could tell."""
    twins = [{"n": 1}, {"n": 1}, {"n": 2}]
    lost: list[Asked] = []

    def answer(asked: Asked) -> Answer:
        if asked.path == "/2/team_log/get_events":
            return Answer({"events": twins, "cursor": "c", "has_more": True})
        if asked.path.endswith("/continue"):
            if not lost:
                lost.append(asked)
                error = {".tag": code, code: "2026-01-05T00:30:00Z"}
                return Answer({"error_summary": f"{code}/..", "error": error}, 409)
            return Answer({"events": [{"n": 1}, {"n": 3}], "cursor": "d", "has_more": False})
        return plain(asked)

    with scripted(answer) as server:
        events = read(build("dropbox", environment(server.url, tmp_path), now=lambda: NOW).pages(START, END))
    assert [event["n"] for event in events] == [1, 1, 2, 1, 3]


def test_dropbox_cursor_that_stands_still_is_an_error(tmp_path: Path) -> None:
    """Prevents the same page from being read for ever."""

    def still(asked: Asked) -> Answer:
        return Answer({"events": [], "cursor": "c", "has_more": True}) if "team_log" in asked.path else plain(asked)

    with scripted(still) as server, pytest.raises(AnswerError, match="came again"):
        read(build("dropbox", environment(server.url, tmp_path), now=lambda: NOW).pages(START, END))


def test_google_pages_without_end_are_an_error_and_a_lost_token_is_not(tmp_path: Path) -> None:
    """Prevents the token that comes again for ever, and a run lost to one token that Google no longer takes."""
    with scripted(lambda _: Answer({"nextPageToken": "again"})) as server, pytest.raises(AnswerError, match="again"):
        read(build("google_workspace", environment(server.url, tmp_path), now=lambda: NOW).pages(START, END))
    lost: list[Asked] = []

    def answer(asked: Asked) -> Answer:
        if asked.path.endswith("login"):
            return plain(asked)
        if "pageToken" not in asked.query:
            return Answer({"items": [{"n": 2}], "nextPageToken": "t"})
        if not lost:
            lost.append(asked)
            return Answer({"error": {"code": 400, "message": "Invalid page token"}}, 400)
        return Answer({"items": [{"n": 1}], "nextPageToken": ""})

    with scripted(answer) as server:
        events = read(build("google_workspace", environment(server.url, tmp_path), now=lambda: NOW).pages(START, END))
    assert [event["n"] for event in events] == [2, 2, 1]


def test_office365_addresses_that_the_server_sends_never_get_the_token(tmp_path: Path) -> None:
    """Prevents an answer from leading the client, and its token, to another host."""
    with scripted(plain) as stranger:

        def answer(asked: Asked) -> Answer:
            if asked.path.endswith("/content") and asked.query["contentType"] == KINDS[0]:
                if asked.query.get("nextPage") == "p2":
                    return Answer([content("c$3")])
                link = f"{stranger.url}/api/v1/x/activity/feed/subscriptions/content?contentType=y&nextpage=p2"
                item = {**content("b$2"), "contentUri": f"{stranger.url}/steal"}
                return Answer([item], headers={"NextPageUri": link})
            return plain(asked)

        with scripted(answer) as server:
            events = read(build("office365", environment(server.url, tmp_path), now=lambda: NOW).pages(START, END))
            assert [asked.path for asked in server.of("/audit/")] == [f"{FEED}/audit/b$2", f"{FEED}/audit/c$3"]
            assert all("PublisherIdentifier" in asked.query for asked in server.of("/activity/feed"))
        assert stranger.asked == []
    assert len(events) == 2


def test_office365_starts_what_is_missing_and_takes_enabled_already_for_success(tmp_path: Path) -> None:
    """Prevents a start for every pull, which is throttled, and a failure where another client was faster."""

    def answer(asked: Asked) -> Answer:
        if asked.path.endswith("/list"):
            return Answer([{"contentType": KINDS[0]}, {"contentType": KINDS[1], "status": "disabled"}])
        if asked.path.endswith("/start"):
            return Answer({"error": {"code": "AF20024", "message": "The subscription is already enabled."}}, 400)
        return plain(asked)

    with scripted(answer) as server:
        connector = build("office365", environment(server.url, tmp_path), now=lambda: NOW)
        assert read(connector.pages(START, END)) == read(connector.pages(START, END)) == [{"n": 1}]
        assert [asked.query["contentType"] for asked in server.of("/start")] == list(KINDS[1:])


def test_office365_lost_blobs_are_gaps_and_a_lost_page_starts_the_window_anew(tmp_path: Path) -> None:
    """Prevents one expired blob from blocking all others for ever, and a restart from reading blobs twice."""
    lost: list[Asked] = []

    def answer(asked: Asked) -> Answer:
        if asked.path.endswith("/content") and asked.query["contentType"] == KINDS[0]:
            if "nextPage" not in asked.query:
                first = [content("a$1"), content("old$1", expires="2026-01-05T01:59:00.000Z")]
                return Answer(first, headers={"NextPageUri": "https://manage.office.com/x?nextPage=2"})
            if not lost:
                lost.append(asked)
                return Answer({"error": {"code": "AF20031", "message": "Invalid nextPage Input: 2."}}, 400)
            return Answer([content("gone$1"), content("b$1")])
        if asked.path.endswith("gone$1"):
            return Answer({"error": {"code": "AF20051", "message": "already expired"}}, 410)
        return plain(asked)

    with scripted(answer) as server:
        connector = build("office365", environment(server.url, tmp_path), now=lambda: NOW)
        found = list(connector.pages(START, END))
        blobs = [asked.path.rpartition("/")[2] for asked in server.of("/audit/")]
    assert blobs == ["a$1", "gone$1", "b$1"]
    gaps = [gap for gap in found if isinstance(gap, Gap)]
    assert [("expired" in gap.cause, gap.start < gap.end) for gap in gaps] == [(True, True), (True, True)]


def test_office365_windows_are_a_day_at_most_and_a_start_too_old_is_clamped(tmp_path: Path) -> None:
    """Prevents windows that Microsoft answers in part without a word, and a clock that differs from ending a run."""
    now = START + timedelta(days=7)
    refused: list[Asked] = []

    def answer(asked: Asked) -> Answer:
        if asked.path.endswith("/content") and not refused:
            refused.append(asked)
            return Answer({"error": {"code": "AF20055", "message": "more than 7 days in the past"}}, 400)
        return plain(asked)

    with scripted(answer) as server:
        found = list(build("office365", environment(server.url, tmp_path), now=lambda: now).pages(START, now))
        windows = [
            (asked.query["startTime"], asked.query["endTime"])
            for asked in server.of("/content")
            if asked.query["contentType"] == KINDS[0]
        ]
    assert windows[0][0] == "2026-01-05T00:05:00"
    assert windows[1] == ("2026-01-05T00:15:00", "2026-01-06T00:05:00")
    assert windows[2] == ("2026-01-06T00:05:00", "2026-01-07T00:05:00")
    gaps = [gap for gap in found if isinstance(gap, Gap)]
    minutes = [((gap.start - START).total_seconds() / 60, (gap.end - START).total_seconds() / 60) for gap in gaps]
    assert minutes == [(0, 5), (5, 15)]
