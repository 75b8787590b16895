"""Contents of the lake after an import, beside earlier pulls and imports."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors import Gap, Page
from detection.normalise import normalise
from detection.parameters import Parameters
from history.importing import _LIMITS
from lake.coverage import evaluations, first_days
from lake.landing import due, land
from lake.manifest import Manifest
from lake.raw_days import raw_files
from lake.store import Lake
from tests.support.made_export import ANSWERS, DAYS, HOUR, NOW, RECORDS, bring, lake_at, lines, purview, record
from tests.support.memory import connect

pytestmark = pytest.mark.sampled


def test_importing_again_changes_nothing(tmp_path: Path):
    """Prevents doubled events and days that are computed anew each time a command is repeated."""
    lake = lake_at(tmp_path)
    first = bring(lake, purview(RECORDS[:8]), lines(RECORDS[4:]))
    assert (sum(first.landed.values()), first.duplicate) == (12, 4)
    before = {path: path.read_bytes() for path in sorted(Path(lake.root).rglob("*")) if path.is_file()}
    again = bring(lake, purview(RECORDS), json.dumps(RECORDS))
    assert (again.landed, again.duplicate) == ({}, 24)
    assert {path: path.read_bytes() for path in sorted(Path(lake.root).rglob("*")) if path.is_file()} == before


def pull(lake: Lake, day: date, rows: Sequence[dict[str, Any]], *, now: datetime = NOW, hours: int = 24) -> None:
    """Land rows as the API would give them on a day of publication."""
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    manifest = Manifest(lake.directory("office365/audit_events", day))
    land(manifest, start, start + hours * HOUR, [Page(lines(rows))], now=now)


def test_what_the_api_gave_is_left_out_whenever_it_was_published(tmp_path: Path):
    """Prevents a record that Office 365 published a day or two later from landing again on the day of the event."""
    lake = lake_at(tmp_path)
    pull(lake, DAYS[2], RECORDS[:6])
    report = bring(lake, purview(RECORDS))
    assert (sum(report.landed.values()), report.duplicate) == (6, 6)


def uploads(lake: Lake, provider: str = "office365") -> list[tuple[Any, ...]]:
    """Return the uploads day by day, as the product reads them; check that none is in quarantine."""
    found = []
    with connect() as con:
        for day in DAYS:
            normalise(
                con, provider, day=day, raw_files=raw_files(lake, provider, day), organisation_domains=["example.com"]
            )
            found += con.execute("SELECT * FROM uploads").fetchall()
            assert con.execute("SELECT count(*) FROM rejects").fetchall() == [(0,)]
    return found


def test_a_later_pull_of_imported_days_doubles_nothing_and_loses_nothing(tmp_path: Path):
    """Prevents alerts of twice the size where the API and an import overlap, in either order."""
    imported, pulled, both = lake_at(tmp_path / "a"), lake_at(tmp_path / "b"), lake_at(tmp_path / "c")
    bring(imported, purview(RECORDS))
    for lake in (pulled, both):
        if lake is both:
            bring(lake, purview(RECORDS[:7]))
        for n, day in enumerate(DAYS):
            pull(lake, day, RECORDS[n::3])
    bring(both, purview(RECORDS))
    assert len(uploads(imported)) == 12
    assert uploads(imported) == uploads(pulled) == uploads(both)


def test_events_alike_without_an_id_count_as_in_one_file(tmp_path: Path):
    """Prevents Dropbox events of one second from being taken for one, and one export read twice for two."""
    _, event = ANSWERS["dropbox"]
    lake = lake_at(tmp_path)
    assert bring(lake, lines([event]), provider="dropbox").landed == {DAYS[0]: 1}
    report = bring(lake, lines([event, event]), lines([event]), provider="dropbox")
    assert (sum(report.landed.values()), report.duplicate) == (1, 2)
    with connect() as con:
        files = raw_files(lake, "dropbox", DAYS[0])
        normalise(con, "dropbox", day=DAYS[0], raw_files=files, organisation_domains=[])
        assert con.execute("SELECT count(*) FROM uploads").fetchall() == [(2,)]
    assert bring(lake, lines([event, event]), provider="dropbox").landed == {}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> object:
    """The uploads of one import of all records."""
    lake = lake_at(tmp_path_factory.mktemp("whole"))
    bring(lake, purview(RECORDS))
    return uploads(lake)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pieces=st.lists(st.lists(st.integers(0, 11), max_size=12), max_size=3),
    order=st.randoms(use_true_random=False),
    shape=st.lists(st.sampled_from(["csv", "lines", "array"]), min_size=4, max_size=4),
    at_once=st.booleans(),
)
def test_pieces_in_any_order_and_with_repeats_land_the_same_uploads(
    tmp_path_factory: pytest.TempPathFactory,
    whole: object,
    pieces: list[list[int]],
    order: Any,
    shape: list[str],
    at_once: bool,
):
    """Prevents a result that depends on how an export was cut (Purview gives 50,000 rows at most) or on repeats."""
    write: dict[str, Callable[[list[dict[str, Any]]], bytes | str]] = {
        "csv": purview,
        "lines": lines,
        "array": json.dumps,
    }
    missing = [n for n in range(12) if not any(n in piece for piece in pieces)]
    cut = [*pieces, missing]
    order.shuffle(cut)
    texts = [write[how]([RECORDS[n] for n in piece]) for how, piece in zip(shape, cut, strict=False) if piece]
    lake = lake_at(tmp_path_factory.mktemp("pieces"))
    for group in [texts] if at_once else [[text] for text in texts]:
        bring(lake, *group)
    assert uploads(lake) == whole


def asked(lake: Lake, day: date, *, now: datetime = NOW) -> list[tuple[datetime, datetime]]:
    """Return the time ranges that a run would request from Office 365."""
    manifest = Manifest(lake.directory("office365/audit_events", day))
    return due(manifest, day, now=now, lateness=24 * HOUR, retention=timedelta(days=7), again=None)


def test_imported_days_are_seen_from_the_first_on_and_not_asked_for_once_they_are_gone(tmp_path: Path):
    """Prevents a gap in the place of what was imported, and activation that begins with the first pull."""
    lake = lake_at(tmp_path)
    # A backfill found nothing any more, and said so.
    start = datetime(2026, 1, 6, tzinfo=UTC)
    manifest = Manifest(lake.directory("office365/audit_events", DAYS[1]))
    land(manifest, start, start + 24 * HOUR, [Gap(start, start + 24 * HOUR, "kept for 7 days")], now=NOW)
    assert manifest.gaps
    bring(lake, purview(RECORDS))
    assert first_days(lake, ["office365"]) == {"office365": DAYS[0]}
    assert Manifest(manifest.directory).gaps == []
    assert asked(lake, DAYS[1]) == []
    # The export began at eight on the first day and ended on the last: before and after that nobody knows.
    assert [first.hour for first, _ in asked(lake, DAYS[0])] == list(range(8))
    assert asked(lake, DAYS[0])[-1][1] == datetime(2026, 1, 5, 8, tzinfo=UTC)
    states = evaluations(lake, ["office365"], {"office365": DAYS[0]}, DAYS[1], Parameters(activation_days=1))
    assert {(state, reason) for _, _, state, reason in states} == {("evaluated", None)}


def test_what_the_api_still_keeps_is_pulled_over_an_import(tmp_path: Path):
    """Prevents an export's last hours, which lack what was published later, from standing in for the API's."""
    lake = lake_at(tmp_path)
    now = datetime(2026, 1, 8, 9, tzinfo=UTC)
    bring(lake, purview(RECORDS), now=now)
    assert asked(lake, DAYS[1], now=now) == [(datetime(2026, 1, 6, tzinfo=UTC), datetime(2026, 1, 7, tzinfo=UTC))]


def test_two_that_note_in_one_manifest_keep_what_the_other_noted(tmp_path: Path):
    """Prevents an import beside a tick from making the slices of the tick unknown, or the other way round."""
    lake = lake_at(tmp_path)
    tick = Manifest(lake.directory("office365/audit_events", DAYS[0]))
    bring(lake, purview(RECORDS))
    start = datetime(2026, 1, 5, tzinfo=UTC)
    land(tick, start, start + HOUR, [Page(lines([record(50)]))], now=NOW)
    assert Manifest(tick.directory).events == tick.events == 5


def test_an_export_is_never_held_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Prevents an import of a few hundred thousand records from running out of memory in a join that holds them all."""
    monkeypatch.setitem(_LIMITS, "memory_limit", "350MB")
    monkeypatch.setitem(_LIMITS, "partitioned_write_flush_threshold", 256)
    monkeypatch.setitem(_LIMITS, "max_temp_directory_size", "1MB")
    report = bring(lake_at(tmp_path), lines([record(n, Padding="x" * 3_000) for n in range(60_000)]))
    assert sum(report.landed.values()) == 60_000
