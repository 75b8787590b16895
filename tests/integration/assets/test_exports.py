"""Cost and robustness of an export: new events, late ones, lost state, damaged files, a full disk, an older layout."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from assets.core.resources import Engine
from assets.core.runbooks import Runbooks
from assets.exports import Exporter, exports, valid_exports
from common.clock import Clock
from detection.tables import TABLES, empty
from lake.ledger import publish
from lake.retention import remove_old
from lake.reviews import ReadAlert, add_reviews
from lake.store import Lake
from tests.support.memory import connect

pytestmark = pytest.mark.sampled

FIRST = date(2026, 1, 1)
DAY = date(2026, 1, 20)
NEXT = DAY + timedelta(days=1)
LATER = DAY + timedelta(days=60)
"""A day so much later that no late event reaches back from it."""
NOW = datetime(2026, 4, 1, tzinfo=UTC)
SIZES = (0, 1, 2_000)


def upload(number: int, at: datetime, **more: Any) -> dict[str, Any]:
    """An upload of Ann's."""
    return {
        "provider": "box",
        "event_key": f"e{number:07}",
        "asset": 0,
        "time": at,
        "user": "ann@example.com",
        "user_id": "77",
        "actor_class": "person",
        "kind": "upload",
        "operation": "UPLOAD",
        "file_id": str(number),
        "file_name": f"file {number}.pdf",
        "extension": "pdf",
        "folder": "Archive",
        "bytes": SIZES[number % 3],
        "size_source": "log",
        "ip": f"203.0.113.{number % 7}",
        **more,
    }


def at(hour: float, day: date = DAY) -> datetime:
    """A time of a day."""
    return datetime.combine(day, datetime.min.time()) + timedelta(hours=hour)


def alert(day: date = DAY) -> dict[str, Any]:
    """An alert about Ann's uploads in the night of a day."""
    return {
        "alert_id": "a" * 64,
        "name": "Massive upload to SaaS service",
        "severity": "Informational",
        "user": "ann@example.com",
        "person": "box:77",
        "providers": ["box"],
        "first_window_start": at(1, day),
        "last_window_end": at(4, day),
        "peak_window_start": at(1, day),
        "files": 60,
        "peak_files": 60,
        "suppressed_count": 0,
        "baseline_files_windows": 0,
        "baseline_bytes_windows": 0,
        "sentence": "so much",
        "users": 1,
    }


def every_hour(day: date = DAY) -> list[dict[str, Any]]:
    """Five uploads in each hour of a day."""
    return [upload(n, at(n / 5, day)) for n in range(120)]


