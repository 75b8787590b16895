"""Data that leaves the product, or is made to leave it: exports of a real run, and a person who is forgotten."""

from __future__ import annotations

import base64
import json
import shutil
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pyarrow.parquet as pq
import pytest
import zstandard
from typer.testing import CliRunner

from assets.normalised import read_again
from cli.app import app
from cli.replay import Home, deployment, materialise
from lake.manifest import Manifest
from lake.raw_lines import lines_digest
from lake.store import Lake
from privacy.erasure import forget, identify
from privacy.erasure import raw as forget_raw
from privacy.pseudonyms import Pseudonyms
from tests.support.memory import connect
from tests.support.pipeline import FIRST, Quick, Watched, burst, moment, sandbox, watch, write

pytestmark = pytest.mark.sampled("module")

DAYS = 5
ANN = "ann@example.com"
PROVIDERS = ("box", "office365")
KEY = base64.b64encode(bytes(range(64))).decode()
SETTINGS = {
    "UPLOADWATCH_EXPORTS": "ocsf-json,ocsf-parquet,csv",
    "UPLOADWATCH_SECURITY_LAKE_REGION": "eu-central-1",
}


@pytest.fixture(scope="module")
def workload(tmp_path_factory) -> Path:
    """Ann's two bursts, and a colleague whose file is named after her; joann is somebody else."""
    events = [
        *burst("box", ANN, moment(3, 9), files=300, minutes=50),
        *burst("office365", ANN, moment(3, 20), files=200, minutes=50),
        *burst("box", "joann@example.com", moment(3, 9), files=200, minutes=50),
        *burst("box", "bob@example.com", moment(3, 12), files=70, minutes=50),
    ]
    events[-1]["file_name"] = f"=review of {ANN}.pdf"
    return write(tmp_path_factory.mktemp("leaving") / "workload.parquet", events, days=DAYS, people=30)


@pytest.fixture(scope="module")
def exported(workload, tmp_path_factory) -> Watched:
    """The workload played into a home that exports."""
    home = tmp_path_factory.mktemp("exported") / "home"
    return watch(workload, home, days=DAYS, providers=PROVIDERS, settings=SETTINGS, kept=True, detector=Quick())


@pytest.fixture
def home(exported, tmp_path) -> Path:
    """A copy of that home, for a test that changes it."""
    return Path(shutil.copytree(exported.home.path, tmp_path / "home"))


def command(home: Path | None, *arguments: str, **variables: str) -> str:
    """Return the command's output, or its error."""
    values = {"UPLOADWATCH_NOW": "2026-01-10T12:00:00+00:00", "COLUMNS": "200", **variables}
    ran = CliRunner().invoke(app, [*arguments, *(["--home", str(home)] if home else [])], env=values)
    return f"Error: {ran.exception}" if ran.exception else ran.stdout


def findings(out: Path) -> list[dict]:
    """All findings of an export, in the order of their files."""
    paths = sorted((out / "ocsf-json" / "detection_finding").glob("day=*/part-*.ndjson"))
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def test_runs_export_every_upload_and_alert_and_check_every_row(exported):
    """Prevents an export that lacks rows, and a check that looks at some of them only."""
    out = exported.home.path / "exports"
    [(uploads,)] = exported.query("SELECT count(*) FROM '{lake}/*/uploads/*/part.parquet'")
    parquet = out / "ocsf-parquet" / "ext" / "uploadwatch-uploads" / "region=eu-central-1" / "accountId=external"
    files = sorted(parquet.glob("eventDay=*/part-*.parquet"))
    assert files[0].parent.name == "eventDay=20260105"
    assert sum(pq.read_metadata(path).num_rows for path in files) == uploads
    lines = [path.read_text().count("\n") for path in (out / "ocsf-json" / "file_hosting").rglob("*.ndjson")]
    assert sum(lines) == uploads
    found = findings(out)
    assert {each["finding_info"]["uid"] for each in found} == {alert["alert_id"] for alert in exported.alerts}
    with exported.home.instance() as instance:
        checks = [
            entry.dagster_event.event_specific_data
            for run in instance.get_runs()
            for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        ]
    valid = [check for check in checks if check.check_name == "ocsf_valid"]
    assert valid
    assert [check.description for check in valid if not check.passed] == []
    assert sum(check.metadata["rows"].value for check in valid) >= 2 * (uploads + len(found))


def test_files_are_as_security_lake_wants_them(exported):
    """Prevents Parquet that the lake cannot take: unordered, with other compression, or columns that differ by day."""
    root = exported.home.path / "exports" / "ocsf-parquet" / "ext"
    for source in ("uploadwatch-uploads", "uploadwatch-alerts"):
        files = sorted((root / source).rglob("*.parquet"))
        assert len({str(pq.read_schema(path)) for path in files}) == 1
        for path in files:
            times = pq.read_table(path, columns=["time"], partitioning=None)["time"].to_pylist()
            assert times == sorted(times)
            meta = pq.read_metadata(path)
            if meta.num_rows:
                assert meta.row_group(0).column(0).compression == "ZSTD"


