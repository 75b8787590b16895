"""``uploadwatch console``: the analyst's console of a deployment."""

from __future__ import annotations

import secrets
from typing import Annotated

import typer
import uvicorn

from cli.options import HOME, HomeOption, lake_of
from cli.terminal import terminal
from console.app import create_app
from console.context import Deployment
from lake.home import replay_variables
from orchestration.settings import environment

__all__ = ["console"]


def console(
    home: HomeOption = HOME,
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 8700,
) -> None:
    """Serve the console: cases to read and review, people, and the health of the sources."""
    lake_of(home)
    token = secrets.token_urlsafe(32)
    app = create_app(Deployment.read(home, {**environment(), **replay_variables(home)}), token)
    terminal().print(f"http://127.0.0.1:{port}/?token={token}", highlight=False, soft_wrap=True)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", server_header=False)