class Deployment:
    """A home whose uploads a test writes, and runs of the export over it.

    Attributes:
        home: Directory of the deployment.
        out: Directory of the exported files.
    """

    def __init__(self, home: Path) -> None:
        self.home, self.out = home, home / "exports"
        self.lake = Lake(root=str(home / "lake"))
        self.lake_has([], DAY)

    def lake_has(
        self, uploads: Sequence[dict[str, Any]], day: date = DAY, alerts: Sequence[dict[str, Any]] = ()
    ) -> None:
        """Write a day of the lake: these uploads, in whatever order, and these alerts."""
        with connect() as con:
            con.execute(f"CREATE TABLE uploads AS {empty('uploads')}")
            if uploads:
                schema = dict.fromkeys(uploads[0])
                con.register("given", pa.Table.from_pylist([{**schema, **each} for each in uploads]))
                con.execute("INSERT INTO uploads BY NAME FROM given ORDER BY time")
            self.lake.write(con, "uploads", "box/uploads", day, "")
            con.execute(f"CREATE TABLE alerts AS {empty('alerts')}")
            if alerts:
                con.register("given_alerts", pa.Table.from_pylist(list(alerts)))
                con.execute("INSERT INTO alerts BY NAME FROM given_alerts")
            self.lake.write(con, "alerts", "alerts", day, "")

    def review(self, alert: dict[str, Any]) -> None:
        """Say that a published alert is harmless."""
        with connect() as con:
            publish(con, self.lake, NOW)
            [(alert_id,)] = con.execute('SELECT alert_id FROM ledger WHERE "user" = ?', [alert["user"]]).fetchall()
            add_reviews(con, self.lake, [ReadAlert(alert_id)], verdict="benign", by="eve", note="a move", now=NOW)

    def findings(self, day: date = DAY) -> list[str]:
        """Return the state of the day's alerts in the JSON lines."""
        root = self.out / "ocsf-json" / "detection_finding" / f"day={day}"
        lines = [line for path in sorted(root.glob("*.ndjson")) for line in path.read_text().splitlines()]
        return [json.loads(line).get("status_detail", "open") for line in lines]

    def run(
        self,
        first: date = DAY,
        last: date = DAY,
        *,
        formats: str = "ocsf-json,ocsf-parquet,csv",
        only_check: bool = False,
    ) -> Any:
        """One run of the asset and its check over these days, or of the check alone; gives Dagster's result."""
        checked = dg.AssetSelection.checks_for_assets("exports")
        partitions = dg.DailyPartitionsDefinition(start_date=FIRST.isoformat(), end_date="2026-06-01")
        definitions = dg.Definitions(
            assets=[exports(["box"], partitions)],
            asset_checks=[valid_exports(Runbooks())],
            jobs=[
                dg.define_asset_job(
                    "exporting",
                    checked if only_check else "*",
                    executor_def=dg.in_process_executor,
                    partitions_def=partitions,
                )
            ],
            resources={
                "lake": self.lake,
                "engine": Engine(home=str(self.home)),
                "clock": Clock(fixed=NOW.isoformat()),
                "exporter": Exporter(out=str(self.out), formats=formats.split(","), region="eu-central-1"),
            },
        )
        with dg.DagsterInstance.ephemeral() as instance:
            return definitions.resolve_job_def("exporting").execute_in_process(
                instance=instance,
                raise_on_error=False,
                tags={
                    "dagster/asset_partition_range_start": first.isoformat(),
                    "dagster/asset_partition_range_end": last.isoformat(),
                },
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            )

    def files(self) -> dict[str, tuple[bytes, int]]:
        """Content and time of each exported file, by its path."""
        return {
            str(path.relative_to(self.out)): (path.read_bytes(), path.stat().st_mtime_ns)
            for path in sorted(self.out.rglob("*"))
            if path.is_file() and path.name != ".lock"
        }

    def content(self) -> dict[str, bytes]:
        """Content of each exported file, by its path."""
        return {name: content for name, (content, _) in self.files().items()}

    def keys(self) -> list[str]:
        """The events in the JSON lines of the day, as a reader of all files meets them."""
        root = self.out / "ocsf-json" / "file_hosting"
        lines = [line for path in sorted(root.rglob("*.ndjson")) for line in path.read_text().splitlines()]
        return [json.loads(line)["metadata"]["original_event_uid"] for line in lines]

    def recorded(self, day: date = DAY) -> Path:
        """The partition that records a day's files."""
        return self.lake.part("exports", day)

    def former_state(self, day: date = DAY) -> Path:
        """The state of a day as earlier versions kept it beside the files."""
        path = self.out / "made-from" / f"day={day}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / ".lock").touch()
        path.write_text('{"made_from": {"uploads": "0123"}, "rows": {"uploads": 120}, "files": {}}')
        return path


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    """A deployment with five uploads in each hour of a day, exported."""
    made = Deployment(tmp_path / "home")
    made.lake_has(every_hour())
    assert made.run().success
    return made


def counted(result: Any) -> dict[str, Any]:
    """Metadata of the check, as numbers."""
    [check] = result.get_asset_check_evaluations()
    assert check.passed, check.description
    return {name: value.value for name, value in check.metadata.items()}


def written(before: dict[str, tuple[bytes, int]], after: dict[str, tuple[bytes, int]]) -> set[str]:
    """Return the files that are new, gone or replaced."""
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


HOUR_14 = {
    f"ocsf-json/file_hosting/day={DAY}/part-140000.ndjson",
    f"ocsf-parquet/ext/uploadwatch-uploads/region=eu-central-1/accountId=external/eventDay={DAY:%Y%m%d}/"
    "part-140000.parquet",
    f"csv/uploads/day={DAY}/part-140000.csv",
}


def test_a_new_event_writes_the_files_of_its_hour_and_checks_them_alone(deployment):
    """Prevents a run that writes and reads the whole day again for one event."""
    before = deployment.files()
    assert len(before) == 24 * 3
    deployment.lake_has([*every_hour(), upload(900, at(14.5))])
    found = counted(deployment.run())
    assert written(before, deployment.files()) == HOUR_14
    assert (found["rows"], found["files"]) == (2 * 121, 48)
    assert (found["rows read"], found["files read"]) == (2 * 6, 2)


