"""The command ``import``, from an export to uploads, beside the same records by the API."""

from __future__ import annotations

import csv
import json
import shlex
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import zstandard
from typer.testing import CliRunner

from cli.app import app
from lake.manifest import Manifest
from orchestration.shipped_files import shipped_text
from tests.support.memory import connect
from tests.support.pipeline import FIRST, Watched, burst, moment, watch, write

pytestmark = pytest.mark.sampled("module")

DAYS = 4
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def pulled(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """Four days that were watched by the API; the second burst was published on the day after."""
    folder = tmp_path_factory.mktemp("pulled")
    events = burst("office365", "ann.lee@example.com", moment(1, 9), files=2500, minutes=100)
    events += burst("office365", "bob.ray@example.com", moment(2, 20), files=2500, minutes=90, late=9)
    workload = write(folder / "workload.parquet", events, days=DAYS)
    settings = {"OFFICE365_RECOVER_SIZES": "false"}
    return watch(workload, folder / "home", days=DAYS, providers=["office365"], settings=settings)


def records(watched: Watched) -> list[dict[str, object]]:
    """All that the API gave, in the order of another day."""
    found = []
    for path in sorted((watched.home.path / "lake/office365/audit_events").glob("day=*")):
        for file in Manifest(path).files:
            with zstandard.ZstdDecompressor().stream_reader(Path(file).open("rb")) as reader:
                found += [json.loads(line) for line in reader.read().splitlines()]
    return found[::-1]


def export(path: Path, rows: list[dict[str, object]]) -> Path:
    """Write records as Purview's audit search exports them."""
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(["RecordId", "CreationDate", "RecordType", "Operation", "UserId", "AuditData"])
        for row in rows:
            told = (row["Id"], f"{row['CreationTime']}.0000000Z", row["RecordType"], row["Operation"], row["UserId"])
            writer.writerow([*told, json.dumps(row, indent=None)])
    return path


def rows_of(home: Path, table: str) -> list[tuple[object, ...]]:
    with connect() as con:
        files = str(home / "lake" / "office365" / table / "*" / "part.parquet")
        return con.execute("SELECT * FROM read_parquet(?, hive_partitioning = false) ORDER BY ALL", [files]).fetchall()


@pytest.fixture
def deployment(tmp_path: Path, pulled: Watched, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own, set up two months later: the API keeps nothing of those days, nor is it there to be asked."""
    now = datetime.combine(FIRST, datetime.min.time(), UTC) + timedelta(days=60)
    values = {
        "OFFICE365_TENANT_ID": "00000000-0000-4000-8000-000000000000",
        "OFFICE365_CLIENT_ID": "client",
        "OFFICE365_CLIENT_SECRET": "secret",
        "OFFICE365_API_URL": "http://127.0.0.1:9",
        "OFFICE365_LOGIN_URL": "http://127.0.0.1:9",
        "UPLOADWATCH_START_DATE": FIRST.isoformat(),
        "UPLOADWATCH_END_DATE": (FIRST + timedelta(days=DAYS)).isoformat(),
        "UPLOADWATCH_NOW": now.isoformat(),
        "UPLOADWATCH_HOME": str(tmp_path / "home"),
        "DAGSTER_HOME": str(tmp_path / "dagster"),
    }
    (tmp_path / "dagster").mkdir()
    (tmp_path / "dagster" / "dagster.yaml").write_text(shipped_text("dagster.yaml"), encoding="utf-8")
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return tmp_path / "home"


def test_an_export_gives_the_uploads_that_the_api_would_have_given(tmp_path: Path, pulled: Watched, deployment: Path):
    """Prevents history that counts otherwise than what is pulled, and a next step that can't be run as printed."""
    rows = records(pulled)
    assert len(rows) >= 5000
    file = str(export(tmp_path / "export.csv", rows))
    result = CliRunner().invoke(app, ["import", "--provider", "office365", file])
    assert result.exit_code == 0, result.output
    (command,) = [line for line in result.output.splitlines() if line.strip().startswith("uploadwatch ")]
    program = [sys.executable, "-c", "from cli.app import main; main()", *shlex.split(command)[1:]]
    run = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)
    # The API does not answer here: what was imported is computed, and the exit status says that not all was pulled.
    assert "The rest is done." in " ".join(run.stderr.split()), run.stdout + run.stderr
    for table in ("uploads", "activity"):
        found, wanted = rows_of(deployment, table), rows_of(pulled.home.path, table)
        # Not compared as wholes: their difference in words would take minutes.
        assert [pair for pair in zip(found, wanted, strict=True) if pair[0] != pair[1]][:1] == []
        assert found
    with connect() as con:
        parts = str(deployment / "lake/evaluations/*/part.parquet")
        first = con.execute("SELECT min(reason) FROM read_parquet(?) WHERE scope = 'office365'", [parts]).fetchall()
    assert first == [(f"history since {min(date.fromisoformat(str(row['CreationTime'])[:10]) for row in rows)}",)]
    again = CliRunner().invoke(app, ["import", "--provider", "office365", file])
    assert "Nothing is new" in again.output


def test_what_the_api_gave_is_not_imported_again(tmp_path: Path, pulled: Watched, deployment: Path):
    """Prevents a second copy of what was pulled, where it was published on another day than it happened on."""
    home = ["--home", str(pulled.home.path)]
    file = str(export(tmp_path / "export.csv", records(pulled)))
    result = CliRunner().invoke(app, ["import", "--provider", "office365", *home, file])
    assert result.exit_code == 0
    assert "Nothing is new" in result.output


def test_a_home_of_made_up_history_is_left_alone(
    tmp_path: Path, pulled: Watched, deployment: Path, monkeypatch: pytest.MonkeyPatch
):
    """Prevents an organisation's history from landing in a demo."""
    monkeypatch.delenv("UPLOADWATCH_NOW")
    file = str(export(tmp_path / "export.csv", []))
    result = CliRunner().invoke(app, ["import", "--provider", "office365", "--home", str(pulled.home.path), file])
    assert result.exit_code == 1
    assert "made-up history" in str(result.exception)


def test_a_file_of_another_provider_is_an_error(tmp_path: Path, deployment: Path):
    """Prevents a command that ends well although nothing of its file can be used."""
    (tmp_path / "export.json").write_text('{"event_type": "UPLOAD", "event_id": "1", "created_at": "2026-01-05"}')
    result = CliRunner().invoke(app, ["import", "--provider", "office365", str(tmp_path / "export.json")])
    assert result.exit_code == 1
    assert "export.json holds events of Box: give --provider box" in str(result.exception)
    assert "1 does not tell what happened" in result.output


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("Date,User\n1,2\n", "a CSV with the columns date, user"),
        ('[{"Id": "1", "Operation": "FileUploaded", "CreationTime": "2001-01-01T00:00:00"}]', "UPLOADWATCH_START_DATE"),
    ],
)
def test_a_file_of_which_nothing_lands_is_an_error_with_advice(
    tmp_path: Path, deployment: Path, content: str, said: str
):
    """Prevents a command that ends well although nothing landed, and advice that fits another file."""
    (tmp_path / "export").write_text(content)
    result = CliRunner().invoke(app, ["import", "--provider", "office365", str(tmp_path / "export")])
    assert (result.exit_code, said in str(result.exception)) == (1, True)


def test_an_answer_without_events_is_no_error(tmp_path: Path, deployment: Path):
    """Prevents a script from stopping at a day on which nothing happened."""
    (tmp_path / "export").write_text('{"value": []}')
    result = CliRunner().invoke(app, ["import", "--provider", "office365", str(tmp_path / "export")])
    assert (result.exit_code, "is an answer without events" in result.output) == (0, True)
