"""Raw files: never replaced by less, known by their content, and asked for again where something was missing."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import Gap, Page, UnavailableError
from lake.landing import due, land, land_import, land_late
from lake.manifest import Manifest
from lake.pulling import ask_again, open_gaps
from lake.salvage import salvage

HOUR = timedelta(hours=1)
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
NOW = START + timedelta(days=1)


def manifest_of(folder: Path) -> Manifest:
    return Manifest(folder / "day=2026-03-02")


def box(*ids: str, etag: str = "") -> Page:
    return Page(b"".join(json.dumps({"event_id": id_, "etag": etag}).encode() + b"\n" for id_ in ids))


def held(manifest: Manifest) -> Counter[str]:
    """Count how often each event is in the files of a day."""
    found: Counter[str] = Counter()
    for path in manifest.files:
        with Path(path).open("rb") as file:
            text = zstandard.ZstdDecompressor().stream_reader(file).read()
        found.update(json.loads(line)["event_id"] for line in text.splitlines())
    return found


def swap(one: Path, other: Path) -> None:
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)


def test_files_that_were_exchanged_are_put_back(tmp_path: Path) -> None:
    """Prevents a repair from making one source's events another's, and from giving up events that are all there."""
    ours, theirs = (Manifest(tmp_path / name / "audit_events" / "day=2026-03-02") for name in ("box", "dropbox"))
    piece = land(ours, START, START + HOUR, [box("a", "b")], now=NOW, provider="box")
    other = land(theirs, START, START + HOUR, [box("c")], now=NOW, provider="dropbox")
    swap(ours.directory / piece.file, theirs.directory / other.file)
    for manifest, damaged in ((ours, piece), (theirs, other)):
        assert damaged.file in manifest.damaged()
        salvage(manifest, damaged)
    assert set(held(Manifest(ours.directory))) == {"a", "b"}
    assert set(held(Manifest(theirs.directory))) == {"c"}
    assert Manifest(ours.directory).damaged() == Manifest(theirs.directory).damaged() == {}
    assert Manifest(ours.directory).gaps == []


def test_what_belongs_elsewhere_is_not_salvaged(tmp_path: Path) -> None:
    """Prevents a copy of another source's file in a file's place from becoming this one's events."""
    ours, theirs = (Manifest(tmp_path / name / "audit_events" / "day=2026-03-02") for name in ("box", "dropbox"))
    piece = land(ours, START, START + HOUR, [box("a", "b")], now=NOW, provider="box")
    other = land(theirs, START, START + HOUR, [box("c")], now=NOW, provider="dropbox")
    path = ours.directory / piece.file
    path.write_bytes((theirs.directory / other.file).read_bytes())
    assert "0 of 2 events" in salvage(ours, piece)
    assert held(Manifest(ours.directory)) == {}
    assert [gap["cause"] for gap in Manifest(ours.directory).gaps] == ["2 of 2 events were lost with a damaged file"]
    assert set(held(Manifest(theirs.directory))) == {"c"}


@pytest.mark.parametrize("to", ["box/audit_events/day=2026-03-03", "dropbox/audit_events/day=2026-03-02"])
def test_the_manifest_of_another_day_or_source_is_not_read(tmp_path: Path, to: str) -> None:
    """Prevents a day whose manifest was exchanged or copied from standing for the hours of another."""
    ours, theirs = Manifest(tmp_path / "box/audit_events/day=2026-03-02"), Manifest(tmp_path / to)
    land(ours, START, START + HOUR, [box("a")], now=NOW, provider="box")
    start = datetime.combine(theirs.day, START.time(), UTC)
    land(theirs, start, start + HOUR, [box("b")], now=NOW + timedelta(days=1), provider="box")
    swap(ours.path, theirs.path)
    assert set(held(Manifest(ours.directory))) == {"a"}
    assert set(held(Manifest(theirs.directory))) == {"b"}
    assert Manifest.broken_files(ours.directory) == Manifest.broken_files(theirs.directory) == []


