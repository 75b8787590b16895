"""``uploadwatch remove-source``: removal of a source, with or without its alerts and data."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from rich.markup import escape

from cli.idle import refuse_while_running
from cli.options import HOME, HomeOption, backfill_command, lake_of
from cli.terminal import terminal
from common.clock import Clock
from common.errors import CommandError
from connectors import ConfigurationError, configured
from detection.wording import size
from lake.removal import delete_source, keep_source
from lake.sources import known_sources
from orchestration.settings import Settings, environment

__all__ = ["remove_source"]


class _Alerts(StrEnum):
    """Treatment of the alerts of a removed source."""

    KEEP = "keep"
    WITHDRAW = "withdraw"


def remove_source(
    source: Annotated[str, typer.Argument(help="The source, such as box.")],
    by: Annotated[str, typer.Option(help="Who removes it.")],
    note: Annotated[str, typer.Option(help="Why.")],
    alerts: Annotated[
        _Alerts, typer.Option(help="keep its alerts and data, or withdraw the alerts and delete the data.")
    ] = _Alerts.KEEP,
    home: HomeOption = HOME,
) -> None:
    """Remove for good a source that is no longer configured.

    Until then its alerts and history are kept and the check `configured` fails. With `--alerts keep` they stay for
    good, and the check passes. With `--alerts withdraw` its data are deleted, and alerts based on this source only are
    withdrawn.
    """
    lake, values = lake_of(home), environment()
    if source in configured(values):
        raise ConfigurationError(f"{source} is configured. Unset its variables first, then run this again.")
    if source not in known_sources(lake, []):
        raise CommandError(f"{home} holds no data of {source!r}. Its sources: {', '.join(known_sources(lake, []))}.")
    refuse_while_running(values)
    days = lake.landed_days(f"{source}/uploads")
    with lake.alone(f"{source}/audit_events"), lake.alone():
        if alerts is _Alerts.KEEP:
            now = Clock(fixed=Settings.read(values).now).now()
            keep_source(lake, source, by=by, why=note, now=now)
            said = f"{source} is removed; its alerts and history stay."
        else:
            freed = delete_source(lake, source)
            said = (
                f"{source} is removed, and its data ({size(freed)}) are deleted. The next run over their days "
                "withdraws alerts based on this source only; to withdraw them all, run: "
                f"{backfill_command(home, days[0], days[-1], values)}"
            )
    terminal().print(escape(said), highlight=False, soft_wrap=True)