def test_an_idle_run_writes_and_reads_nothing(deployment):
    """Prevents a run without news that costs what the day holds."""
    before = deployment.files()
    recorded = deployment.recorded().stat().st_mtime_ns
    found = counted(deployment.run())
    assert written(before, deployment.files()) == set()
    assert deployment.recorded().stat().st_mtime_ns == recorded
    assert (found["rows"], found["files read"], found["rows read"]) == (240, 0, 0)


def test_order_and_pieces_come_to_the_same_files(deployment, tmp_path):
    """Prevents files that depend on when events came, or on what was there before."""
    late = [upload(n, at(3 + n / 1000)) for n in range(200, 260)]
    deployment.lake_has([*every_hour(), *late])
    deployment.run()
    other = Deployment(tmp_path / "other")
    other.lake_has([upload(999, at(2)), *every_hour()[60:]])
    other.run()
    for uploads in (late, [*every_hour()[::-1], *late[::-1]]):
        other.lake_has(uploads)
        other.run()
    assert other.content() == deployment.content()


def test_an_hour_of_many_uploads_is_cut_and_no_name_goes_as_it_grows(deployment):
    """Prevents a file that is too large to be written again, and rows that a copy which never deletes would double."""
    names = set(deployment.files())
    some = [*every_hour(), *(upload(n, at(14 + 30 / 60 + n / 1e6)) for n in range(1000, 26_000))]
    deployment.lake_has(some)
    assert deployment.run().success
    before = deployment.files()
    assert names < set(before)
    assert before[f"ocsf-json/file_hosting/day={DAY}/part-140000.ndjson"][0].count(b"\n") == 1
    parts = [content.count(b"\n") for name, (content, _) in before.items() if "ocsf-json/file_hosting" in name]
    assert max(parts) <= 20_000
    assert sorted(deployment.keys()) == sorted(each["event_key"] for each in some)
    deployment.lake_has([*some, upload(30_000, at(14.99))])
    counted(deployment.run())
    assert {name.rpartition("part-")[2][:6] for name in written(before, deployment.files())} == {"145000"}


@pytest.mark.parametrize("damage", ["", "{", "of its size", None])
@pytest.mark.parametrize("damaged", ["part.parquet", "part.json"])
def test_records_that_are_lost_or_damaged_change_no_file(deployment, damaged, damage):
    """Prevents an export that stops at its own records, and one that delivers all of a day once more."""
    before = deployment.files()
    path = deployment.recorded().with_name(damaged)
    if damage is None:
        path.unlink()
    elif damage == "of its size":
        at = path.stat()
        path.write_bytes(b"\0" * at.st_size)
        os.utime(path, ns=(at.st_atime_ns, at.st_mtime_ns))
    else:
        path.write_text(damage)
    found = counted(deployment.run())
    assert written(before, deployment.files()) == set()
    assert found["files read"] == (48 if damaged == "part.parquet" else 0)
    assert counted(deployment.run())["files read"] == 0


@pytest.mark.parametrize("damage", ["deleted", "emptied", "cut", "another row"])
def test_a_file_that_was_deleted_or_altered_is_made_and_checked_again(deployment, damage):
    """Prevents a hole or a forgery in the export that stays until the day changes."""
    before = deployment.files()
    path = deployment.out / f"ocsf-json/file_hosting/day={DAY}/part-140000.ndjson"
    content = path.read_bytes()
    if damage == "deleted":
        path.unlink()
    else:
        path.write_bytes({"emptied": b"", "cut": content[:100], "another row": content + b"{}\n"}[damage])
    found = counted(deployment.run())
    assert deployment.content() == {name: content for name, (content, _) in before.items()}
    assert set(written(before, deployment.files())) <= {str(path.relative_to(deployment.out))}
    assert found["files read"] <= 1


def test_a_file_that_was_altered_after_the_run_fails_the_check(deployment):
    """Prevents a check that passes on what it remembers of a file that is another one now."""
    path = deployment.out / f"ocsf-json/file_hosting/day={DAY}/part-140000.ndjson"
    path.write_bytes(path.read_bytes() + b'{"class_uid": 6006}\n')
    result = deployment.run(only_check=True)
    [check] = result.get_asset_check_evaluations()
    assert not check.passed
    assert f"{path}: " in check.description
    assert check.metadata["files read"].value == 1
    assert counted(deployment.run())["files read"] == 0


