"""Slices pulled at once, and late events from Box's stream: what lands, and what is asked for again."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from connectors import Connector, Limits, SignInError, StoppedError, Streaming, build
from detection.normalise import normalise
from lake.landing import due
from lake.manifest import Manifest
from lake.pulling import Pulled, land_stream, pull
from tests.support.memory import connect
from tests.support.sandbox_server import serving, uploads
from tests.support.scripted_server import Answer, Asked, environment, scripted
from tests.support.waiting import PATIENCE_SECONDS

DAY = date(2026, 1, 5)
MIDNIGHT = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
NOW = MIDNIGHT + timedelta(days=2)


def manifest_of(folder: Path) -> Manifest:
    return Manifest(folder / f"day={DAY}")


def pulling(
    connector: Connector,
    folder: Path,
    *,
    now: datetime = NOW,
    pieces: int = 4,
    stop: threading.Event | None = None,
    late_data: bool = False,
) -> Pulled:
    """Pull the due slices of the day, as a run would."""
    manifest = manifest_of(folder)
    wanted = due(
        manifest,
        DAY,
        now=now,
        lateness=connector.lateness,
        retention=connector.retention,
        again=None if late_data else connector.overlap,
        pieces=pieces,
    )
    slices = [(manifest, start, end) for start, end in wanted]
    return pull(connector, slices, now=lambda: now, stop=stop or threading.Event(), landed=lambda _piece: None)


def windows(answer: Callable[[datetime], Answer]) -> Callable[[Asked], Answer]:
    """Answer the first page of each window by the time it starts, and then send an empty page."""

    def answered(asked: Asked) -> Answer:
        if "stream_position" in asked.query:
            return Answer({"entries": [], "next_stream_position": "0"})
        return answer(datetime.fromisoformat(asked.query["created_after"]) + timedelta(seconds=1))

    return answered


def page(start: datetime) -> Answer:
    return Answer({"entries": [{"event_id": f"{start:%H}"}], "next_stream_position": "7"})


def test_slices_are_asked_for_at_once(tmp_path: Path) -> None:
    """Prevents a backfill that waits for one answer after the other."""
    meet = threading.Barrier(4, timeout=PATIENCE_SECONDS)
    with scripted(windows(page), meet=lambda asked: "created_after" in asked.query and meet.wait()) as server:
        done = pulling(build("box", environment(server.url, tmp_path), now=lambda: NOW), tmp_path)
    assert not done.failures
    assert {(piece.start.hour, piece.events) for piece in done.slices} == {(hour, 1) for hour in (0, 6, 12, 18)}
    assert manifest_of(tmp_path).events == 4


def test_one_slice_that_fails_keeps_no_other_from_landing(tmp_path: Path) -> None:
    """Prevents one window that a provider can't answer from hiding all that comes after it."""
    broken = [6, 7, 8, 9, 10, 11]

    def answer(start: datetime) -> Answer:
        return Answer({"entries": "odd"}) if start.hour in broken else page(start)

    with scripted(windows(answer)) as server:
        connector = build("box", environment(server.url, tmp_path), now=lambda: NOW)
        done = pulling(connector, tmp_path)
        assert [getattr(failure, "request", None) for failure in done.failures] == ["GET /2.0/events"]
        assert {piece.start.hour for piece in manifest_of(tmp_path).slices.values()} == {0, 12, 18}
        broken.clear()
        again = pulling(connector, tmp_path)
    assert {piece.start.hour for piece in again.slices} == {6, 7, 8, 9, 10, 11}
    assert not again.failures


def test_no_further_slice_is_asked_for_once_credentials_are_refused(tmp_path: Path) -> None:
    """Prevents an account from being locked by a hundred sign-ins with an expired secret."""
    refused = Answer({"error": "invalid_grant", "error_description": "Grant credentials are invalid"}, 400)
    with scripted(windows(page), sign_in=lambda _asked: refused) as server:
        connector = build("box", {**environment(server.url, tmp_path), "BOX_PARALLEL_SLICES": "2"}, now=lambda: NOW)
        done = pulling(connector, tmp_path, pieces=24)
    assert {type(failure) for failure in done.failures} == {SignInError}
    assert len(server.asked) <= 3
    assert not manifest_of(tmp_path).slices


def test_a_pull_that_is_left_stops_its_threads(tmp_path: Path) -> None:
    """Prevents a cancelled run from waiting out an hour of throttling in its threads."""
    stop = threading.Event()
    throttled = Answer({"type": "error"}, 429, {"Retry-After": "200"})
    with scripted(windows(lambda _start: throttled)) as server:
        connector = build(
            "box", environment(server.url, tmp_path), now=lambda: NOW, limits=Limits(tmp_path / "limits", stop)
        )
        threading.Timer(1.0, stop.set).start()
        with pytest.raises(StoppedError):
            pulling(connector, tmp_path, stop=stop)


def names_of_uploads(folder: Path) -> list[str]:
    with connect() as con:
        normalise(con, "box", day=DAY, raw_files=manifest_of(folder).files, organisation_domains=[])
        return [name for (name,) in con.execute("SELECT file_name FROM uploads ORDER BY 1").fetchall()]


def test_the_stream_brings_what_the_history_showed_late_and_doubles_nothing(tmp_path: Path) -> None:
    """Prevents a late event from waiting for the late-data re-pull, and from counting twice once the history has it."""
    prompt = [row | {"file_name": f"prompt{n}"} for n, row in enumerate(uploads("box", 40))]
    late = [
        row | {"file_name": f"late{n}", "published_at": "2026-01-05T20:00:00"}
        for n, row in enumerate(uploads("box", 3))
    ]
    clock = [MIDNIGHT + 12 * HOUR]
    position = tmp_path / "stream_position"
    with serving(tmp_path, [*prompt, *late], clock[0].isoformat()) as client:
        connector = build("box", client.environment, now=lambda: clock[0])
        assert isinstance(connector, Streaming)

        def tick(hour: float, *, late_data: bool = False) -> dict[date, int]:
            clock[0] = MIDNIGHT + hour * HOUR
            client.set_clock(clock[0].isoformat())
            pulled = pulling(connector, tmp_path, now=clock[0], late_data=late_data).starts
            found, lost = land_stream(
                connector, position, lambda day: manifest_of(tmp_path) if day == DAY else None, pulled, now=clock[0]
            )
            assert not lost
            return found

        assert tick(12) == {}
        assert len(names_of_uploads(tmp_path)) == 40
        assert tick(20.5) == {DAY: 3}
        assert tick(20.75) == {}
        told = names_of_uploads(tmp_path)
        assert len(told) == 43
        assert tick(22, late_data=True) == {}
        assert names_of_uploads(tmp_path) == told
    assert sum(piece.events for piece in manifest_of(tmp_path).slices.values()) == 43
    assert json.loads((tmp_path / f"day={DAY}" / "manifest.json").read_text())["late"][0]["events"] == 3
