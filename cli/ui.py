"""``uploadwatch ui``: Dagster's UI with its daemon, on a replay's home or on the home of an organisation."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated

import requests
import typer

from cli.dagster_places import organisation_place, without_settings
from cli.options import HOME, HomeOption
from cli.replay import Home, sandbox
from cli.terminal import terminal
from common.errors import CommandError
from orchestration.code_server import Place, code_server_command, end_processes, workspace_text
from orchestration.env_file import ENV_FILE, env_text
from orchestration.settings import Settings, environment

__all__ = ["ui"]

_START_SECONDS = 120
_STOP_SECONDS = 20
_PAUSE_SECONDS = 0.2


def ui(
    home: HomeOption = HOME,
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 3000,
) -> None:
    """Open Dagster's UI: on a replay with its sandbox, or on your organisation's home with schedules and sensors.

    Runs that are in progress end with it. The organisation's settings and secrets come from the environment and the
    file of variables; after a change of the file choose *Reload definitions* in the UI.
    """
    out = terminal()
    with ExitStack() as stack:
        if noted := Home(home).variables():
            stack.enter_context(_alone(home, port))
            place = stack.enter_context(_replayed(Home(home), noted))
            out.print(f"{home} holds a replay of made-up history, with a sandbox for the providers.", soft_wrap=True)
        else:
            place = organisation_place(home)
            stack.enter_context(_alone(home, port))
            schedules = (
                "Schedules that nobody stopped run"
                if Settings.read(environment()).schedules_on
                else "Schedules are off until you switch them on"
            )
            out.print(f"{home} is watched while this runs. {schedules}: see Automation.", soft_wrap=True)
        _serve(place, port, stack)


@contextmanager
def _replayed(home: Home, noted: dict[str, str]) -> Iterator[Place]:
    """Start the sandbox of a replay."""
    workload, now = Path(noted.pop("workload")), datetime.fromisoformat(noted["UPLOADWATCH_NOW"])
    providers = noted.pop("providers").split(",")
    with home.instance(), sandbox(workload, home.path / "sandbox", now=now) as stand_in:
        # Not the environment: runs that the UI shows are started with it.
        variables_file = home.path / "sandbox" / "ui.env"
        variables_file.write_text(env_text({**stand_in.variables(providers), **noted}), encoding="utf-8")
        storage = home.path / "dagster"
        # Dagster reads the .env of its working directory; in its own there is none.
        yield Place(storage, storage, {**without_settings(os.environ), ENV_FILE: str(variables_file)})


def _serve(place: Place, port: int, stack: ExitStack) -> None:
    """Run the code location, the daemon and the web server until one ends or this process is stopped.

    Raises:
        CommandError: One of them ended by itself; the message has the last lines of its log.
    """

    def stop(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    _refuse_taken(port)
    logs = place.storage / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="uploadwatch-")))
    workspace = folder / "workspace.yaml"
    workspace.write_text(workspace_text(folder / "code"), encoding="utf-8")
    # A person's directory may hold one that is called as a package is.
    safe = {"PYTHONSAFEPATH": "1", "DAGSTER_HOME": str(place.storage)}
    # Neither of the others needs the secrets.
    bare = {**without_settings(os.environ), **safe}
    commands = {
        "code": code_server_command(folder / "code"),
        "daemon": ["-m", "dagster._daemon", "run", "-w", str(workspace), "--log-level", "warning"],
        "webserver": [
            *("-m", "dagster_webserver", "-h", "127.0.0.1", "-p", str(port), "-w", str(workspace)),
            *("--dagster-log-level", "warning", "--suppress-warnings"),
        ],
    }
    started: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, command in commands.items():
            own = {**place.environment, **safe} if name == "code" else bare
            with (logs / f"{name}.log").open("wb") as log:
                started[name] = subprocess.Popen(
                    [sys.executable, *command],
                    cwd=place.folder if name == "code" else place.storage,
                    env=own,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            if name == "code":
                _wait(started, logs, (folder / "code").exists)
        _wait(started, logs, lambda: _served(port))
        terminal().print(
            f"Dagster's UI on http://127.0.0.1:{port} (stop with Ctrl-C); logs in {logs}",
            highlight=False,
            soft_wrap=True,
        )
        _wait(started, logs, lambda: False, seconds=None)
    except KeyboardInterrupt:
        pass
    finally:
        end_processes(started.values())


@contextmanager
def _alone(home: Path, port: int) -> Iterator[None]:
    """Keep a second UI from a home: its daemon would start each schedule's run a second time.

    Raises:
        CommandError: Another process serves it; the message has its address.
    """
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".ui").open("a+", encoding="utf-8") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held.seek(0)
            raise CommandError(f"{home} is served already: use http://127.0.0.1:{held.read()}, or end it.") from None
        held.truncate(0)
        held.write(str(port))
        held.flush()
        yield


def _refuse_taken(port: int) -> None:
    with socket.socket() as ours:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            ours.bind(("127.0.0.1", port))
        except OSError:
            raise CommandError(f"Port {port} is in use. End what uses it, or name another with --port.") from None


def _served(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/server_info", timeout=_STOP_SECONDS).ok
    except requests.ConnectionError:
        return False


def _wait(
    started: Mapping[str, subprocess.Popen[bytes]],
    logs: Path,
    ready: Callable[[], bool],
    seconds: float | None = _START_SECONDS,
) -> None:
    """Wait until something is ready, as long as all processes run."""
    deadline = time.monotonic() + seconds if seconds else None
    while not ready():
        for name, process in started.items():
            if process.poll() is not None:
                said = (logs / f"{name}.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
                raise CommandError(f"Dagster's {name} ended: {' / '.join(said) or 'it said nothing'}")
        if deadline and time.monotonic() > deadline:
            raise CommandError(f"Dagster did not start within {seconds:.0f} seconds. See its logs in {logs}.")
        time.sleep(_PAUSE_SECONDS)
