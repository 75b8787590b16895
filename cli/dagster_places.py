"""Places of the homes that Dagster's UI is opened on: of an organisation, or of a replay."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import typer
from dotenv import dotenv_values

from cli.replay import Home, Sandbox
from common.errors import CommandError
from connectors import configured, variables
from orchestration.code_server import Place
from orchestration.env_file import read_env_file
from orchestration.settings import Settings, environment
from orchestration.shipped_files import shipped_text
from providers import PROVIDERS

__all__ = ["console_place", "organisation_place", "without_settings"]


def console_place(home: Path, *, served: bool) -> Place:
    """Return the place of the home that the console shows.

    Its runs wait until a daemon starts them. So a replay is shown as it was left, without its sandbox.

    Args:
        home: The home.
        served: Whether a code server of the deployment runs already.

    Raises:
        CommandError: No provider is configured, or parts of a replay are missing.
    """
    if served:
        storage = Path(environment().get("DAGSTER_HOME") or home / "dagster").absolute()
        return Place(storage, storage, {})
    noted = Home(home).variables()
    if not noted:
        if not configured(environment()):
            raise CommandError(
                "No provider is configured here. Set the variables of one (docs/configuration.md), or name the "
                "workspace file of a deployment with `uploadwatch console --workspace`."
            )
        return organisation_place(home)
    credentials = home.absolute() / "sandbox" / "sandbox.env"
    if not credentials.exists():
        raise CommandError(f"{home} holds a replay without {credentials}. Make it again with `uploadwatch demo`.")
    stand_in = Sandbox({name: value for name, value in dotenv_values(credentials).items() if value is not None})
    providers = noted.pop("providers").split(",")
    storage = Home(home).write_dagster_settings()
    values = {name: value for name, value in noted.items() if name != "workload"}
    values["UPLOADWATCH_HOME"] = str(home.absolute())
    # In this directory there is no file of variables, which would be an organisation's.
    return Place(storage, storage, {**without_settings(os.environ), **stand_in.variables(providers), **values})


def organisation_place(home: Path) -> Place:
    """Prepare the home of an organisation, and return its place.

    Raises:
        typer.BadParameter: No provider is configured.
    """
    values = environment()
    if not configured(values):
        raise typer.BadParameter(
            f"{home} was not made by `uploadwatch demo` or `uploadwatch run`, and no provider is configured. Run one "
            "of them first, or set the variables of a provider: docs/configuration.md."
        )
    Settings.read(values)
    storage = Path(values.get("DAGSTER_HOME") or home / "dagster").absolute()
    storage.mkdir(parents=True, exist_ok=True)
    if not (storage / "dagster.yaml").exists():
        (storage / "dagster.yaml").write_text(shipped_text("dagster.yaml"), encoding="utf-8")
    # What comes from the file is left to the code location, which reads it again when definitions are reloaded.
    filed = read_env_file()
    own = {name: value for name, value in os.environ.items() if filed.get(name) != value}
    return Place(storage, Path.cwd(), {**own, "UPLOADWATCH_HOME": str(home.absolute())})


def without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without settings and credentials of a real deployment."""
    theirs = {name for provider in PROVIDERS for name in variables(provider)}
    return {
        name: value for name, value in environment.items() if name not in theirs and not name.startswith("UPLOADWATCH_")
    }
