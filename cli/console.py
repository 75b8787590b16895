"""``uploadwatch console``: the analyst's console of a deployment."""

from __future__ import annotations

import secrets
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from cli.dagster_places import console_place
from cli.options import HOME, HomeOption, lake_of
from cli.terminal import terminal
from console.app import create_app
from console.context import Deployment
from console.dagster_ui.server import DagsterServer
from lake.home import replay_variables
from orchestration.settings import environment

__all__ = ["console"]


def console(
    home: HomeOption = HOME,
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 8700,
    workspace: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Workspace file of a deployment whose code server runs."),
    ] = None,
) -> None:
    """Serve the console: cases to read and review, people, the health of the sources, and Dagster's UI."""
    lake_of(home)
    token = secrets.token_urlsafe(32)
    server = DagsterServer(partial(console_place, home, served=workspace is not None), workspace)
    app = create_app(Deployment.read(home, {**environment(), **replay_variables(home)}), token, server)
    terminal().print(f"http://127.0.0.1:{port}/?token={token}", highlight=False, soft_wrap=True)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", server_header=False, timeout_graceful_shutdown=5)
