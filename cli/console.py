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
from common.errors import ConfigurationError
from console.access.gate import Gate, operating_user
from console.app import create_app
from console.context import Deployment
from console.dagster_ui.server import DagsterServer
from lake.audit_log import record
from lake.home import replay_variables
from orchestration.access_settings import is_loopback
from orchestration.settings import environment

__all__ = ["console"]


def console(
    home: HomeOption = HOME,
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8700,
    host: Annotated[
        str, typer.Option(help="Address to listen on; others than loopback need a way to sign in.")
    ] = "127.0.0.1",
    workspace: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Workspace file of a deployment whose code server runs."),
    ] = None,
    revoke: Annotated[
        str, typer.Option(metavar="NAME", help="End all sessions of a person, by the name in the list, and exit.")
    ] = "",
) -> None:
    """Serve the console: cases to read and review, people, the health of the sources, and Dagster's UI.

    Without further settings it serves the person who starts it: the printed address signs in, as often as needed while
    the command runs. For others, set up sign-in: docs/console-sign-in.md.
    """
    lake_of(home)
    deployment = Deployment.read(home, {**environment(), **replay_variables(home)})
    token = secrets.token_urlsafe(32)
    server = DagsterServer(partial(console_place, home, served=workspace is not None), workspace)
    app = create_app(deployment, token, server)
    gate: Gate = app.state.gate
    if revoke:
        record(deployment.lake, at=gate.clock.now(), by=operating_user(), act="revoke_sessions", text=f"of {revoke}")
        number = gate.sessions.revoke(revoke)
        terminal().print(f"Ended sessions: {number}", highlight=False)
        return
    if not gate.address and not is_loopback(host):
        raise ConfigurationError(
            f"--host {host} is reached by other machines, and nobody could sign in there safely. Set up sign-in by "
            "OpenID Connect or a proxy (docs/console-sign-in.md), or leave --host out."
        )
    local = f"http://{f'[{host}]' if ':' in host else host}:{port}/?token={token}"
    terminal().print(gate.address or local, highlight=False, soft_wrap=True)
    # Addresses of clients come from proxies that the settings name, not from whoever sends X-Forwarded-For.
    uvicorn.run(
        app,
        host=host,
        port=port,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=5,
    )
