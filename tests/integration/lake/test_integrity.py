"""Files that are cut, emptied, changed, replaced by garbage or deleted: nothing is lost, and no alert changes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from cli.app import app
from cli.options import lake_of
from common.clock import Clock
from lake.ledger import publish
from lake.manifest import Manifest
from lake.reviews import ReadAlert, add_reviews
from tests.support.damaged_home import DAMAGES, DAYS, END, Broken, made_home, standing
from tests.support.pipeline import moment

pytestmark = pytest.mark.sampled

Damage = Callable[[Path], None]

MUCH_LATER = moment(800, 0)
"""Time at which Box no longer keeps these days."""
DERIVED = (
    *("box/logged_uploads", "box/uploads", "user_hours", "baselines", "scores", "thresholds", "detections"),
    "alerts",
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_home(tmp_path_factory.mktemp("made"))


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Iterator[Broken]:
    with standing(made, tmp_path / "home") as broken:
        yield broken


def unread(home: Broken, provider: str, day: int) -> None:
    """Make a day be read again."""
    shutil.rmtree(home.partition(f"{provider}/logged_uploads", day))


def reviewed(home: Broken) -> dict[str, str]:
    """Review one alert; return the ids of all by user."""
    lake = lake_of(home.home.path)
    ids = {alert["user"]: alert["alert_id"] for alert in home.alerts}
    with duckdb.connect() as con:
        publish(con, lake, Clock().now())
        add_reviews(
            con, lake, [ReadAlert(ids["one@example.com"])], verdict="benign", by="x", note="y", now=moment(6, 0)
        )
    return ids


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_everywhere_is_healed(home: Broken, damage: Damage) -> None:
    """Prevents alerts that change or vanish, in silence or for good, since one file of each kind was damaged."""
    before, ids, states = home.alert_files(), reviewed(home), home.states()
    raw = home.lake / "dropbox" / "audit_events"
    for path in (
        home.raw("box", 3)[0],
        raw / home.partition("x", 3).name / "manifest.json",
        raw / home.partition("x", 4).name / "manifest.copy.json",
        home.lake / "published.parquet",
        home.lake / "revisions.copy.parquet",
        home.lake / "reviews.json",
        home.lake / "box" / "health.json",
        home.lake / "box" / "audit_events" / "stream_position",
        *(home.partition(table, day) / "part.parquet" for day, table in enumerate(DERIVED[1:6])),
        home.partition("detections", 3) / "part.parquet",
        home.partition("alerts", 4) / "part.json",
    ):
        # Box's stream is read only on days that are not over.
        if path.exists():
            damage(path)
    unread(home, "box", 3)
    for _ in range(8):
        # What only reading a table shows fails the run that reads it, with its path; the next makes it again.
        if (ran := home.run()).success:
            break
        assert "The next run makes it again" in ran.log
    assert ran.success
    assert [name for name in ran.failing() if name.endswith((":read", ":pulled"))] == []
    assert home.alert_files() == before
    assert home.states() == states
    [one] = home.of("one@example.com")
    assert (one["alert_id"], one["review"]["verdict"]) == (ids["one@example.com"], "benign")
    found = CliRunner().invoke(app, ["verify", "--home", str(home.home.path), "--repair", "--format", "json"])
    assert found.exit_code == 0, found.output
    again = CliRunner().invoke(app, ["verify", "--home", str(home.home.path), "--format", "json"])
    assert json.loads(again.output) == []


@pytest.mark.parametrize("damage", [DAMAGES[0], DAMAGES[-1]])
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
    shown = CliRunner().invoke(app, ["verify", "--home", str(home.home.path)])
    assert shown.exit_code == 1
    assert path.name in shown.output.replace("\n", "")


@pytest.mark.parametrize("damage", [DAMAGES[0], DAMAGES[1]])
def test_what_a_repair_could_not_read_is_pulled_again_while_it_is_kept(home: Broken, damage: Damage) -> None:
    """Prevents a repair from making final what is left of a slice, though the provider still has all of it."""
    before = home.alert_files()
    path = home.raw("box", 3)[0]
    events = Manifest(path.parent).events
    damage(path)
    CliRunner().invoke(app, ["verify", "--home", str(home.home.path), "--repair"])
    assert Manifest(path.parent).events < events
    assert Manifest(path.parent).gaps
    assert home.run().success
    assert Manifest(path.parent).events == events
    assert Manifest(path.parent).gaps == []
    assert home.alert_files() == before


def test_raw_events_without_a_manifest_are_not_pulled_over(home: Broken) -> None:
    """Prevents raw evidence from being overwritten by the nothing that the provider gives of it later."""
    before = home.alert_files()
    files = {path.name: path.read_bytes() for path in home.raw("box", 3)}
    (home.raw("box", 3)[0].parent / "manifest.json").write_bytes(b"")
    (home.raw("box", 3)[0].parent / "manifest.copy.json").unlink()
    unread(home, "box", 3)
    assert home.run(now=MUCH_LATER).success
    assert {path.name: path.read_bytes() for path in home.raw("box", 3)} == files
    assert home.alert_files() == before


def test_lost_tables_are_made_again(home: Broken) -> None:
    """Prevents tables that are gone whole from counting as days without uploads."""
    before, states = home.alert_files(), home.states()
    for table in DERIVED:
        shutil.rmtree(home.lake / table)
    # Whoever looks before they are made again withdraws nothing.
    assert home.alerts == []
    assert home.states() == states
    assert home.run(DAYS - 1, DAYS - 1).success
    assert home.alert_files() == before
    assert home.states() == states


@pytest.mark.parametrize("table", ["box/uploads", "user_hours", "detections", "alerts"])
def test_a_lost_partition_is_made_again(home: Broken, table: str) -> None:
    """Prevents a missing file from counting as a day without uploads."""
    before, states = home.alert_files(), home.states()
    shutil.rmtree(home.partition(table, 3))
    assert home.run(DAYS - 1, DAYS - 1).success
    assert home.alert_files() == before
    assert home.states() == states


def test_a_ledger_lost_twice_says_where_and_what_to_do(home: Broken) -> None:
    """Prevents a parser's error without path and remedy."""
    assert home.alerts
    for part in (".parquet", ".copy.parquet"):
        (home.lake / f"published{part}").write_bytes(b"")
    with pytest.raises(RuntimeError, match=r"published\.parquet: it is empty.*backup"):
        publish(duckdb.connect(), lake_of(home.home.path), Clock().now())