def test_a_finding_tells_what_the_alert_does(exported):
    """Prevents a finding without its evidence or baseline, or with figures of its own."""
    [alert] = exported.of(ANN)
    [finding] = [each for each in findings(exported.home.path / "exports") if each["unmapped"]["user"] == ANN]
    assert (finding["activity_id"], finding["severity_id"], finding["status_id"]) == (1, 1, 1)
    assert finding["message"] == alert["sentence"]
    assert finding["finding_info"]["related_events_count"] == alert["files"] == 500
    observed = finding["anomaly_analyses"][0]["anomalies"][0]["observations"][0]
    assert observed["value"] == "300"
    assert observed["timespan"]["end_time"] - observed["timespan"]["start_time"] == 3 * 3600 * 1000
    assert len(finding["evidences"]) == len(finding["finding_info"]["related_events"]) == 20
    assert {each["actor"]["user"]["name"] for each in finding["evidences"]} == {ANN}
    tactics = [attack["tactic"]["uid"] for attack in finding["finding_info"]["attacks"]]
    assert tactics == ["TA0010", "TA0009"]


def test_a_review_closes_the_finding_in_the_next_export(home):
    """Prevents an alert that stays open at the receiver after somebody has judged it."""
    alert = next(alert for alert in alerts_of(home) if alert["user"] == ANN)
    command(home, "review", alert["alert_id"], "--benign", "--by", "eve", "--note", "moved house")
    out = home / "sent"
    said = command(
        home, "export", "--from", "2026-01-07", "--to", "2026-01-09", "--format", "ocsf-json", "--out", str(out)
    )
    assert "findings, of 3 days" in said
    mine = [each for each in findings(out) if each["finding_info"]["uid"] == alert["alert_id"]]
    assert [each["type_uid"] for each in mine] == [200401, 200403]
    assert mine[1]["status_detail"] == "reviewed: benign"
    assert mine[1]["comment"] == "moved house"


def test_alerts_are_exported_without_the_uploads(home):
    """Prevents eleven thousand rows of uploads on the way to a SIEM that asked for five findings."""
    span = ("--from", "2026-01-07", "--to", "2026-01-09", "--format", "csv", "--format", "ocsf-json")
    out = home / "alone"
    said = command(home, "export", *span, "--out", str(out), "--only", "alerts")
    assert "uploads" not in said
    assert {path.name for path in out.glob("*/*")} == {"alerts", "detection_finding"}


def alerts_of(home: Path) -> list[dict]:
    """The alerts of a home, as the command prints them."""
    return json.loads(command(home, "alerts", "--format", "json"))


def test_a_pseudonymous_export_names_nobody_and_is_valid(home):
    """Prevents names in an export that is to have none, and tokens that the key's holder cannot read."""
    out = home / "sent"
    span = ("--from", "2026-01-07", "--to", "2026-01-09", "--out", str(out))
    formats = ("--format", "ocsf-json", "--format", "csv")
    refused = command(home, "export", *span, *formats, UPLOADWATCH_PSEUDONYMS="true")
    assert refused.startswith("Error: UPLOADWATCH_PSEUDONYM_KEY is not set")
    keyed = {"UPLOADWATCH_PSEUDONYMS": "true", "UPLOADWATCH_PSEUDONYM_KEY": KEY}
    assert "findings, of 3 days" in command(home, "export", *span, *formats, **keyed)
    everything = "".join(path.read_text() for path in out.rglob("*") if path.is_file())
    assert "@example.com" not in everything
    assert KEY not in everything
    token = Pseudonyms(KEY).of(ANN)
    assert any(each["unmapped"]["user"] == token and token in each["message"] for each in findings(out))
    assert command(None, "reveal", token, UPLOADWATCH_PSEUDONYM_KEY=KEY) == f"{ANN}\n"
    assert command(None, "reveal", "pn_nonsense", UPLOADWATCH_PSEUDONYM_KEY=KEY).startswith("Error: pn_nonsense")


def named_in(home: Path, name: str) -> list[str]:
    """Return the files in a home that hold a name, compressed or not, without those of the made-up organisation."""
    found = []
    with connect() as con:
        for path in home.rglob("*"):
            if not path.is_file() or path.relative_to(home).parts[0] in ("demo", "sandbox"):
                continue
            content = path.read_bytes()
            if path.suffix == ".zst":
                content = zstandard.ZstdDecompressor().stream_reader(content, read_across_frames=True).read()
            if path.suffix == ".parquet":
                rows = con.execute("SELECT CAST(to_json(t) AS VARCHAR) FROM read_parquet(?) t", [str(path)]).fetchall()
                content += "\n".join(row for (row,) in rows).encode()
            text = content.decode("utf-8", "replace").lower().replace(f"jo{name}", "")
            if name in text:
                found.append(str(path.relative_to(home)))
    return found