def test_the_files_of_an_older_layout_go_as_the_day_is_written(tmp_path):
    """Prevents rows that a reader of all files meets twice after an upgrade."""
    deployment = Deployment(tmp_path / "home")
    deployment.lake_has(every_hour())
    deployment.run()
    content = deployment.content()
    shutil.rmtree(deployment.out)
    source = "ocsf-parquet/ext/uploadwatch-uploads/region=eu-central-1/accountId=external"
    for name in (
        f"ocsf-json/file_hosting/day={DAY}.ndjson",
        f"ocsf-json/detection_finding/day={DAY}.ndjson",
        f"{source}/eventDay={DAY:%Y%m%d}/part.parquet",
        f"csv/uploads/day={DAY}.csv",
        f"csv/alerts/day={DAY}.csv",
    ):
        (deployment.out / name).parent.mkdir(parents=True, exist_ok=True)
        (deployment.out / name).write_text('{"metadata": {"original_event_uid": "old"}}\n')
    deployment.lake.remove("exports", DAY)
    state = deployment.former_state()
    # The day is out of the run's range, as most are at an upgrade.
    deployment.lake_has([], NEXT)
    deployment.run(NEXT, NEXT)
    assert deployment.content() == content
    assert not state.parent.exists()


def test_the_state_of_an_earlier_version_gives_way_to_records(deployment):
    """Prevents days that nobody keeps current after an upgrade, since only the former state knew of them."""
    before = deployment.files()
    deployment.lake.remove("exports", DAY)
    state = deployment.former_state()
    deployment.lake_has([], LATER)
    assert deployment.run(LATER, LATER).success
    assert written(before, deployment.files()) == set()
    assert deployment.recorded().exists()
    assert not state.parent.exists()


def test_a_review_of_an_old_alert_is_exported_whatever_the_range(deployment):
    """Prevents a finding that stays open for the receiver, though somebody closed it."""
    deployment.lake_has(every_hour(), alerts=[alert()])
    counted(deployment.run())
    assert deployment.findings() == ["open"]
    before = deployment.files()
    deployment.lake_has([], LATER)
    deployment.review(alert())
    assert deployment.run(LATER, LATER).success
    assert deployment.findings() == ["open", "reviewed: benign"]
    changed = written(before, deployment.files())
    assert len(changed) == 3
    assert not [name for name in changed if "uploads/" in name or "file_hosting" in name]


@pytest.mark.parametrize("what", ["emptied", "removed", "one format removed", "moved"])
def test_old_days_are_written_again_to_a_destination_without_them(deployment, what):
    """Prevents an export that believes its records, and leaves a new or emptied directory without the older days."""
    before = deployment.content()
    if what == "moved":
        deployment.out = deployment.home / "elsewhere"
    elif what == "emptied":
        for name in before:
            (deployment.out / name).unlink()
    else:
        shutil.rmtree(deployment.out / "csv" if what == "one format removed" else deployment.out)
    deployment.lake_has([], LATER)
    assert deployment.run(LATER, LATER).success
    assert deployment.content() == before


def test_an_old_day_whose_alerts_are_past_their_retention_stays_as_it_is(deployment):
    """Prevents findings that all turn into withdrawn ones because the lake has forgotten their alerts."""
    deployment.lake_has(every_hour(), alerts=[alert()])
    counted(deployment.run())
    before = deployment.files()
    deployment.lake.remove("alerts", DAY)
    deployment.recorded().unlink()
    deployment.lake_has([], LATER)
    assert deployment.run(LATER, LATER).success
    assert deployment.run(NEXT, NEXT).success
    assert written(before, deployment.files()) == set()


def test_what_the_retention_removed_is_not_written_again(deployment):
    """Prevents exports that come back with the next run, day after day."""
    deployment.lake_has([], LATER)
    assert deployment.run(LATER, LATER).success
    assert list(remove_old(deployment.lake, {"exports": 30}, LATER))
    assert deployment.run(LATER, LATER).success
    assert deployment.content() == {}
    assert deployment.lake.days("exports") == [LATER]


