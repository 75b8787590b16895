"""The doctor on what is not a provider: variables, files, the home, channels and schedules."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from cli.options import lake_of
from connectors.doctor import Finding, State
from orchestration.definitions import build_defs
from orchestration.deployment_checks import examine_deployment
from orchestration.schedules import SCHEDULES
from tests.support.command import say

BOX = {"BOX_CLIENT_ID": "a", "BOX_CLIENT_SECRET": "b", "BOX_ENTERPRISE_ID": "1"}


def examined(home: Path, **values: str) -> dict[str, Finding]:
    found = examine_deployment({"UPLOADWATCH_HOME": str(home), **values})
    return {finding.check: finding for finding in reversed(found)}


def test_a_misspelt_variable_is_named_with_the_right_one(tmp_path: Path) -> None:
    """Prevents a budget or a credential that nobody reads, without a word."""
    found = examined(tmp_path, UPLOADWATCH_BUGDET="5")["variables"]
    assert found.state is State.WARNING
    assert "UPLOADWATCH_BUDGET" in found.to_do
    assert "BOX_CLIENT_ID" in examined(tmp_path, BOX_CLIENTID="x")["variables"].to_do
    assert examined(tmp_path, **BOX, UPLOADWATCH_NOTIFY_CHAT_URL="json://127.0.0.1")["variables"].state is State.OK


def test_a_file_that_stops_the_evaluation_is_a_failure(tmp_path: Path) -> None:
    """Prevents a missing allow-list or risk list from being seen only in a run that raises no alert."""
    missing = str(tmp_path / "none.toml")
    for name in ("ALLOW_LIST", "RISK_LIST", "NETWORKS", "GEOIP_COUNTRY", "PERSONS", "SENSITIVE"):
        found = examined(tmp_path, **{f"UPLOADWATCH_{name}": missing})["files"]
        assert (found.state, missing in found.found) == (State.FAILURE, True), name


def test_the_home_of_a_replay_is_a_failure(tmp_path: Path) -> None:
    """Prevents an organisation's deployment on the demo's home."""
    assert examined(tmp_path)["home"].state is State.OK
    (tmp_path / "replay.json").write_text("{}", encoding="utf-8")
    assert examined(tmp_path)["home"].state is State.FAILURE


def test_nobody_who_is_notified_is_a_warning(tmp_path: Path) -> None:
    """Prevents alerts that nobody hears of."""
    assert examined(tmp_path)["channels"].state is State.WARNING
    channel = {"UPLOADWATCH_NOTIFY_CHAT_URL": "json://127.0.0.1"}
    assert "link" in examined(tmp_path, **channel)["channels"].found
    pages = {"UPLOADWATCH_CONSOLE_URL": "https://alerts.example.com"}
    assert examined(tmp_path, **channel, **pages)["channels"].state is State.OK
    assert (
        examined(tmp_path, UPLOADWATCH_NOTIFY_CHAT_URL="https://x.example.com", UPLOADWATCH_NOTIFY_CHAT_SECRET="no")[
            "channels"
        ].state
        is State.FAILURE
    )


def test_a_value_that_cannot_be_used_is_a_failure(tmp_path: Path) -> None:
    """Prevents an error in the place of the findings."""
    assert examined(tmp_path, UPLOADWATCH_BUDGET="many")["settings"].state is State.FAILURE


def test_schedules_that_are_off_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents a deployment that was set up and pulls nothing."""
    storage = tmp_path / "dagster"
    storage.mkdir()
    (storage / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    found = examined(tmp_path, DAGSTER_HOME=str(storage))["schedules"]
    assert (found.state, "poll, late_data" in found.found) == (State.WARNING, True)
    for name, value in BOX.items():
        monkeypatch.setenv(name, value)
    defs = build_defs({"UPLOADWATCH_HOME": str(tmp_path / "home"), **BOX})
    assert {schedule.name for schedule in defs.schedules or [] if isinstance(schedule, dg.ScheduleDefinition)} == {
        *SCHEDULES
    }


@pytest.mark.parametrize("made", [False, True])
def test_on_the_first_day_dagsters_records_are_still_to_be_made(tmp_path: Path, made: bool) -> None:
    """Prevents a failure of Dagster's own, or a storage without our settings, before the UI was started once."""
    storage = tmp_path / "dagster"
    if made:
        storage.mkdir()
    found = examined(tmp_path, DAGSTER_HOME=str(storage))["schedules"]
    assert (found.state, found.found) == (State.WARNING, "off: Dagster has no records yet")
    assert "`uploadwatch ui`" in found.to_do
    assert storage.exists() is made
    values = {**BOX, "DAGSTER_HOME": str(storage), "UPLOADWATCH_HOME": str(tmp_path / "home")}
    done = say("backfill", "--from", "2026-03-01", "--to", "2026-03-01", values=values)
    assert done.status == 1
    assert "holds no dagster.yaml" in " ".join(done.err.split())


def test_schedules_can_be_on_from_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents a deployment that is code alone, until somebody opens the UI."""
    storage = tmp_path / "dagster"
    storage.mkdir()
    (storage / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    given = {"DAGSTER_HOME": str(storage), "UPLOADWATCH_SCHEDULES_ON": "true"}
    assert examined(tmp_path, **given)["schedules"].state is State.OK
    for name, value in BOX.items():
        monkeypatch.setenv(name, value)
    kept = {**BOX, "UPLOADWATCH_SCHEDULES_ON": "true", "UPLOADWATCH_RETENTION": "uploads=90"}
    defs = build_defs({"UPLOADWATCH_HOME": str(tmp_path / "home"), **kept})
    schedules = [schedule for schedule in defs.schedules or [] if isinstance(schedule, dg.ScheduleDefinition)]
    assert {schedule.name for schedule in schedules} == {*SCHEDULES, "retention"}
    assert {schedule.default_status for schedule in schedules} == {dg.DefaultScheduleStatus.RUNNING}


def test_what_a_replay_made_is_not_shown_as_an_organisation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Prevents the demo's alerts from being taken for one's own, in a terminal with the providers' variables."""
    (tmp_path / "lake").mkdir()
    lake_of(tmp_path)
    assert capsys.readouterr().err == ""
    (tmp_path / "replay.json").write_text("{}", encoding="utf-8")
    lake_of(tmp_path)
    assert "made-up history" in capsys.readouterr().err


def test_the_doctor_shows_the_name_of_a_variable_whole(tmp_path: Path) -> None:
    """Prevents `OFFICE365_REQUESTS_PER_MIN…` where somebody is told to set or correct it."""
    variable = f"UPLOADWATCH_{'MISSPELT_' * 6}NAME"
    said = say("doctor", values={"COLUMNS": "80", "UPLOADWATCH_HOME": str(tmp_path), variable: "1"})
    lines = [line.split("│")[4].strip() for line in said.out.splitlines() if line.count("│") == 5]
    assert variable in "".join(lines)
