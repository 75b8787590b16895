"""Box's stream: what came late is had at the next reading, and nothing is read for ever."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors import AnswerError, Streaming, build
from tests.support.sandbox_server import serving, uploads
from tests.support.scripted_server import Answer, Asked, environment, scripted

MIDNIGHT = datetime(2026, 1, 6, tzinfo=UTC)


def stream_of(variables: Mapping[str, str]) -> Streaming:
    connector = build("box", variables, now=lambda: MIDNIGHT)
    assert isinstance(connector, Streaming)
    return connector


def read(stream: Streaming, position: str) -> tuple[list[str], str]:
    """Return the names of the files streamed since a position, and the position after them."""
    names, last = [], position
    for slices, following in stream.streamed(position):
        events = [(start, json.loads(event)) for start, page in slices.items() for event in page.events]
        for start, event in events:
            assert start
            assert timedelta() <= datetime.fromisoformat(event["created_at"]) - start < timedelta(minutes=15)
            names.append(event["source"]["item_name"])
        last = following
    return names, last


def test_late_events_come_with_the_next_reading(tmp_path: Path) -> None:
    """Prevents an event that Box shows hours late from waiting for the window it lies in to be read again."""
    prompt = [row | {"file_name": f"p{n:04}"} for n, row in enumerate(uploads("box", 1200))]
    late = [
        row | {"file_name": f"late{n}", "published_at": "2026-01-05T20:00:00"}
        for n, row in enumerate(uploads("box", 3))
    ]
    with serving(tmp_path, [*prompt, *late], "2026-01-04T23:00:00Z") as client:
        stream = stream_of(client.environment)
        names, position = read(stream, "")
        assert names == []
        assert position
        client.set_clock("2026-01-05T12:00:00Z")
        names, position = read(stream, position)
        assert set(names) == {row["file_name"] for row in prompt}
        client.set_clock("2026-01-06T00:00:00Z")
        names, position = read(stream, position)
        assert set(names) == {row["file_name"] for row in late}
        assert read(stream, position) == ([], position)


def test_a_position_that_box_takes_no_longer_starts_from_now(tmp_path: Path) -> None:
    """Prevents a lost position from stopping every run that follows, or from giving fourteen days anew."""
    with serving(tmp_path, uploads("box", 10), "2026-01-06T00:00:00Z") as client:
        names, position = read(stream_of(client.environment), "4711")
    assert names == []
    assert int(position) > 2**53


@pytest.mark.parametrize("position", ['"7"', "7", '"0"', "null"])
def test_a_stream_that_does_not_move_on_is_an_error(tmp_path: Path, position: str) -> None:
    """Prevents reading the same page until the disk is full."""

    def answer(_asked: Asked) -> Answer:
        return Answer({"entries": [{"n": 1}], "next_stream_position": json.loads(position)})

    with scripted(answer) as server:
        stream = stream_of(environment(server.url, tmp_path))
        with pytest.raises(AnswerError, match="leads back to events already read"):
            list(stream.streamed("7"))


def test_positions_above_two_to_the_53rd_keep_their_last_digit(tmp_path: Path) -> None:
    """Prevents a position that went through a floating-point number, and so through events twice or not at all."""
    asked_for: list[str] = []

    def answer(asked: Asked) -> Answer:
        asked_for.append(asked.query["stream_position"])
        entries: list[Any] = [{"n": 1}] if len(asked_for) == 1 else []
        return Answer({"entries": entries, "next_stream_position": 1152922976252290801})

    with scripted(answer) as server:
        [(_, position)] = list(stream_of(environment(server.url, tmp_path)).streamed("1152922976252290799"))
    assert position == "1152922976252290801"
    assert asked_for == ["1152922976252290799", "1152922976252290801"]
