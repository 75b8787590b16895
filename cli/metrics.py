"""``uploadwatch metrics``: metrics of a home for Prometheus."""

from __future__ import annotations

import signal
import sys
from typing import Annotated

import typer
from prometheus_client import generate_latest, start_http_server

from cli.options import HOME, HomeOption
from cli.terminal import terminal, write_plain
from common.clock import Clock
from common.errors import CommandError
from orchestration.monitoring.collector import HomeCollector, registry_of
from orchestration.settings import Settings, environment

__all__ = ["metrics"]


def metrics(
    home: HomeOption = HOME,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 9464,
    once: Annotated[bool, typer.Option("--once", help="Print the metrics, and end.")] = False,
) -> None:
    """Serve metrics for Prometheus on /metrics, read from the home whenever they are scraped.

    Nothing of the home is changed or locked. No metric names a user or a file. The server asks nobody for a password:
    let it listen on this machine, or on a network of its own.
    """
    values = environment()
    collector = HomeCollector(home.absolute(), values, Clock(fixed=Settings.read(values).now))
    collector.start()
    registry = registry_of(collector)
    if once:
        write_plain(generate_latest(registry).decode())
        return
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise CommandError(
            f"{host}:{port} cannot be listened on: {error.strerror or error}. Name another --host or --port."
        ) from None
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(0))
    terminal().print(f"Metrics of {home} on http://{host}:{port}/metrics (stop with Ctrl-C)", soft_wrap=True)
    try:
        thread.join()
    except KeyboardInterrupt:
        server.shutdown()