def test_what_is_no_part_of_the_day_any_more_is_removed(deployment):
    """Prevents events that stay in the export after they left the lake, and leftovers of killed runs."""
    left = deployment.out / f"csv/uploads/day={DAY}/.part-140000.csv.abc"
    left.write_text("half")
    deployment.lake_has(every_hour()[5:])
    counted(deployment.run())
    assert len(deployment.files()) == 23 * 3
    assert not left.exists()


def test_a_full_disk_leaves_no_half_file_and_the_next_run_writes_the_rest(tmp_path):
    """Prevents half a file under its name, and a state that tells of files that never came to be."""
    deployment = Deployment(tmp_path / "home")
    deployment.lake_has([*every_hour(), *(upload(n, at(14.1)) for n in range(1000, 1100))])
    deployment.lake_has(every_hour(NEXT), NEXT)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, limits[1]))
    try:
        result = deployment.run(DAY, NEXT)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not result.success
    half = deployment.content()
    counted(deployment.run(DAY, NEXT))
    assert half
    assert half.items() <= deployment.content().items()
    assert sorted(deployment.keys())[-1] == "e0001099"


def test_a_place_that_cannot_be_written_to_is_said_in_one_sentence(tmp_path):
    """Prevents fifty lines of traceback, and a day that holds up the others."""
    deployment = Deployment(tmp_path / "home")
    deployment.lake_has(every_hour())
    deployment.lake_has(every_hour(NEXT), NEXT)
    blocked = deployment.out / "csv" / "uploads" / f"day={DAY}"
    blocked.parent.mkdir(parents=True)
    blocked.write_text("in the way")
    result = deployment.run(DAY, NEXT)
    [failure] = [event.step_failure_data for event in result.all_events if event.is_step_failure]
    said = failure.user_failure_data.description
    assert said.startswith(f"The exports of {DAY} below {deployment.out} could not be written: ")
    assert "the next run writes what is missing" in said
    assert any(f"day={NEXT}" in name for name in deployment.content())
    blocked.unlink()
    counted(deployment.run(DAY, NEXT))


def test_a_damaged_table_of_one_day_keeps_no_other_from_being_exported(deployment):
    """Prevents one bad file of the lake that ends the export of all days."""
    deployment.lake_has(every_hour(NEXT), NEXT)
    part = deployment.lake.part("box/uploads", DAY)
    part.write_bytes(part.read_bytes()[:500])
    assert not deployment.run(DAY, NEXT).success
    assert any(f"day={NEXT}" in name for name in deployment.content())


def test_a_format_that_is_added_later_is_written_alone(tmp_path):
    """Prevents files of one format that change because another one is switched on."""
    deployment = Deployment(tmp_path / "home")
    deployment.lake_has(every_hour())
    deployment.run(formats="csv")
    before = deployment.files()
    deployment.run(formats="csv,ocsf-json")
    after = deployment.files()
    assert {name: after[name] for name in before} == before
    assert len(after) == 48


def test_a_csv_file_is_what_duckdb_would_write(deployment):
    """Prevents cells that another reader of CSV takes apart in another way."""
    path = deployment.out / f"csv/uploads/day={DAY}/part-140000.csv"
    names = ", ".join(f'"{column.name}"' for column in TABLES["uploads"])
    with connect() as con:
        table = f"read_csv('{path}', all_varchar = true, hive_partitioning = false, header = true)"
        rows = con.execute(f"SELECT {names} FROM {table}").fetchall()
        part = deployment.lake.part("box/uploads", DAY)
        stored = con.execute(
            f"SELECT * REPLACE (strftime(time, '%Y-%m-%dT%H:%M:%SZ') AS time) FROM read_parquet('{part}', "
            "hive_partitioning = false) WHERE hour(time) = 14 ORDER BY time"
        ).fetchall()
    assert rows == [tuple(None if value is None else str(value) for value in row) for row in stored]


def test_spilled_data_of_a_killed_run_is_gone_after_the_next(deployment):
    """Prevents a home that grows by what killed runs have spilled, which may name people."""
    left = deployment.home / "spill" / "process-killed" / "db-1"
    left.mkdir(parents=True)
    (left / "duckdb_temp_storage_DEFAULT-0.tmp").write_text("ann@example.com")
    # What this process holds it keeps, so the run is made by another one.
    code = (
        f"from pathlib import Path; from lake.engine import opened\nwith opened(Path({str(deployment.home)!r})): pass"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert not left.parent.exists()
