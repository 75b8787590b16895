"""Places of the homes that the console shows Dagster's UI of: whose variables its code server gets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from cli.dagster_places import console_place
from common.errors import CommandError
from lake.home import REPLAY_NOTE

NOTE = {
    "UPLOADWATCH_HOME": "/somewhere/else",
    "UPLOADWATCH_NOW": "2026-01-09T00:00:00+00:00",
    "workload": "/somewhere/else/workload.parquet",
    "providers": "box",
}


@pytest.fixture(autouse=True)
def organisation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The environment of an organisation, in which somebody looks at a replay."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BOX_CLIENT_SECRET", "the organisation's")
    monkeypatch.setenv("DROPBOX_APP_SECRET", "the organisation's")
    monkeypatch.setenv("UPLOADWATCH_NOTIFY_SOC_URL", "https://soc.example")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "records"))


def test_a_replay_has_nothing_of_the_organisation(tmp_path: Path) -> None:
    """Prevents a replay whose code server has the organisation's secrets, or writes to where it was made."""
    home = tmp_path / "copied"
    (home / "sandbox").mkdir(parents=True)
    (home / REPLAY_NOTE).write_text(json.dumps(NOTE), encoding="utf-8")
    with pytest.raises(CommandError, match="Make it again"):
        console_place(home, served=False)
    (home / "sandbox" / "sandbox.env").write_text("BOX_CLIENT_SECRET=made-up\nDROPBOX_APP_SECRET=made-up\n")
    place = console_place(home, served=False)
    assert place.storage == place.folder == home / "dagster"
    assert place.environment["BOX_CLIENT_SECRET"] == "made-up"
    assert "DROPBOX_APP_SECRET" not in place.environment
    assert "UPLOADWATCH_NOTIFY_SOC_URL" not in place.environment
    assert place.environment["UPLOADWATCH_HOME"] == str(home)
    settings = yaml.safe_load((home / "dagster" / "dagster.yaml").read_text(encoding="utf-8"))
    assert settings["event_log_storage"]["config"]["base_dir"] == str(home / "dagster" / "history" / "runs")
    assert settings["telemetry"] == {"enabled": False}


def test_a_served_workspace_needs_no_provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents a deployment's console that wants the secrets which only the code server has."""
    assert console_place(tmp_path / "home", served=True).storage == tmp_path / "records"
    for name in ("BOX_CLIENT_SECRET", "DROPBOX_APP_SECRET", "DAGSTER_HOME"):
        monkeypatch.delenv(name)
    place = console_place(tmp_path / "home", served=True)
    assert place.storage == tmp_path / "home" / "dagster"
    assert place.environment == {}
    with pytest.raises(CommandError, match="--workspace"):
        console_place(tmp_path / "home", served=False)
