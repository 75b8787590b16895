"""Files that are cut, emptied, changed, replaced by garbage or deleted: nothing is lost, and no alert changes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from assets.publishing import publish
from assets.resources import Clock
from assets.reviews import add_review
from orchestration.commands.formats import lake_of
from tests.integration.damaged_home import DAMAGES, DAYS, Broken, made_home, standing
from tests.integration.pipeline import moment

Damage = Callable[[Path], None]

MUCH_LATER = moment(800, 0)
"""When Box no longer keeps these days."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_home(tmp_path_factory.mktemp("made"))


@pytest.fixture
def home(made: Path, tmp_path: Path):
    with standing(made, tmp_path / "home") as broken:
        yield broken


def unread(home: Broken, provider: str, day: int) -> None:
    """Make a day be read again."""
    shutil.rmtree(home.partition(f"{provider}/logged_uploads", day))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_raw_file_is_pulled_again_while_the_provider_keeps_it(home: Broken, damage: Damage) -> None:
    """Prevents alerts that change or vanish, in silence, since a raw file was damaged."""
    before = home.alert_files()
    damage(home.raw("box", 3)[0])
    unread(home, "box", 3)
    ran = home.run()
    assert ran.success
    assert ran.failing().get("box/uploads:read") is None
    assert home.alert_files() == before


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_raw_file_that_nobody_keeps_stops_its_day_alone(home: Broken, damage: Damage) -> None:
    """Prevents a damaged file from being read as what happened, and from stopping the days and sources beside it."""
    before = home.alert_files()
    path = home.raw("box", 3)[0]
    damage(path)
    unread(home, "box", 3)
    unread(home, "dropbox", 3)
    ran = home.run(now=MUCH_LATER)
    assert ran.success
    said = ran.failing()["box/uploads:read"]
    assert str(path) in said
    assert "backup" in said
    assert "dropbox/uploads:read" not in ran.failing()
    assert home.alert_files() == before
    assert set(home.states().values()) == {"open"}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("both", [False, True])
def test_a_lost_manifest_is_read_from_its_copy_or_the_files(home: Broken, damage: Damage, both: bool) -> None:
    """Prevents raw events from being overwritten by the nothing that the provider gives of them later."""
    before = home.alert_files()
    files = {path.name: path.read_bytes() for path in home.raw("box", 3)}
    for name in ("manifest.json", *(["manifest.copy.json"] if both else [])):
        damage(home.raw("box", 3)[0].parent / name)
    unread(home, "box", 3)
    ran = home.run(now=MUCH_LATER)
    assert ran.success
    assert {path.name: path.read_bytes() for path in home.raw("box", 3)} == files
    assert home.alert_files() == before


TABLES = (
    "box/logged_uploads",
    "box/uploads",
    "user_hours",
    "baselines",
    "scores",
    "thresholds",
    "detections",
    "alerts",
)


@pytest.mark.parametrize("table", TABLES)
def test_a_lost_partition_is_made_again(home: Broken, table: str) -> None:
    """Prevents a missing file from counting as a day without uploads."""
    before, states = home.alert_files(), home.states()
    shutil.rmtree(home.partition(table, 3))
    assert home.states() == states
    assert [alert["user"] for alert in home.alerts if table != "alerts"] or table == "alerts"
    assert home.states() == states
    assert home.run(DAYS - 1, DAYS - 1).success
    assert home.alert_files() == before
    assert home.states() == states


@pytest.mark.parametrize("table", TABLES)
def test_a_lost_table_is_made_again(home: Broken, table: str) -> None:
    """Prevents a table that is gone whole from counting as one that never was."""
    before, states = home.alert_files(), home.states()
    shutil.rmtree(home.lake / table)
    assert home.run(DAYS - 1, DAYS - 1).success
    assert home.alert_files() == before
    assert home.states() == states


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("table", ["box/uploads", "user_hours", "detections", "alerts"])
def test_a_damaged_partition_is_made_again(home: Broken, table: str, damage: Damage) -> None:
    """Prevents a damaged table from failing every run, or from being believed."""
    before, states = home.alert_files(), home.states()
    damage(home.partition(table, 3) / "part.parquet")
    if not (ran := home.run(DAYS - 1, DAYS - 1)).success:
        # What only reading it shows is known when it is read, and is made again by the next run.
        assert str(home.partition(table, 3)) in ran.log
        assert home.run(DAYS - 1, DAYS - 1).success
    assert home.alert_files() == before
    assert home.states() == states


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["published", "revisions", "reviews"])
@pytest.mark.parametrize("part", [".parquet", ".copy.parquet", ".json"])
def test_ledger_and_reviews_survive_a_damaged_file(home: Broken, damage: Damage, name: str, part: str) -> None:
    """Prevents what people said, and the alerts' ids, from being lost with one file, and all sources with them."""
    lake = lake_of(home.home.path)
    ids = {alert["user"]: alert["alert_id"] for alert in home.alerts}
    with duckdb.connect() as con:
        publish(con, lake, Clock().now())
        add_review(con, lake, ids["one@example.com"], verdict="benign", by="x", note="y", now=moment(6, 0))
    damage(home.lake / f"{name}{part}")
    assert home.run(DAYS - 1, DAYS - 1).success
    [one] = home.of("one@example.com")
    assert (one["alert_id"], one["review"]["verdict"]) == (ids["one@example.com"], "benign")
    assert set(home.states().values()) == {"open"}


def test_a_ledger_lost_twice_says_where_and_what_to_do(home: Broken) -> None:
    """Prevents a parser's error without path and remedy."""
    assert home.alerts
    for part in (".parquet", ".copy.parquet"):
        (home.lake / f"published{part}").write_bytes(b"")
    with pytest.raises(RuntimeError, match=r"published\.parquet: it is empty.*backup"):
        home.states() and home.alerts


def test_a_source_that_is_not_configured_withdraws_nothing(home: Broken) -> None:
    """Prevents a lost file of variables from withdrawing open alerts."""
    before, states = home.alert_files(), home.states()
    ran = home.run(providers=["dropbox"])
    assert ran.success
    assert home.alert_files() == before
    assert home.states() == states
    assert "box is not configured since" in ran.log
    assert any("box is not configured since" in text for text in ran.failing().values())
    assert home.run().success
    assert home.alert_files() == before
