"""Retention: what goes, what stays, and what may not be asked for."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from cli.app import app
from connectors import ConfigurationError
from detection.tables import TABLES as COLUMNS
from detection.tables import empty
from lake.people import find_people
from lake.retention import LEAST_DAYS, TABLES, find_old, kept_days, remove_old
from lake.store import Lake
from orchestration.definitions import build_defs
from orchestration.settings import Settings
from tests.support.memory import connect

TODAY = date(2026, 6, 30)
DAY = timedelta(days=1)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A lake with uploads, alerts and raw events of 100 days, exports of them, and a ledger with an alert a day."""
    lake = Lake(root=str(tmp_path / "lake"))
    days = [TODAY - n * DAY for n in range(100)]
    with connect() as con:
        for table in ("box/uploads", "alerts"):
            con.execute(f"CREATE OR REPLACE TABLE rows AS {empty(table.rpartition('/')[2])}")
            for day in days:
                lake.write(con, "rows", table, day, "")
        for name in ("published", "revisions", "reviews"):
            con.execute(f"CREATE OR REPLACE TABLE rows AS {empty(name)}")
            con.executemany(
                'INSERT INTO rows (alert_id, "user", first_window_start) VALUES (?, ?, ?)',
                [[str(day), "ann@example.com", datetime(day.year, day.month, day.day, 23)] for day in days],
            )
            con.table("rows").write_parquet(f"{lake.root}/{name}.parquet")
    for day in days:
        raw = lake.directory("box/audit_events", day)
        raw.mkdir(parents=True)
        (raw / "manifest.json").write_text("{}")
        for path in (f"csv/uploads/day={day}.csv", f"ocsf-parquet/ext/x/region=eu/eventDay={day:%Y%m%d}/part.parquet"):
            exported = tmp_path / "exports" / path
            exported.parent.mkdir(parents=True, exist_ok=True)
            exported.write_text("x")
    return lake


def ledger(lake: Lake, name: str) -> list[str]:
    """Return the ids of the alerts in one of the ledger's files."""
    with connect() as con:
        return [
            row[0] for row in con.execute(f"SELECT alert_id FROM '{lake.root}/{name}.parquet' ORDER BY 1").fetchall()
        ]


def test_a_table_keeps_its_days_and_others_keep_theirs(lake):
    """Prevents a table that loses a day too many, or one that nobody set a number for."""
    removed = list(remove_old(lake, {"uploads": 60}, TODAY))
    assert lake.days("box/uploads") == [TODAY - n * DAY for n in range(59, -1, -1)]
    assert [(old.table, old.rows) for old in removed] == [("box/uploads", None)] * 40
    assert len(lake.days("alerts")) == len(lake.landed_days("box/audit_events")) == 100
    assert list(remove_old(lake, {"uploads": 60}, TODAY)) == []


def test_old_alerts_leave_the_ledger_too(lake):
    """Prevents alerts without a partition, which the next publication would tell everybody are withdrawn."""
    list(remove_old(lake, {"alerts": 70}, TODAY))
    kept = [str(TODAY - n * DAY) for n in range(69, -1, -1)]
    assert [str(day) for day in lake.days("alerts")] == kept
    for name in ("published", "revisions", "reviews"):
        assert ledger(lake, name) == kept


def test_raw_events_go_with_their_manifest_and_exports_by_their_day(lake):
    """Prevents a manifest of files that are gone, and exports that outlive what they were made from."""
    list(remove_old(lake, {"audit_events": 90, "exports": 1}, TODAY))
    assert len(lake.landed_days("box/audit_events")) == 90
    left = sorted(str(path) for path in (Path(lake.root).parent / "exports").rglob("*") if path.is_file())
    assert len(left) == 2
    assert all("2026-06-30" in path or "20260630" in path for path in left)


def test_pages_go_with_the_partition_that_names_them(lake):
    """Prevents pages of alerts that outlive every table, and a partition that forgets which they were."""
    page = Path(lake.root).parent / "pages" / f"{7:064x}.html"
    page.parent.mkdir()
    page.write_text("x")
    with connect() as con:
        con.execute(f"CREATE TABLE rows AS {empty('dossiers')}")
        con.execute("INSERT INTO rows (alert_id) VALUES (?)", [page.stem])
        lake.write(con, "rows", "dossiers", TODAY - 80 * DAY, "")
    assert not list(remove_old(lake, {"dossiers": 90}, TODAY))
    assert next(iter(list(remove_old(lake, {"dossiers": 70}, TODAY)))).path == page
    assert not page.exists()
    assert lake.landed_days("dossiers") == []


def test_a_dry_run_removes_nothing_and_tells_the_same(lake):
    """Prevents a look that deletes, and a look that differs from what then happens."""
    keep = dict.fromkeys(("uploads", "alerts", "audit_events", "exports"), LEAST_DAYS)
    looked = list(find_old(lake, keep, TODAY))
    assert list(find_old(lake, keep, TODAY)) == looked
    assert list(remove_old(lake, keep, TODAY)) == looked
    assert len(looked) == 3 * (100 - LEAST_DAYS) + 3 + 2 * (100 - LEAST_DAYS)