def test_a_slice_is_never_replaced_by_less(tmp_path: Path) -> None:
    """Prevents evidence from being overwritten by the nothing that the provider gives of it later."""
    manifest = manifest_of(tmp_path)
    land(manifest, START, START + HOUR, [box("a", "b", "c")], now=NOW, provider="box")
    land(manifest, START, START + HOUR, [box("b")], now=NOW, provider="box")
    land(manifest, START, START + HOUR, [], now=NOW, provider="box")
    assert set(held(manifest_of(tmp_path))) == {"a", "b", "c"}
    assert manifest_of(tmp_path).damaged() == {}


def test_a_slice_that_is_rendered_anew_leaves_nothing_beside_it(tmp_path: Path) -> None:
    """Prevents raw files that grow with every poll, since an event has another etag in each answer."""
    manifest = manifest_of(tmp_path)
    for etag in "123":
        land(manifest, START, START + HOUR, [box("a", "b", etag=etag)], now=NOW, provider="box")
    assert held(manifest) == Counter("ab")
    assert len(list(manifest.directory.glob("*.zst"))) == 1


Answers = st.lists(st.lists(st.sampled_from("abcdef"), unique=True), min_size=1, max_size=6)


@settings(max_examples=30)
@given(answers=Answers)
def test_whatever_is_given_in_turn_nothing_given_is_lost(
    tmp_path_factory: pytest.TempPathFactory, answers: list[list[str]]
) -> None:
    """Prevents a provider whose answers come and go from losing an event."""
    folder = tmp_path_factory.mktemp("answers")
    for ids in answers:
        land(manifest_of(folder), START, START + HOUR, [box(*ids)], now=NOW, provider="box")
    manifest = manifest_of(folder)
    assert set(held(manifest)) == {id_ for ids in answers for id_ in ids}
    assert manifest.unlisted() == []


@settings(max_examples=25)
@given(lost=st.sets(st.sampled_from(["manifest.json", "manifest.copy.json"]), min_size=1), emptied=st.booleans())
def test_a_manifest_is_rebuilt_from_its_copy_or_the_files(
    tmp_path_factory: pytest.TempPathFactory, lost: set[str], emptied: bool
) -> None:
    """Prevents files without a manifest from being pulled over, or from being forgotten."""
    folder = tmp_path_factory.mktemp("lost")
    manifest = manifest_of(folder)
    land(manifest, START, START + HOUR, [box("a")], now=NOW, provider="box")
    land(manifest, START + HOUR, START + 2 * HOUR, [box("b")], now=NOW, provider="box")
    land_late(manifest, box("c").lines, now=NOW)
    land_import(manifest, START + 5 * HOUR, START + 7 * HOUR, [box("d").lines], now=NOW)
    digest = manifest.digest
    for name in lost:
        if emptied:
            (manifest.directory / name).write_bytes(b"")
        else:
            (manifest.directory / name).unlink()
    again = manifest_of(folder)
    assert again.digest == digest
    assert again.damaged() == {}
    assert again.imported_hours == {START + 5 * HOUR, START + 6 * HOUR}
    # A year later, when the provider keeps nothing of the day.
    later = NOW + timedelta(days=400)
    asked = due(again, NOW.date(), now=later, lateness=HOUR, retention=timedelta(days=365), again=None)
    assert not {start for start, _ in asked} & {START, START + HOUR}


def test_a_slice_pulled_by_a_clock_that_ran_ahead_is_pulled_again(tmp_path: Path) -> None:
    """Prevents days that are lost for good, since they were pulled while they were still to come."""
    manifest = manifest_of(tmp_path)
    land(manifest, START, START + HOUR, [], now=NOW + timedelta(days=3), provider="box")
    assert (START, START + HOUR) in due(
        manifest, START.date(), now=NOW, lateness=HOUR, retention=timedelta(days=365), again=HOUR
    )


