"""The asset checks in real runs of Dagster: that they run, what they hold back, and where their runbooks are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from assets.core.pull_checks import PULLED
from connectors import Page
from detection.tables import TABLES
from lake.landing import land
from lake.manifest import Manifest
from lake.store import Lake
from orchestration.definitions import build_defs
from tests.support.memory import connect

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAY = NOW.date()
KEYS = {"BOX_CLIENT_ID": "a", "BOX_CLIENT_SECRET": "b", "BOX_ENTERPRISE_ID": "1"}
NAMES = {
    "fresh",
    "gaps",
    "volume",
    "unique_events",
    "rows_conserved",
    "rejects",
    "schema",
    "size_coverage",
    "deduplicated",
    "budget_realised",
    "allow_list",
    "clock",
    "configured",
    "intact",
    "read",
}
RUNBOOKS = Path(__file__).parents[3] / "docs" / "runbooks.md"


@pytest.fixture
def lake(tmp_path, monkeypatch) -> Lake:
    """A lake with one day of Box that is as it should be."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    lake = Lake(root=str(tmp_path / "lake"))
    start = datetime.combine(DAY, datetime.min.time(), UTC)
    manifest = Manifest(lake.directory("box/audit_events", DAY))
    land(manifest, start, start + timedelta(days=1), [Page(b"{}\n{}\n")], now=NOW)
    write(lake, "box/uploads", "event_key, asset, time", [f"('e1', 0, TIMESTAMP '{DAY} 09:00:00')"])
    write(lake, "box/activity", "event_key, time", [f"('e2', TIMESTAMP '{DAY} 09:00:00')"])
    write(lake, "box/counts", "kind, name, events", [f"('activity', '{DAY} 09:00:00', 1)"])
    for table in ("box/rejects", "box/ignored", "alerts"):
        write(lake, table, "", [])
    return lake


def write(lake: Lake, table: str, columns: str, rows: list[str]) -> None:
    kind = table.rpartition("/")[2]
    with connect() as con:
        columns_of = ", ".join(f'"{column.name}" {column.type}' for column in TABLES[kind])
        con.execute(f"CREATE TABLE made ({columns_of})")
        if rows:
            con.execute(f"INSERT INTO made ({columns}) VALUES {', '.join(rows)}")
        lake.write(con, "made", table, DAY, "")


def definitions(lake: Lake, *extra: dg.AssetsDefinition) -> dg.Definitions:
    home = lake.root.removesuffix("/lake")
    defs = build_defs({**KEYS, "UPLOADWATCH_HOME": home, "UPLOADWATCH_NOW": NOW.isoformat()})
    asking = dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey(["box", "audit_events"]), PULLED))
    selection = dg.AssetSelection.all_asset_checks() - asking | dg.AssetSelection.assets(*extra)
    job = dg.define_asset_job("checks", selection=selection, executor_def=dg.in_process_executor)
    return dg.Definitions.merge(defs, dg.Definitions(jobs=[job], assets=extra))


def run(defs: dg.Definitions, *, partitioned: bool = True) -> dg.ExecuteInProcessResult:
    tags = {f"dagster/asset_partition_range_{end}": DAY.isoformat() for end in ("start", "end")}
    return defs.resolve_job_def("checks").execute_in_process(
        tags=tags if partitioned else {}, instance=dg.DagsterInstance.ephemeral(), raise_on_error=False
    )


def failed(result: dg.ExecuteInProcessResult) -> Sequence[tuple[str, str | None]]:
    return [(found.check_name, found.description) for found in result.get_asset_check_evaluations() if not found.passed]


@pytest.mark.parametrize("partitioned", [True, False])
def test_all_pass_where_all_is_well(lake, partitioned):
    """Prevents checks that cry wolf, and checks that a person cannot run by themselves from the UI."""
    result = run(definitions(lake), partitioned=partitioned)
    assert failed(result) == []
    assert {found.check_name for found in result.get_asset_check_evaluations()} == NAMES


@pytest.mark.parametrize(
    ("table", "columns", "rows", "check", "what_follows", "held_back"),
    [
        (
            "box/uploads",
            "event_key, asset, time",
            [f"('e1', 0, TIMESTAMP '{DAY} 09:00:00')"] * 2,
            "unique_events",
            ["box", "uploads"],
            True,
        ),
        (
            "alerts",
            'alert_id, "user", first_window_start',
            [f"('a', 'ann', TIMESTAMP '{DAY} 01:00:00')", f"('b', 'ann', TIMESTAMP '{DAY} 20:00:00')"],
            "deduplicated",
            ["alerts"],
            True,
        ),
        ("box/activity", "", [], "rows_conserved", ["box", "uploads"], False),
    ],
)
def test_what_would_be_wrong_goes_no_further(lake, table, columns, rows, check, what_follows, held_back):
    """Prevents doubled figures and doubled alerts from reaching people, and a missing row from stopping detection."""

    @dg.asset(deps=[what_follows], partitions_def=dg.DailyPartitionsDefinition("2026-01-01", end_offset=1))
    def follows() -> None:
        """Stand in for the asset's downstream."""

    write(lake, table, columns, rows)
    result = run(definitions(lake, follows))
    assert check in {name for name, _ in failed(result)}
    made = [event for event in result.get_asset_materialization_events() if event.asset_key == dg.AssetKey("follows")]
    assert (result.success, len(made)) == ((False, 0) if held_back else (True, 1))


def test_every_check_has_a_runbook(lake):
    """Prevents a failing check whose sentence leads to a page that says nothing of it."""
    specs = [spec for each in definitions(lake).asset_checks or () for spec in each.check_specs]
    names = {spec.name for spec in specs}
    assert names == NAMES
    text = RUNBOOKS.read_text()
    for name in {*names, PULLED}:
        _, found, rest = text.partition(f"\n## {name}\n")
        assert found, f"{name} has no section"
        section = rest.partition("\n## ")[0]
        for part in ("**Means:**", "**Look at:**", "**Do:**", "**Ignore it when:**"):
            assert part in section, f"{name} does not say {part}"