def rows_of(home: Path, user: str) -> dict[str, int]:
    """Count a user's rows in the tables of uploads, hours, alerts and baselines."""
    with connect() as con:
        return {
            table: con.execute(
                f"SELECT count(*) FROM read_parquet('{home}/lake/{table}/*/part.parquet', union_by_name = true) "
                'WHERE "user" = ?',
                [user],
            ).fetchall()[0][0]
            for table in ("*/uploads", "user_hours", "alerts", "baselines")
        }


def test_forgetting_leaves_nothing_of_the_person_and_all_of_the_others(home):
    """Prevents an address that stays in a raw event, an export, a sentence or Dagster's log; and losses of others."""
    assert len(named_in(home, ANN)) >= 20
    before = {user: rows_of(home, user) for user in ("joann@example.com", "bob@example.com")}
    listed = command(home, "forget", ANN, "--dry-run")
    assert "Would be removed" in listed
    assert rows_of(home, ANN)["*/uploads"] == 500
    done = command(home, "forget", ANN.upper())
    counted = {line.split("│")[1].strip(): line.split("│")[2].strip() for line in done.splitlines() if "│" in line}
    assert counted["box/uploads"] == "300"
    # Some uploads to Office 365 are followed by an event of their own.
    assert int(counted["office365/audit_events"]) >= int(counted["office365/uploads"]) == 200
    assert counted["alerts"] == counted["published"] == "1"
    assert named_in(home, ANN) == []
    assert {user: rows_of(home, user) for user in before} == before
    assert set(rows_of(home, ANN).values()) == {0}
    with connect() as con:
        names = con.execute(
            f"SELECT file_name FROM '{home}/lake/box/uploads/*/part.parquet' WHERE \"user\" = 'bob@example.com' "
            "AND file_name LIKE '%review%'"
        ).fetchall()
    assert names == [("=review of forgotten.pdf",)]
    assert "Nothing names this user." in command(home, "forget", ANN)


def test_the_next_run_does_not_bring_the_person_back(home, workload, monkeypatch):
    """Prevents raw files, or a digest of them, from which the person comes back, or a day that no longer adds up."""
    command(home, "forget", ANN)
    watched = Watched(Home(home))
    last = FIRST + timedelta(days=DAYS - 1)
    with (
        sandbox(workload, home / "sandbox", now=moment(DAYS, 0)) as stand_in,
        dg.DagsterInstance.ephemeral() as instance,
    ):
        for name in ("UPLOADWATCH_HOME", "UPLOADWATCH_START_DATE", "UPLOADWATCH_END_DATE"):
            monkeypatch.setenv(name, "")
        values = deployment(watched.home, stand_in, FIRST, last, providers=PROVIDERS, settings=SETTINGS)
        result = materialise(
            instance, values, FIRST, last, now=moment(DAYS, 0), resource_overrides={"detector": Quick()}
        )
    failed = [
        (check.asset_key.path, check.check_name, check.description)
        for check in result.get_asset_check_evaluations()
        if not check.passed and check.check_name in ("rows_conserved", "unique_events", "ocsf_valid", "deduplicated")
    ]
    assert failed == []
    assert set(rows_of(home, ANN).values()) == {0}
    assert named_in(home, ANN) == []


class Killed(BaseException):
    """Stand-in for the end of the process."""


def test_a_killed_forget_is_taken_up_again(home, monkeypatch):
    """Prevents a manifest that is not true to its file, and rows that nothing accounts for, after a kill."""
    calls = 0
    genuine = Manifest.replace

    def killing(self, before, after):
        nonlocal calls
        calls += 1
        if calls == 2:
            raise Killed
        genuine(self, before, after)

    lake = Lake(root=str(home / "lake"))
    person = identify(lake, ANN, None, keep=True)
    monkeypatch.setattr(forget_raw.Manifest, "replace", killing)
    with pytest.raises(Killed):
        forget(lake, person, organisation_domains=[], read_again=read_again, write=True, progress=lambda _: None)
    monkeypatch.undo()
    assert "ann@example.com is not yet forgotten" in command(home, "forget", "bob@example.com")
    command(home, "forget", ANN)
    assert named_in(home, ANN) == []
    for provider in PROVIDERS:
        for day in lake.landed_days(f"{provider}/audit_events"):
            manifest = Manifest(lake.directory(f"{provider}/audit_events", day))
            for piece in manifest.pieces:
                digest, events = lines_digest(manifest.directory / piece.file)
                assert (piece.sha256, piece.events) == (digest, events)


def test_a_run_in_progress_is_waited_for(home, tmp_path, monkeypatch):
    """Prevents a run that holds the person's rows from writing them back after they were removed."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with dg.DagsterInstance.get() as instance:
        instance.add_run(dg.DagsterRun(job_name="watch_uploads", status=dg.DagsterRunStatus.STARTED))
    assert command(home, "forget", ANN).startswith("Error: A run is in progress")


def test_who_is_nobody_in_particular_is_refused(home):
    """Prevents a slip of the pen that removes everybody without a name."""
    for nobody in ("ann", "box:anonymous", "@example.com", ""):
        assert "names no one person" in command(home, "forget", nobody, "--dry-run")
