"""The check of sizes, on lakes with sizes from here and there."""

from __future__ import annotations

from datetime import date

import dagster as dg
import duckdb
import pytest
from dagster_duckdb import DuckDBResource

from assets.lake import Lake
from assets.size_checks import size_coverage
from detection.tables import TABLES

DAY = date(2026, 3, 10)


def checked(tmp_path, files: dict[str, int], *, sizes: bool) -> tuple[bool, str, dict[str, dict[str, float]]]:
    """Runs the check alone over a day with so many uploads of each source: whether it passed, and what it says."""
    lake = Lake(root=str(tmp_path / "lake"))
    with duckdb.connect() as con:
        columns = ", ".join(f'"{column.name}" {column.type}' for column in TABLES["uploads"])
        con.execute(f"CREATE TABLE made ({columns})")
        for source, count in files.items():
            con.execute("INSERT INTO made (size_source) SELECT ? FROM range(?)", [source, count])
        lake.write(con, "made", "box/uploads", DAY, "")
    check = size_coverage("box", sizes=sizes)
    uploads = dg.AssetSpec(["box", "uploads"], partitions_def=dg.DailyPartitionsDefinition("2026-03-01"))
    job = dg.define_asset_job("checks", selection=dg.AssetSelection.checks(check))
    defs = dg.Definitions(
        assets=[uploads],
        asset_checks=[check],
        jobs=[job],
        resources={"lake": lake, "engine": DuckDBResource(database=":memory:")},
    )
    tags = {f"dagster/asset_partition_range_{end}": DAY.isoformat() for end in ("start", "end")}
    result = defs.resolve_job_def("checks").execute_in_process(tags=tags, instance=dg.DagsterInstance.ephemeral())
    [found] = result.get_asset_check_evaluations()
    assert found.severity == dg.AssetCheckSeverity.WARN
    return found.passed, found.description or "", found.metadata["size coverage"].value


def test_enough_sizes_pass_wherever_they_are_from(tmp_path):
    """Prevents a check that cries wolf, and an estimate or a file that is gone from counting as measured."""
    files = {"log": 50, "recovered": 30, "later_version": 10, "estimated": 4, "gone": 3, "unknown": 3}
    passed, said, coverage = checked(tmp_path, files, sizes=True)
    assert (passed, said) == (True, "90 of 100 uploads have a measured size.")
    assert coverage["estimated"] == {"files": 4, "share": 0.04}
    assert sum(source["files"] for source in coverage.values()) == 100


@pytest.mark.parametrize(
    ("files", "remedy"),
    [({"log": 89, "unknown": 11}, "11 are unknown. The metadata of box/file_sizes"), ({"log": 8, "gone": 2}, "gone")],
)
def test_too_few_sizes_fail_and_say_what_to_do(tmp_path, files, remedy):
    """Prevents a lost permission from halving what is found while every check is green."""
    passed, said, _ = checked(tmp_path, files, sizes=True)
    assert not passed
    assert remedy in said


def test_without_recovery_it_passes_and_says_what_that_means(tmp_path):
    """Prevents a warning that nobody can mend, and silence about what detection by files alone misses."""
    passed, said, _ = checked(tmp_path, {"unknown": 7}, sizes=False)
    assert passed
    assert "by the number of files alone" in said
    assert checked(tmp_path, {}, sizes=True)[:2] == (True, "0 of 0 uploads have a measured size.")
