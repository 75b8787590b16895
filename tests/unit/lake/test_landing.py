"""Choice of a day's slices to pull, their landing, and the manifest afterwards."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import zstandard

from connectors import Gap, Page
from detection.parameters import Parameters
from lake.coverage import evaluations
from lake.landing import due, land
from lake.manifest import Manifest
from lake.store import Lake

DAY = date(2026, 3, 2)
HOUR = timedelta(hours=1)


def at(hour: float, day: int = 0) -> datetime:
    return datetime(2026, 3, 2, tzinfo=UTC) + timedelta(days=day, hours=hour)


def bounds(slices: list[tuple[datetime, datetime]]) -> list[tuple[float, float]]:
    return [((start - at(0)) / HOUR, (end - at(0)) / HOUR) for start, end in slices]


def pull(
    manifest: Manifest, now: datetime, *, again: float | None = 72, retention: float = 365
) -> list[tuple[datetime, datetime]]:
    """Pull the slices that are due and return them."""
    kept = timedelta(days=retention)
    found = due(
        manifest, DAY, now=now, lateness=24 * HOUR, retention=kept, again=None if again is None else again * HOUR
    )
    for start, end in found:
        land(manifest, start, end, [Page(b"{}\n")], now=now)
    return found


def test_a_day_that_is_over_is_one_slice(tmp_path: Path):
    """Prevents a backfill from asking 24 times for what one request chain gives."""
    manifest = Manifest(tmp_path)
    assert pull(manifest, at(0, day=5)) == [(at(0), at(24))]
    assert pull(Manifest(tmp_path), at(1, day=5)) == []


def test_a_tick_asks_for_what_is_new(tmp_path: Path):
    """Prevents a tick whose cost grows with the hour or the day, and quarters that are pulled half and never again."""
    manifest = Manifest(tmp_path)
    first = [(float(hour), hour + 1.0) for hour in range(9)]
    assert bounds(pull(manifest, at(9.3), again=3)) == [*first, (9, 9.25), (9.25, 9.5)]
    assert bounds(pull(manifest, at(9.5), again=3)) == [(9.25, 9.5)]
    assert bounds(pull(manifest, at(9.55), again=3)) == [(9.5, 9.75)]
    assert bounds(pull(manifest, at(9.75), again=3)) == [(9.5, 9.75)]
    assert pull(manifest, at(9.75), again=3) == []


def test_late_events_are_asked_for_a_few_times(tmp_path: Path):
    """Prevents a tick that pulls hours again each time, and late events that wait for the late-data re-pull."""
    manifest = Manifest(tmp_path)
    asked = []
    for tick in range(4 * 9, 4 * 24):
        now = at(tick / 4 + 0.05)
        asked += [now for start, end in pull(manifest, now, again=6) if start == at(9) and end == at(9.25)]
    assert [round((now - at(9.25)) / HOUR, 2) for now in asked] == [-0.2, 0.05, 0.55, 2.3, 6.05]


def test_the_late_data_pull_asks_for_all_that_is_not_final(tmp_path: Path):
    """Prevents events from being missed that came later than they usually do."""
    manifest = Manifest(tmp_path)
    pull(manifest, at(9.5), again=3)
    assert len(pull(manifest, at(4, day=1), again=None)) == 9 + 2 + 2 + 14
    assert pull(manifest, at(0.1, day=2), again=None) != []
    assert pull(manifest, at(1, day=3), again=None) == []


def test_nothing_is_asked_of_the_future(tmp_path: Path):
    """Prevents requests that the providers answer with an error."""
    assert due(Manifest(tmp_path), DAY, now=at(0), lateness=HOUR, retention=HOUR, again=HOUR) == []


def test_what_landed_is_what_was_received(tmp_path: Path):
    """Prevents lines that are lost, and a failure midway from leaving half a slice that looks whole."""
    manifest = Manifest(tmp_path)
    gap = Gap(at(0), at(1), "retention")
    piece = land(manifest, at(0), at(24), [gap, Page(b'{"a":1}\n{"b":2}\n'), Page(b"")], now=at(0, day=3))
    with (tmp_path / piece.file).open("rb") as file:
        assert zstandard.ZstdDecompressor().stream_reader(file).read() == b'{"a":1}\n{"b":2}\n'
    assert (piece.pages, piece.events) == (2, 2)
    assert Manifest(tmp_path).slices[piece.file].gaps[0]["cause"] == "retention"

    def fails():
        yield Page(b"{}\n")
        raise ConnectionError("reset")

    with pytest.raises(ConnectionError):
        land(manifest, at(0), at(24), fails(), now=at(0, day=4))
    assert Manifest(tmp_path).events == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == [piece.file, "manifest.copy.json", "manifest.json"]


def test_windows_say_whether_they_were_evaluated(tmp_path: Path):
    """Prevents a feed that is down, or an hour pulled half, from looking like an hour without uploads."""
    lake = Lake(root=str(tmp_path))
    manifest = Manifest(lake.directory("box/audit_events", DAY))
    pull(manifest, at(9.5))
    states = {
        start.hour: (state, reason)
        for _, start, state, reason in evaluations(lake, ["box"], {"box": DAY - timedelta(days=14)}, DAY, Parameters())
    }
    assert states[6] == ("evaluated", None)
    assert states[7] == ("not evaluated", "audit events not pulled from 09:00 UTC")
    [(_, _, state, _), *_] = evaluations(lake, ["box"], {"box": DAY - timedelta(days=13)}, DAY, Parameters())
    assert state == "in activation"


def test_an_hour_that_was_pulled_half_is_completed_after_an_outage(tmp_path: Path):
    """Prevents the rest of the hour in which ticks stopped from being missing for good."""
    manifest = Manifest(tmp_path)
    pull(manifest, at(10.6), again=3)
    assert (10.5, 10.75) in bounds(pull(manifest, at(15, day=4), again=3))


def test_what_the_provider_no_longer_keeps_is_left_as_it_landed(tmp_path: Path):
    """Prevents a late pull from replacing events by the gap that the provider answers with then."""
    manifest = Manifest(tmp_path)
    pull(manifest, at(10.6), again=3)
    landed = set(manifest.slices)
    asked = {f"{start:%H%M}" for start, _ in pull(manifest, at(15, day=9), again=24 * 366, retention=7)}
    assert asked.isdisjoint(name[:4] for name in landed)
