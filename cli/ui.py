"""``uploadwatch ui``: Dagster's UI on a home that was made by a replay."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from cli.options import HOME, HomeOption
from cli.replay import PROJECT, Home, sandbox
from cli.terminal import terminal
from connectors import variables
from orchestration.env_file import ENV_FILE, env_text
from providers import PROVIDERS

__all__ = ["ui"]


def ui(
    home: HomeOption = HOME,
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 3000,
) -> None:
    """Open Dagster's UI on a home that `demo` or `run` made, with its sandbox running again."""
    place = Home(home)
    noted = place.variables()
    if not noted:
        raise typer.BadParameter(
            f"{home} was not made by `uploadwatch demo` or `uploadwatch run`; run one of them first."
        )
    workload, now = Path(noted.pop("workload")), datetime.fromisoformat(noted["UPLOADWATCH_NOW"])
    providers = noted.pop("providers").split(",")
    with place.instance(), sandbox(workload, place.path / "sandbox", now=now) as stand_in:
        # Only the code location's process reads the file: the web server and the daemon get no credentials.
        variables_file = place.path / "sandbox" / "ui.env"
        variables_file.write_text(env_text({**stand_in.variables(providers), **noted}), encoding="utf-8")
        terminal().print(f"Dagster's UI on http://127.0.0.1:{port} (stop with Ctrl-C)")
        _serve(
            [sys.executable, "-m", "dagster", "dev", "-w", str(PROJECT / "workspace.yaml"), "-p", str(port)],
            # Dagster reads the .env of its working directory; in its own there is none.
            place.path / "dagster",
            {**_without_settings(os.environ), ENV_FILE: str(variables_file)},
        )


def _serve(command: list[str], folder: Path, environment: Mapping[str, str]) -> None:
    """Run a server that has child processes, and end all of them when this process is stopped."""

    def stop(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    with subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True) as process:
        try:
            process.wait()
        except KeyboardInterrupt:
            # Signal all of them: the parent does not always stop its children.
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(timeout=20)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)


def _without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without settings and credentials of a real deployment: a replay must not reach it."""
    theirs = {name for provider in PROVIDERS for name in variables(provider)}
    return {
        name: value for name, value in environment.items() if name not in theirs and not name.startswith("UPLOADWATCH_")
    }