class Poisoned:
    """A provider of which one unit fails some times."""

    def __init__(self, failures: int) -> None:
        self.asked, self._failures = 0, failures

    def again(self, gap: Gap) -> Iterator[Page | Gap]:
        self.asked += 1
        if self.asked <= self._failures:
            yield Gap(gap.start, gap.end, "still poisoned", final=False, unit=gap.unit)
        else:
            yield box("late")


def test_an_open_gap_is_asked_for_again_less_and_less_often(tmp_path: Path) -> None:
    """Prevents a poisoned unit from being given up, and from being asked for at every poll."""
    poison = Gap(START, START + timedelta(seconds=1), "poisoned", final=False, unit="Audit.General/7")
    land(manifest_of(tmp_path), START, START + HOUR, [box("a"), poison], now=NOW, provider="box")
    connector, now, week = Poisoned(3), NOW, timedelta(days=7)
    times = []
    for _ in range(200):
        now += timedelta(minutes=15)
        manifest = manifest_of(tmp_path)
        if gaps := open_gaps([manifest], now=now, retention=week):
            times.append(now)
            ask_again(connector, gaps, now=now)
    assert connector.asked == 4
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert waits == sorted(waits)
    manifest = manifest_of(tmp_path)
    assert manifest.gaps == []
    assert held(manifest) == Counter(["a", "late"])


def test_a_gap_says_how_often_it_was_asked_for(tmp_path: Path) -> None:
    """Prevents a gap of which nobody can tell whether anything is done about it."""
    poison = Gap(START, START + timedelta(seconds=1), "poisoned", final=False, unit="x")
    for n in range(3):
        land(manifest_of(tmp_path), START, START + HOUR, [poison], now=NOW + n * HOUR, provider="box")
    [gap] = manifest_of(tmp_path).gaps
    assert (gap["attempts"], gap["since"]) == (3, NOW.isoformat())


def test_a_provider_that_is_down_leaves_its_gaps_open(tmp_path: Path) -> None:
    """Prevents a gap from being closed by an error that is not about it."""

    class Down:
        def again(self, gap: Gap) -> Iterator[Page | Gap]:
            raise UnavailableError("box", "GET /", "down", "wait", throttled=True)
            yield

    poison = Gap(START, START + timedelta(seconds=1), "poisoned", final=False, unit="x")
    land(manifest_of(tmp_path), START, START + HOUR, [poison], now=NOW, provider="box")
    gaps = open_gaps([manifest_of(tmp_path)], now=NOW + HOUR, retention=timedelta(days=7))
    assert len(gaps) == 1
    _, failures = ask_again(Down(), gaps, now=NOW + HOUR)
    assert len(failures) == 1
    assert len(manifest_of(tmp_path).gaps) == 1


@pytest.mark.parametrize("cut", [0, 1, 2])
def test_what_can_be_read_of_a_damaged_file_is_kept_and_the_rest_is_pulled_again(tmp_path: Path, cut: int) -> None:
    """Prevents a repair from making good what the provider would still give: the slice would be final without it."""
    manifest = manifest_of(tmp_path)
    lines = [json.dumps({"event_id": f"{n}", "noise": f"{n * n:0200}"}).encode() + b"\n" for n in range(5000)]
    piece = land(manifest, START, START + HOUR, [Page(b"".join(lines))], now=NOW + timedelta(days=9), provider="box")
    path = manifest.directory / piece.file
    path.write_bytes(path.read_bytes()[: path.stat().st_size * cut // 3])
    said = salvage(manifest_of(tmp_path), piece)
    assert f"of {piece.events} events could be read" in said
    after = manifest_of(tmp_path)
    assert after.damaged() == {}
    assert set(held(after)) <= {f"{n}" for n in range(5000)}
    asked = due(
        after, START.date(), now=NOW + timedelta(days=9), lateness=HOUR, retention=timedelta(days=365), again=HOUR
    )
    assert (START, START + HOUR) in asked
    [aside] = after.directory.glob("*.damaged")
    assert aside.name == f"{path.name}.damaged"
