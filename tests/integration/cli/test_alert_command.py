"""``uploadwatch alert``: the page in the terminal, over a real lake."""

from __future__ import annotations

import json
import tomllib
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from cli.app import app
from common.errors import CommandError
from connectors import ConfigurationError
from lake.store import Lake
from orchestration.settings import Settings
from tests.support.small_lake import ALERT_ID, DAY, OPENS, ordinary


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("UPLOADWATCH_NOW", "2026-02-21T09:00:00Z")
    monkeypatch.chdir(tmp_path)
    small = ordinary(tmp_path)
    small.upload(OPENS, "x.zip", app="[link=http://evil.example]App[/link]")
    small.write()
    return tmp_path


def test_the_terminal_says_what_the_page_says(home):
    """Prevents an answer that only those see who open the page, and markup that a name brings along."""
    shown = CliRunner().invoke(app, ["alert", ALERT_ID[:10], "--home", str(home)], env={"COLUMNS": "200"})
    assert shown.exit_code == 0, shown.output
    for said in ("1. Signs of compromise", "5. Afterwards", "archives (61 files)", "uploadwatch review", "T1567.002"):
        assert said in shown.output
    assert "[link=http://evil.example]App[/link]" in shown.output


def test_the_evidence_comes_as_one_object(home):
    """Prevents a script from having to read the terminal's tables."""
    shown = CliRunner().invoke(app, ["alert", ALERT_ID, "--home", str(home), "--format", "json"])
    assert sum(row["files"] for row in json.loads(shown.output)["types"]) == 61


def test_an_alert_says_its_case_and_a_case_its_alerts(tmp_path, monkeypatch):
    """Prevents an analyst from closing an alert without seeing what else its case holds."""
    monkeypatch.setenv("UPLOADWATCH_NOW", "2026-02-22T09:00:00Z")
    small = ordinary(tmp_path)
    second = {"alert_id": "e" * 64, "first_window_start": OPENS + timedelta(hours=9)}
    small.alert(files=70, **second, last_window_end=OPENS + timedelta(hours=12))
    small.write()
    listed = CliRunner().invoke(app, ["alerts", "--home", str(tmp_path), "--format", "json"])
    case = json.loads(listed.output)[0]["case"]["case_id"][:12]
    for named, place, other in (("e" * 64, 2, ALERT_ID), (case, 1, "e" * 64)):
        shown = CliRunner().invoke(app, ["alert", named, "--home", str(tmp_path)], env={"COLUMNS": "300"}).output
        assert f"Case {case}, open: alert {place} of 2, since 2026-02-20 10:00 UTC. Its other alerts: {other}" in shown
        assert f"uploadwatch review {case} --benign" in shown
        assert "--revision 1 --benign" in shown


def test_an_alert_that_does_not_exist_is_said(home):
    """Prevents a traceback, or somebody else's alert, for a mistyped id."""
    shown = CliRunner().invoke(app, ["alert", "zz", "--home", str(home)])
    assert isinstance(shown.exception, CommandError)
    assert "No alert or case" in str(shown.exception)


def test_a_withdrawn_alert_says_so_in_the_terminal(home):
    """Prevents a withdrawn alert from vanishing without a word."""
    CliRunner().invoke(app, ["alert", ALERT_ID, "--home", str(home)])
    lake = Lake(root=str(home / "lake"))
    with duckdb.connect() as con:
        lake.view(con, "alerts", ["alerts"], [DAY])
        con.execute("CREATE TABLE fewer AS FROM alerts WHERE FALSE")
        lake.write(con, "fewer", "alerts", DAY, "")
    shown = CliRunner().invoke(app, ["alert", ALERT_ID, "--home", str(home)], env={"COLUMNS": "200"})
    assert f"Alert {ALERT_ID} is withdrawn" in shown.output


@pytest.mark.parametrize("address", ["javascript:alert(1)", "uploads.example.com", "https://x.example/?token=1"])
def test_an_address_of_the_console_that_links_nowhere_is_refused(address):
    """Prevents messages that link to something else than the console."""
    with pytest.raises(ConfigurationError, match="UPLOADWATCH_CONSOLE_URL"):
        Settings.read({"UPLOADWATCH_CONSOLE_URL": address})


def test_what_is_to_be_pasted_is_not_wrapped(home):
    """Prevents an allow-list entry that is broken TOML once it is pasted, and half a review command."""
    shown = CliRunner().invoke(app, ["alert", ALERT_ID, "--home", str(home)], env={"COLUMNS": "60"}).output
    entry = shown[shown.index("[[allow]]") : shown.index("All its uploads")]
    assert len(tomllib.loads(entry)["allow"]) == 1
    assert sum(line.endswith('--note "WHY"') for line in shown.splitlines()) == 2
