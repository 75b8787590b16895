"""Code server of this package: Dagster's process that loads the definitions, for a UI that is started by a command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orchestration.schedules import LOCATION

__all__ = ["Place", "code_server_command", "end_processes", "workspace_text"]

_STOP_SECONDS = 20


@dataclass(frozen=True)
class Place:
    """Storage, directory and variables that Dagster is started on.

    Attributes:
        storage: ``DAGSTER_HOME``.
        folder: Working directory of the code location.
        environment: Variables of the code location alone, which may be secrets.
    """

    storage: Path
    folder: Path
    environment: Mapping[str, str]


def code_server_command(socket: Path) -> list[str]:
    """Return the arguments of Python that serve the code location on a socket."""
    location = ["-m", "orchestration.definitions", "--location-name", LOCATION, "--socket", str(socket)]
    return ["-m", "dagster", "code-server", "start", *location, "--log-level", "warning"]


def workspace_text(socket: Path) -> str:
    """Return the text of a workspace file that has the code location on a socket."""
    server = {"socket": str(socket), "host": "localhost", "location_name": LOCATION}
    return json.dumps({"load_from": [{"grpc_server": server}]})


def end_processes(processes: Iterable[subprocess.Popen[bytes]]) -> None:
    """End processes and their children, the last first; each leads a session of its own."""
    started = [*processes][::-1]
    for process in started:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
    for process in started:
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_STOP_SECONDS)
        # The parent does not always stop its children.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
