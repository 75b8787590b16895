"""``uploadwatch notify``: notifications now."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from cli.options import HOME, HomeOption, lake_of
from cli.terminal import terminal
from common.clock import Clock
from common.errors import CommandError
from connectors import ConfigurationError
from notify.channels import Channel, DeliveryError, open_channel
from notify.delivery import alone, deliver, enter_alerts, outbox_of
from notify.messages import trial_message
from notify.outbox import Letter
from notify.settings import read_channels
from notify.source_news import enter_sources
from orchestration.pseudonymity import pseudonyms_of
from orchestration.settings import Settings, environment

__all__ = ["notify"]


def notify(
    home: HomeOption = HOME,
    test: Annotated[bool, typer.Option("--test", help="Only send a test message to every channel.")] = False,
) -> None:
    """Notify of alerts and sources now, as the sensor does every half minute; with --test, try the channels.

    The exit status is 1 if a channel did not take a message.
    """
    values = environment()
    settings = Settings.read(values)
    clock = Clock(fixed=settings.now)
    pseudonyms = pseudonyms_of(values)
    channels = [open_channel(each) for each in read_channels(values)]
    if not channels:
        raise ConfigurationError(
            "No channel is configured. Set UPLOADWATCH_NOTIFY_<CHANNEL>_URL, see docs/notifications.md."
        )
    out = terminal()
    if test:
        worked = [_works(channel, clock.now(), out) for channel in channels]
        if not all(worked):
            raise typer.Exit(1)
        return
    lake, box = lake_of(home), outbox_of(home)
    with alone(home) as may:
        if not may:
            raise CommandError(
                "The sensor or another `uploadwatch notify` is sending now, and sends what is due. Try again when it "
                "is done."
            )
        turned = enter_sources(box, lake, channels, clock.now())
        try:
            entered = enter_alerts(box, lake, channels, clock.now(), timedelta(days=settings.notify_max_age_days))
        finally:
            # Deliver everything else even if the lake's alerts cannot be read.
            done = deliver(box, channels, clock.now, pseudonyms, settings.console_url)
    out.print(f"{entered} alerts new or changed; {done.sent} messages sent, {len(done.failed)} not taken")
    if turned:
        out.print(f"{turned} sources started to fail or recovered")
    for failure in done.failed:
        out.print(escape(failure), highlight=False)
    if done.failed:
        raise typer.Exit(1)


def _works(channel: Channel, now: datetime, out: Console) -> bool:
    """Send a test message without the outbox, and return whether the channel accepted it."""
    message = trial_message(now)
    try:
        channel.send(Letter(0, message.subject, message.revision, message.event, message.about, 0), now)
    except DeliveryError as error:
        out.print(f"{channel.name}: [bold red]failed[/], {escape(error.reason)}", highlight=False)
        return False
    out.print(f"{channel.name}: [green]ok[/]", highlight=False)
    return True