@pytest.mark.parametrize(
    "text", ["uploads=59", "audit_events=44", "alerts", "alerts=", "alerts=-1", "alerts=x", "users=90", "exports=0"]
)
def test_what_baselines_need_cannot_be_removed(text):
    """Prevents a setting that silences detection weeks later, and a misspelt one that deletes nothing for ever."""
    with pytest.raises(ConfigurationError, match="UPLOADWATCH_RETENTION cannot be used: "):
        Settings.read({"UPLOADWATCH_RETENTION": text})


def test_the_least_number_of_days_is_what_runs_read():
    """Prevents a later change of reach or training that makes the least number of days too small."""
    assert LEAST_DAYS == 60 + 14 + 2
    assert kept_days(f"uploads={LEAST_DAYS}, exports=1") == {"uploads": LEAST_DAYS, "exports": 1}
    assert kept_days("") == {}


def test_every_table_with_days_can_be_given_a_number():
    """Prevents a table that is added later and kept for ever whatever is set."""
    # Who is who follows from all that was ever seen; `forget` removes a person from it.
    without = {"reviews", "revisions", "published", "identities"}
    assert set(COLUMNS) - without <= set(TABLES)


def test_the_command_and_the_job_do_the_same(lake, tmp_path):
    """Prevents a job that is not there, or that keeps other days than the command shows."""
    home = tmp_path
    variables = {
        "UPLOADWATCH_HOME": str(home),
        "UPLOADWATCH_RETENTION": "uploads=80",
        "UPLOADWATCH_NOW": "2026-06-30T12:00Z",
    }
    shown = CliRunner().invoke(app, ["retention", "--dry-run", "--home", str(home)], env=variables)
    assert "box/uploads" in shown.stdout
    assert "2026-04-11" in shown.stdout
    assert len(lake.days("box/uploads")) == 100
    job = build_defs(variables).resolve_job_def("retention")
    with dg.DagsterInstance.ephemeral() as instance:
        assert job.execute_in_process(instance=instance).success
    assert len(lake.days("box/uploads")) == 80
    assert (
        "Nothing is past its retention"
        in CliRunner().invoke(app, ["retention", "--home", str(home)], env=variables).stdout
    )
    unset = {**variables, "UPLOADWATCH_RETENTION": ""}
    assert "everything is kept" in CliRunner().invoke(app, ["retention", "--home", str(home)], env=unset).stdout
    assert not build_defs(unset).jobs


@pytest.fixture
def known(tmp_path: Path) -> Lake:
    """A lake in which Ann was renamed and works on, Ben left, Dora got the address of Carl, and Eve has an alert."""
    lake = Lake(root=str(tmp_path / "lake"))
    old, new = TODAY - 90 * DAY, TODAY - 5 * DAY
    seen = [
        (old, "box:1", "ann@example.com"),
        (old, "box:2", "ben@example.com"),
        (old, "box:3", "shared@example.com"),
        (old, "box:5", "eve@example.com"),
        (old - DAY, "box:2", "ben@example.com"),
        (new, "box:1", "ann.smith@example.com"),
        (new, "box:4", "shared@example.com"),
    ]
    with connect() as con:
        for day in sorted({day for day, *_ in seen}):
            con.execute(f"CREATE OR REPLACE TABLE rows AS {empty('identities')}")
            for at, account, address in seen:
                if at == day:
                    con.execute(
                        "INSERT INTO rows (provider, account, address, actor_class, first_seen, last_seen) "
                        "VALUES ('box', ?, ?, 'person', ?, ?)",
                        [account, address, *[datetime(day.year, day.month, day.day, 9)] * 2],
                    )
            lake.write(con, "rows", "box/identities", day, "input")
        con.execute(f"CREATE OR REPLACE TABLE rows AS {empty('published')}")
        con.execute("INSERT INTO rows (alert_id, \"user\", person) VALUES ('a', 'eve@example.com', 'box:5')")
        con.table("rows").write_parquet(f"{lake.root}/published.parquet")
    find_people(lake, organisation_domains=[])
    return lake


def test_identities_go_with_the_last_that_is_kept_of_a_person(known):
    """Prevents leavers' names from being kept for good, and a rename or an alert from losing whose it is."""
    keep, old = {"identities": 60}, TODAY - 90 * DAY
    looked = list(find_old(known, keep, TODAY))
    assert [(found.table, found.day, found.rows) for found in looked] == [
        ("box/identities", old - DAY, 1),
        ("box/identities", old, 1),
    ]
    note = known.note("box/identities", old)
    assert list(remove_old(known, keep, TODAY)) == looked
    assert list(find_old(known, keep, TODAY)) == []
    assert known.landed_days("box/identities") == [old, TODAY - 5 * DAY]
    assert known.lost_days("box/identities") == []
    # The rows of whoever stays are not read again from events that may be gone.
    assert note and known.note("box/identities", old).made_from == note.made_from
    people = find_people(known, organisation_domains=[])
    assert people.named("ann@example.com", first_only=True) == ["box:1"]
    assert people.named("shared@example.com", first_only=True) == ["box:3"]
    assert people.named("eve@example.com", first_only=True) == ["box:5"]
    assert people.named("ben@example.com", first_only=True) == ["ben@example.com"]
