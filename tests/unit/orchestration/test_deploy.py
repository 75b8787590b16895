"""The units and containers in `deploy/`: which know secrets, who may read what they write, and what they load."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
import yaml

from orchestration.schedules import LOCATION
from orchestration.variables import access_table, deployment_table

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"


@pytest.mark.parametrize(
    ("unit", "secrets"),
    [(unit, unit == "code") for unit in ("code", "daemon", "webserver", "console", "metrics", "heartbeat")],
)
def test_only_the_code_server_knows_the_secrets(unit: str, *, secrets: bool) -> None:
    """Prevents secrets in processes that do not need them, and files that others can read."""
    lines = (DEPLOY / "systemd" / f"uploadwatch-{unit}.service").read_text(encoding="utf-8").splitlines()
    assert "EnvironmentFile=/etc/uploadwatch/dagster.env" in lines
    assert ("EnvironmentFile=/etc/uploadwatch/uploadwatch.env" in lines) is secrets
    assert {"UMask=0077", "StateDirectoryMode=0700"} <= set(lines)
    service = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"][unit]
    assert ("uploadwatch.env" in service["env_file"]) is secrets
    assert "dagster.env" in service["env_file"]


def test_what_all_know_is_no_secret_of_a_provider() -> None:
    """Prevents a provider's secret from being filled in where the web server reads it."""
    shared = (DEPLOY / "dagster.env.example").read_text(encoding="utf-8")
    named = {line.partition("=")[0] for line in shared.splitlines() if "=" in line and not line.startswith("#")}
    assert all(name.startswith(("DAGSTER_", "UPLOADWATCH_CODE_")) or name == "UPLOADWATCH_HOME" for name in named)


def test_a_checkout_loads_the_same_code_location_everywhere() -> None:
    """Prevents `dg dev` from showing another code location, whose runs no sensor of the deployment hears of."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["dg"]["project"]
    [loaded] = yaml.safe_load((ROOT / "workspace.yaml").read_text(encoding="utf-8"))["load_from"]
    assert project["code_location_target_module"] == loaded["python_module"]["module_name"]
    assert project["code_location_name"] == loaded["python_module"]["location_name"] == LOCATION


def test_the_image_is_built_from_what_is_packaged_alone() -> None:
    """Prevents a secret, or the history, from getting into an image, and a room from being left out of it."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert next(line for line in lines if not line.startswith("#")) == "*"
    allowed = {line[1:] for line in lines if line.startswith("!")}
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    rooms = {name.rstrip("*") for name in packaged["find"]["include"]}
    assert rooms <= allowed
    assert {name for name in allowed if (ROOT / name).is_dir()} == rooms | {"deploy", "docs"}
    assert "deploy/*.env" in lines


def test_only_the_heartbeat_knows_its_address() -> None:
    """Prevents the address, with which anybody can silence the alarm, from being known to more than needs it."""
    for unit in (DEPLOY / "systemd").glob("*.service"):
        lines = unit.read_text(encoding="utf-8").splitlines()
        known = "EnvironmentFile=/etc/uploadwatch/heartbeat.env" in lines
        assert known is (unit.stem == "uploadwatch-heartbeat")
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]
    assert [name for name, found in services.items() if "heartbeat.env" in found.get("env_file", "")] == ["heartbeat"]
    assert "UPLOADWATCH_HEARTBEAT_URL=\n" in (DEPLOY / "heartbeat.env.example").read_text(encoding="utf-8")


def test_the_console_takes_the_place_of_the_web_server() -> None:
    """Prevents a console that can't show Dagster's UI of the deployment, or is reached without sign-in."""
    unit = (DEPLOY / "systemd" / "uploadwatch-console.service").read_text(encoding="utf-8")
    assert "EnvironmentFile=/etc/uploadwatch/console.env\n" in unit
    assert "--workspace /opt/uploadwatch/deploy/workspace.yaml\n" in unit
    service = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]["console"]
    assert "console.env" in service["env_file"]
    assert service["ports"] == ["127.0.0.1:8700:8700"]
    example = (DEPLOY / "console.env.example").read_text(encoding="utf-8")
    named = {line.lstrip("#").partition("=")[0] for line in example.splitlines() if "=" in line}
    known = {variable.name for variable in (*deployment_table(), *access_table())}
    assert named <= known


@pytest.mark.parametrize("service", ["code", "daemon", "webserver", "console", "metrics", "heartbeat"])
def test_containers_may_change_nothing_but_their_volume(service: str) -> None:
    """Prevents a container that can rewrite the product, or holds rights that it never needs."""
    found = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"][service]
    assert found["read_only"] is True
    assert found["cap_drop"] == ["ALL"]
    assert found["security_opt"] == ["no-new-privileges:true"]
    recipe = (DEPLOY / "Containerfile").read_text(encoding="utf-8")
    assert "\nUSER 10001:10001\n" in recipe
    assert "HEALTHCHECK" in recipe
    # The others would have the image's, which is the code server's.
    assert service == "code" or found["healthcheck"].get("disable") or found["healthcheck"]["test"][0] == "CMD"