def test_a_source_that_is_not_configured_withdraws_nothing(home: Broken) -> None:
    """Prevents a lost file of variables from withdrawing open alerts."""
    before, states = home.alert_files(), home.states()
    ran = home.run(providers=["dropbox"])
    assert ran.success
    assert home.alert_files() == before
    assert home.states() == states
    assert "box is not configured since" in ran.log
    assert "box is not configured since" in ran.failing()["alerts:configured"]
    assert "Box is not configured since" in CliRunner().invoke(app, ["status", "--home", str(home.home.path)]).output
    removal = ["remove-source", "box", "--by", "ann", "--note", "gone", "--home", str(home.home.path)]
    refused = CliRunner().invoke(app, removal)
    assert "box is configured" in str(refused.exception)
    assert home.run().success
    assert home.alert_files() == before


@pytest.mark.parametrize("alerts", ["keep", "withdraw"])
def test_a_source_is_removed_on_command(home: Broken, alerts: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents what becomes of a source's alerts from being decided by a variable that is not set."""
    states = home.states()
    assert home.run(providers=["dropbox"]).success
    for name in list(home.values):
        if name.startswith("BOX_"):
            monkeypatch.delenv(name)
    removal = ["remove-source", "box", "--by", "ann", "--note", "gone", "--home", str(home.home.path)]
    done = CliRunner().invoke(app, [*removal, "--alerts", alerts])
    assert done.exit_code == 0, done.output
    ran = home.run(providers=["dropbox"])
    assert ran.success
    assert "alerts:configured" not in ran.failing()
    assert home.alerts is not None
    after = home.states()
    assert after["two@example.com"] == "open"
    if alerts == "keep":
        assert after == states
    else:
        assert after["one@example.com"] == "withdrawn"


@pytest.mark.parametrize("off", [timedelta(days=3), timedelta(days=-2), timedelta(days=400)])
def test_a_clock_that_is_wrong_for_a_while_loses_nothing(home: Broken, off: timedelta) -> None:
    """Prevents days that are lost in silence, since they were pulled or taken for final by a wrong clock."""
    before, states = home.alert_files(), home.states()
    for provider in ("box", "dropbox"):
        shutil.rmtree(home.raw(provider, 4)[0].parent)
        shutil.rmtree(home.partition(f"{provider}/logged_uploads", 4))
    ran = home.run(local=END + off)
    assert ran.success
    assert f"{abs(off.days)} days" in ran.failing()["box/audit_events:clock"]
    assert home.run(now=END + timedelta(hours=1)).success
    assert home.alert_files() == before
    assert home.states() == states


def test_a_source_whose_data_are_gone_withdraws_nothing(home: Broken) -> None:
    """Prevents a directory that somebody deleted from withdrawing the source's alerts without a word."""
    before, states = home.alert_files(), home.states()
    shutil.rmtree(home.lake / "box")
    found = CliRunner().invoke(app, ["verify", "--home", str(home.home.path), "--format", "json"])
    assert found.exit_code == 1
    assert {problem["state"] for problem in json.loads(found.output)} == {"missing"}
    # Nobody keeps these days any more.
    ran = home.run(DAYS - 1, DAYS - 1, now=MUCH_LATER)
    assert ran.success
    assert "raw events are missing" in ran.failing()["box/uploads:read"]
    assert home.states() == states
    # The provider does keep them.
    assert home.run(DAYS - 1, DAYS - 1).success
    assert home.alert_files() == before
    assert home.states() == states


def test_files_that_were_zeroed_with_their_copies_are_not_believed(home: Broken) -> None:
    """Prevents a power cut that leaves zeros under good names from passing for what was written."""
    ids = reviewed(home)
    assert ids
    for name in ("reviews.parquet", "reviews.copy.parquet"):
        path = home.lake / name
        path.write_bytes(bytes(path.stat().st_size))
    for _ in range(2):
        shown = CliRunner().invoke(app, ["verify", "--home", str(home.home.path), "--repair"])
        assert shown.exit_code == 1
        assert "reviews.parquet" in shown.output.replace("\n", "")
    assert not home.run().success
    assert set(home.states().values()) == {"open"}
