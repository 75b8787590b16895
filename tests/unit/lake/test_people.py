"""Persons and their accounts, as kept for code that only reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from bench.chaos.damages import DAMAGES
from detection.persons import named
from detection.tables import TABLES
from lake.people import find_people, load_people, people_file, read_people
from lake.store import Lake
from tests.support.memory import connect


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake that knows one person."""
    made = Lake(root=str(tmp_path / "lake"))
    part = Path(made.root, "box", "identities", "day=2026-01-05", "part.parquet")
    part.parent.mkdir(parents=True)
    with connect() as con:
        columns = ", ".join(f'CAST(NULL AS {column.type}) AS "{column.name}"' for column in TABLES["identities"])
        con.execute(f"CREATE TABLE identities AS SELECT {columns}")
        con.execute(
            "UPDATE identities SET account = 'box:77', address = 'ann@example.com', actor_class = 'person', "
            "first_seen = TIMESTAMP '2026-01-05 09:00', last_seen = TIMESTAMP '2026-01-05 09:00'"
        )
        pq.write_table(pa.Table.from_batches(con.table("identities").to_arrow_table().to_batches()), part)
    return made


def loaded(lake: Lake) -> list[str]:
    """Return whom a name means, by the tables that a command loads."""
    with connect() as con:
        load_people(con, lake)
        return named(con, "ann@example.com", first_only=True)


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_makes_nobody_somebody_else(lake: Lake, damage: Callable[[Path], None]) -> None:
    """Prevents one flipped bit from giving one person's alerts to another."""
    known = find_people(lake, organisation_domains=[])
    assert known.named("ann@example.com", first_only=True) == ["box:77"]
    damage(people_file(lake))
    assert read_people(lake).named("ann@example.com", first_only=True) in (["ann@example.com"], ["box:77"])
    assert loaded(lake) in (["ann@example.com"], ["box:77"])
    again = find_people(lake, organisation_domains=[])
    assert again.named("ann@example.com", first_only=True) == ["box:77"]
    assert loaded(lake) == ["box:77"]


def test_persons_are_read_without_arrow_where_their_digest_is_recorded(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prevents a command that only reads from loading Arrow, and a lake of an older version from having no persons."""
    find_people(lake, organisation_domains=[])
    recorded = people_file(lake).with_suffix(".json")
    recorded.unlink()
    assert loaded(lake) == ["box:77"]
    find_people(lake, organisation_domains=[])
    assert recorded.exists()
    monkeypatch.setattr("lake.people.read_people", None)
    assert loaded(lake) == ["box:77"]
