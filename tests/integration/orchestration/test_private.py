"""Privacy of a home: its files are for the owner alone, and secrets for the process that needs them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import requests

from orchestration.private import PrivateFiles
from tests.integration.orchestration.test_backfill import deployed
from tests.support.pipeline import FIRST, moment, sandbox, write
from tests.support.sandbox_server import ROOT
from tests.support.waiting import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.sampled

COMMAND = [sys.executable, "-c", "from cli.app import main; main()"]
SECRETS = {
    "BOX_CLIENT_SECRET": "planted-box",
    "UPLOADWATCH_NOTIFY_SOC_URL": "https://soc.example/planted-path",
    "UPLOADWATCH_PSEUDONYM_KEY": "planted-key",
}


def open_to_others(home: Path) -> list[str]:
    """Return the paths below a home that others could read or enter."""
    return [str(path) for path in [home, *home.rglob("*")] if not path.is_symlink() and path.stat().st_mode & 0o077]


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_whatever_the_umask_others_read_nothing(tmp_path: Path, umask: int) -> None:
    """Prevents a lake of people's file names, or Dagster's records of them, that every user of the machine can read."""
    workload = write(tmp_path / "workload.parquet", [], days=3, people=10)
    home = tmp_path / "home"
    with sandbox(workload, tmp_path / "sandbox", now=moment(3, 0)) as stand_in:
        values = deployed(tmp_path / "elsewhere", stand_in)
        values |= {
            "UPLOADWATCH_HOME": str(home),
            "DAGSTER_HOME": str(home / "dagster"),
            "UPLOADWATCH_EXPORTS": "ocsf-json,ocsf-parquet,csv",
            "UPLOADWATCH_SECURITY_LAKE_REGION": "eu-central-1",
            "PYTHONPATH": str(ROOT),
        }
        days = ("--from", FIRST.isoformat(), "--to", FIRST.isoformat())
        # As an operator does before the first run.
        (home / "dagster").mkdir(parents=True, mode=0o700)
        home.chmod(0o700)
        settings = home / "dagster" / "dagster.yaml"
        shutil.copy(tmp_path / "elsewhere" / "dagster" / "dagster.yaml", settings)
        settings.chmod(0o600)
        for command in (("backfill", *days), ("outbox",), ("alerts",)):
            subprocess.run([*COMMAND, *command], env=values, umask=umask, check=True, capture_output=True)
    assert (home / "outbox.db").exists()
    assert list(home.rglob("*.parquet"))
    assert list((home / "exports").rglob("*"))
    assert list((home / "dagster").rglob("*.db"))
    assert open_to_others(home) == []


def test_what_dagster_made_is_taken_back(tmp_path: Path) -> None:
    """Prevents records that Dagster's daemon or web server writes for everybody to read."""
    storage = tmp_path / "dagster"
    storage.mkdir()
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "old.parquet").touch(0o644)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine").chmod(0o755)
    files = PrivateFiles(tmp_path)
    before = os.umask(0)
    try:
        with dg.DagsterInstance.local_temp(str(storage)):
            assert open_to_others(storage)
            files.take_back()
            assert open_to_others(storage) == open_to_others(tmp_path / "lake") == []
            (storage / "new").mkdir()
            (storage / "new" / "file").touch()
            files.take_back()
            (storage / "new" / "another").touch()
            files.take_back()
    finally:
        os.umask(before)
    assert open_to_others(storage) == []
    assert (tmp_path / "mine").stat().st_mode & 0o777 == 0o755


def processes_below(pid: int) -> dict[str, str]:
    """Command lines and environments of a process's descendants."""
    parents, found = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    for each in parents:
        above = each
        while above in parents and above != pid:
            above = parents[above]
        if above == pid and each != pid:
            folder = Path("/proc", str(each))
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            found[command] = (folder / "environ").read_bytes().decode(errors="replace")
    return found


def test_the_web_server_and_the_daemon_get_no_secrets(tmp_path: Path) -> None:
    """Prevents secrets in processes that do not need them, of which one listens to browsers."""
    workload = write(tmp_path / "workload.parquet", [], days=2, people=5)
    home = tmp_path / "home"
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("UPLOADWATCH_", "DAGSTER_"))}
    values = plain | {"PYTHONPATH": str(ROOT)}
    made = [*COMMAND, "run", "--workload", str(workload), "--home", str(home), "--provider", "box"]
    subprocess.run(made, env=values, check=True, capture_output=True)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log_of_ui = tmp_path / "ui.log"
    with log_of_ui.open("wb") as log:
        process = subprocess.Popen(
            [*COMMAND, "ui", "--home", str(home), "--port", str(port)],
            env=values | SECRETS,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    query = {"query": "{ repositoriesOrError { ... on RepositoryConnection { nodes { assetNodes { id } } } } }"}

    def known() -> list[dict[str, Any]]:
        try:
            told = requests.post(f"http://127.0.0.1:{port}/graphql", json=query, timeout=PATIENCE_SECONDS).json()
        except requests.ConnectionError:
            return []
        nodes: list[dict[str, Any]] = told["data"]["repositoriesOrError"]["nodes"]
        return nodes

    try:
        nodes = wait_until(
            known,
            "the code location is loaded",
            ended=lambda: process.poll() is not None and log_of_ui.read_text(),
            pause_seconds=0.5,
        )
        found = processes_below(process.pid)
        sandboxes = (home / "sandbox" / "sandbox.env").read_text()
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_SECONDS)
    # The code location got what it needs.
    assert nodes[0]["assetNodes"]
    secrets = [*SECRETS.values(), *(line.partition("=")[2] for line in sandboxes.splitlines() if "SECRET" in line)]
    assert len(secrets) > len(SECRETS)
    served = {command: environ for command, environ in found.items() if "dagster" in command}
    assert any("dagster_webserver" in command for command in served)
    assert any("dagster._daemon" in command for command in served)
    for command, environ in served.items():
        assert not [secret for secret in secrets if secret.strip("'\"") in environ], command
    assert open_to_others(home) == []
