"""Asset checks on a lake that is wrong: each must say so, and what to do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
import duckdb
import pytest

from assets.lake import Lake
from assets.landing import land
from assets.manifest import Manifest
from connectors import Gap, Page
from detection.tables import TABLES
from orchestration.definitions import build_defs

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAY = NOW.date()
KEYS = {"BOX_CLIENT_ID": "a", "BOX_CLIENT_SECRET": "b", "BOX_ENTERPRISE_ID": "1"}


@pytest.fixture
def lake(tmp_path) -> Lake:
    """A lake with one day of Box that is as it should be."""
    lake = Lake(root=str(tmp_path / "lake"))
    start = datetime.combine(DAY, datetime.min.time(), UTC)
    manifest = Manifest(lake.directory("box/audit_events", DAY))
    land(manifest, start, start + timedelta(days=1), [Page(b"{}\n{}\n")], now=NOW)
    write(lake, "box/uploads", "event_key, asset, time", [f"('e1', 0, TIMESTAMP '{DAY} 09:00:00')"])
    write(lake, "box/activity", "event_key, time", [f"('e2', TIMESTAMP '{DAY} 09:00:00')"])
    for table in ("box/rejects", "box/ignored", "alerts"):
        write(lake, table, "", [])
    return lake


def write(lake: Lake, table: str, columns: str, rows: list[str]) -> None:
    kind = table.rpartition("/")[2]
    with duckdb.connect() as con:
        columns_of = ", ".join(f'"{column.name}" {column.type}' for column in TABLES[kind])
        con.execute(f"CREATE TABLE made ({columns_of})")
        if rows:
            con.execute(f"INSERT INTO made ({columns}) VALUES {', '.join(rows)}")
        lake.write(con, "made", table, DAY, "")


def outcomes(lake: Lake, monkeypatch: pytest.MonkeyPatch, **settings: str) -> dict[str, tuple[bool, str | None]]:
    """Runs the checks alone, and gives by name whether each passed and what it said."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    home = lake.root.removesuffix("/lake")
    defs = build_defs({**KEYS, "UPLOADWATCH_HOME": home, "UPLOADWATCH_NOW": NOW.isoformat(), **settings})
    asking = dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey(["box", "audit_events"]), "pulled"))
    job = dg.define_asset_job("checks", selection=dg.AssetSelection.all_asset_checks() - asking)
    checks = dg.Definitions.merge(defs, dg.Definitions(jobs=[job]))
    tags = {f"dagster/asset_partition_range_{end}": DAY.isoformat() for end in ("start", "end")}
    result = checks.resolve_job_def("checks").execute_in_process(tags=tags, instance=dg.DagsterInstance.ephemeral())
    return {found.check_name: (found.passed, found.description) for found in result.get_asset_check_evaluations()}


def test_all_pass_where_all_is_well(lake, monkeypatch):
    """Prevents checks that cry wolf."""
    assert {name: passed for name, (passed, _) in outcomes(lake, monkeypatch).items()} == {
        "fresh": True,
        "gaps": True,
        "unique_events": True,
        "rows_conserved": True,
        "size_coverage": True,
        "deduplicated": True,
        "allow_list": True,
    }


@pytest.mark.parametrize(
    ("check", "table", "columns", "rows", "said"),
    [
        (
            "unique_events",
            "box/uploads",
            "event_key, asset, time",
            [f"('e1', 0, TIMESTAMP '{DAY} 09:00:00')"] * 2,
            "event e1 is there 2 times",
        ),
        ("rows_conserved", "box/activity", "", [], "2 events landed, 1 accounted for"),
        (
            "fresh",
            "box/uploads",
            "event_key, asset, time",
            ["('e1', 0, TIMESTAMP '2026-03-01 09:00:00')"],
            "the newest event of box is of 2026-03-01 09:00 UTC",
        ),
        (
            "deduplicated",
            "alerts",
            'alert_id, "user", first_window_start',
            [f"('a', 'ann', TIMESTAMP '{DAY} 01:00:00')", f"('b', 'ann', TIMESTAMP '{DAY} 20:00:00')"],
            "ann has alerts that open",
        ),
    ],
)
def test_each_check_fails_where_it_should(lake, monkeypatch, check, table, columns, rows, said):
    """Prevents a check that can't fail, and a failure without a sentence of what is wrong."""
    write(lake, table, columns, rows)
    if check == "fresh":
        write(lake, "box/activity", "", [])
    passed, description = outcomes(lake, monkeypatch)[check]
    assert not passed
    assert said in (description or "")


@pytest.mark.parametrize(
    ("expires", "passed", "said"),
    [
        ("2026-03-09", False, "expired on 2026-03-09 and would have suppressed 1 window since: renew or remove it"),
        ("2026-03-10", True, "0 windows"),
        ("'soon'", False, "entry 1 (ann@example.com) that cannot be used"),
    ],
)
def test_an_expired_entry_that_is_still_needed_says_so(lake, monkeypatch, tmp_path, expires, passed, said):
    """Prevents an alert that surprises the owner of an expired entry, and a list that nobody clears up."""
    window = f"'box', 'ann@example.com', 'people', TIMESTAMP '{DAY} 09:00:00'"
    write(
        lake,
        "detections",
        'scope, "user", population, window_start, window_end',
        [f"({window}, TIMESTAMP '{DAY} 12:00:00')"],
    )
    write(lake, "user_hours", 'provider, "user", population, hour, files', [f"({window}, 900)"])
    path = tmp_path / "allow.toml"
    path.write_text(f"[[allow]]\nuser = 'ann@example.com'\nowner = 'o'\nreason = 'move'\nexpires = {expires}\n")
    found, description = outcomes(lake, monkeypatch, UPLOADWATCH_ALLOW_LIST=str(path))["allow_list"]
    assert found == passed
    assert said in (description or "")


def test_a_gap_is_told_with_its_window_and_cause(lake, monkeypatch):
    """Prevents a stretch that the provider no longer had from being taken for a quiet one."""
    before = DAY - timedelta(days=1)
    start = datetime.combine(before, datetime.min.time(), UTC)
    lost = Gap(start + timedelta(hours=9), start + timedelta(hours=10), "content 7 has expired")
    land(Manifest(lake.directory("box/audit_events", before)), start, start + timedelta(days=1), [lost], now=NOW)
    passed, description = outcomes(lake, monkeypatch)["gaps"]
    assert not passed
    assert f"box gave nothing from {before}T09:00:00+00:00 to {before}T10:00:00+00:00: content 7 has expired" in (
        description or ""
    )


def test_hours_that_nobody_pulled_are_told(lake, monkeypatch):
    """Prevents the days of a long stop, which no tick asks for any more, from being missed without a word."""
    before = DAY - timedelta(days=4)
    start = datetime.combine(before, datetime.min.time(), UTC)
    land(Manifest(lake.directory("box/audit_events", before)), start, start + timedelta(hours=9), [], now=NOW)
    passed, description = outcomes(lake, monkeypatch)["gaps"]
    assert not passed
    assert f"not pulled from {before} 09:00 to {DAY} 00:00 UTC" in (description or "")
    assert "Materialise the days" in (description or "")
