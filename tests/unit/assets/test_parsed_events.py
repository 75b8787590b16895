"""Parsed events that are kept: days come to the same rows as if every raw file were parsed for them."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets import normalised
from assets.normalised import read_again
from bench.audit_events import EVENTS
from connectors import Page
from detection.normalise import normalise, parse
from lake import parsed_events
from lake.landing import land, land_late
from lake.manifest import Manifest
from lake.parsed_events import PARSED, damaged_parsed, drop_parsed
from lake.raw_days import days_read_from, raw_files
from lake.store import Lake
from lake.verification import verify
from tests.support.memory import connect
from tests.unit.detection.test_normalise_odd import odd_lines

FIRST = date(2026, 1, 5)
MIDNIGHT = datetime(2026, 1, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
DOMAINS = ["example.com"]
TABLES = {"uploads": "logged_uploads", **{name: name for name in ("activity", "rejects", "ignored", "counts")}}
PROVIDERS = sorted(EVENTS)


def lines_of(provider: str, seed: int, hour: int, count: int) -> list[bytes]:
    """Events of an hour, some of them odd, unreadable or of another day."""
    draw = random.Random(seed)
    found = []
    for _ in range(count):
        moment = MIDNIGHT + hour * HOUR + timedelta(seconds=draw.randrange(3600))
        if draw.random() < 0.1:
            moment += timedelta(days=draw.choice((-1, 1)))
        found.append(orjson.dumps(EVENTS[provider](draw, moment)))
    odd = odd_lines(provider)
    found += [draw.choice(odd).encode("utf-8", "surrogatepass") for _ in range(draw.randrange(3))]
    return [line + b"\n" for line in found]


def land_hour(lake: Lake, provider: str, hour: int, lines: list[bytes]) -> date:
    start = MIDNIGHT + hour * HOUR
    manifest = Manifest(lake.directory(f"{provider}/audit_events", start.date()))
    land(manifest, start, start + HOUR, [Page(b"".join(lines))], now=start + 2 * HOUR, provider=provider)
    return start.date()


def read_days(lake: Lake, provider: str, landed: date) -> None:
    with connect() as con:
        for day in days_read_from(provider, landed):
            if lake.directory(f"{provider}/audit_events", day).is_dir():
                read_again(con, lake, provider, day, DOMAINS)


def stored(lake: Lake, provider: str, day: date) -> dict[str, Any]:
    with connect() as con:
        found = {}
        for relation, table in TABLES.items():
            lake.view(con, "kept", [f"{provider}/{table}"], [day])
            found[relation] = con.execute("SELECT * FROM kept").fetchall()
        return found


def parsed_at_once(lake: Lake, provider: str, day: date) -> dict[str, Any]:
    with connect() as con:
        files = raw_files(lake, provider, day)
        normalise(con, provider, day=day, raw_files=files, organisation_domains=DOMAINS)
        return {relation: con.execute(f"SELECT * FROM {relation}").fetchall() for relation in TABLES}


@pytest.mark.parametrize("provider", PROVIDERS)
@settings(max_examples=6)
@given(
    steps=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 99), st.booleans()), min_size=2, max_size=6),
)
def test_days_read_step_by_step_are_those_read_at_once(
    provider: str, steps: list[tuple[int, int, bool]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Prevents rows that depend on the order, the pieces, or the number of runs in which events came."""
    lake = Lake(root=str(tmp_path_factory.mktemp("lake")))
    days = set()
    held: dict[int, list[bytes]] = {}
    for hour, seed, late in steps:
        lines = lines_of(provider, seed, hour, 12)
        if late and hour in held:
            # What comes late, together with events that had come before.
            manifest = Manifest(lake.directory(f"{provider}/audit_events", (MIDNIGHT + hour * HOUR).date()))
            land_late(manifest, b"".join(lines[:3] + held[hour][:3]), now=MIDNIGHT + 72 * HOUR)
            landed = manifest.day
        else:
            held[hour] = [*held.get(hour, []), *lines]
            landed = land_hour(lake, provider, hour, held[hour])
        days.add(landed)
        read_days(lake, provider, landed)
    for day in days:
        assert stored(lake, provider, day) == parsed_at_once(lake, provider, day)


@pytest.fixture
def parsed_now(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of files that were parsed, at each time."""
    seen: list[int] = []

    def counting(con: Any, provider: str, *, raw_files: Any, **named: Any) -> None:
        seen.append(len(raw_files))
        parse(con, provider, raw_files=raw_files, **named)

    monkeypatch.setattr(parsed_events, "parse", counting)
    return seen


@pytest.mark.parametrize("provider", PROVIDERS)
def test_only_a_new_slice_is_parsed(provider: str, tmp_path: Path, parsed_now: list[int]) -> None:
    """Prevents a day, or its neighbours, from being parsed again for each slice that comes."""
    lake = Lake(root=str(tmp_path))
    for hour in (30, 31, 53, 54):
        read_days(lake, provider, land_hour(lake, provider, hour, lines_of(provider, hour, hour, 5)))
    parsed_now.clear()
    read_days(lake, provider, land_hour(lake, provider, 55, lines_of(provider, 55, 55, 5)))
    assert parsed_now == [1]
    read_days(lake, provider, FIRST + timedelta(days=2))
    assert parsed_now == [1]


def without_digests(place: Path) -> list[str]:
    """Names of the kept files without their own digests: rows are kept in no order."""
    return sorted(path.name.rsplit(".", 2)[0] for path in place.iterdir())


@pytest.mark.parametrize("provider", ["box", "office365"])
def test_changed_rules_damage_and_replaced_files_are_parsed_again(
    provider: str, tmp_path: Path, parsed_now: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prevents rows by old rules, rows of events that the raw files do not hold, and files that pile up."""
    lake = Lake(root=str(tmp_path))
    for seed in (1, 2):
        for hour in (8, 9):
            land_hour(lake, provider, hour, lines_of(provider, seed, hour, 5))
        read_days(lake, provider, FIRST)
    place = lake.directory(f"{provider}/audit_events", FIRST) / PARSED
    pieces = len(Manifest(place.parent).files)
    kept = sorted(place.glob("*"))
    assert len(kept) == pieces
    wanted = stored(lake, provider, FIRST)
    wanted_names = without_digests(place)
    kept[0].write_bytes(b"PAR1 not what was written")
    assert damaged_parsed(place.parent) == [kept[0]]
    [problem] = [each for each in verify(lake) if each.path == kept[0]]
    assert problem.repair
    parsed_now.clear()
    read_days(lake, provider, FIRST)
    assert parsed_now == [1]
    assert without_digests(place) == wanted_names
    assert stored(lake, provider, FIRST) == wanted
    monkeypatch.setattr(normalised, "rules", lambda *_: "other rules")
    read_days(lake, provider, FIRST)
    assert parsed_now == [1, pieces]
    assert not set(place.glob("*")) & set(kept)
    assert len(list(place.glob("*"))) == pieces
    drop_parsed(lake, provider, before=FIRST)
    assert place.is_dir()
    drop_parsed(lake, provider)
    assert not place.exists()
