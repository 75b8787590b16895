"""The sensors that notify: of alerts, of sources and runs that fail, and of providers whose events stop."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg

from common.clock import Clock
from lake.coverage import begins
from lake.store import Lake
from notify.channels import Channel, open_channel
from notify.delivery import alone, deliver, enter_alerts, outbox_of
from notify.messages import Message, feed_message, run_failed
from notify.outbox import Outbox
from notify.settings import channel_variables, read_channels
from notify.source_news import enter_sources
from orchestration.causes import causes
from orchestration.settings import Settings
from privacy.pseudonyms import Pseudonyms

__all__ = ["Notifier", "notification_sensors", "notifier"]

_INTERVAL = 30
_UNCHECKED = timedelta(days=1)
"""Time after which a missing check evaluation means that nothing is pulled; a poll run starts every 15 minutes."""
_BUSY = timedelta(minutes=30)
"""Time after which a run in progress no longer delays messages about sources; its end may never be recorded."""


class Notifier(dg.ConfigurableResource[None]):
    """The outbox and the channels.

    Attributes:
        home: Directory of the outbox.
        environment: Variables of the channels; each given as an ``EnvVar``, since all may be secrets.
        max_age_days: Age in days from which alerts are no longer notified.
        pseudonym_key: Key that turns names into tokens, given as an ``EnvVar``; empty leaves names unchanged.
        console_url: Address of the console, to which messages link; empty for no links.
    """

    home: str
    environment: dict[str, str]
    max_age_days: float
    pseudonym_key: str = ""
    console_url: str = ""

    def channels(self) -> list[Channel]:
        """Return the opened channels."""
        return [open_channel(settings) for settings in read_channels(self.environment)]

    def pseudonyms(self) -> Pseudonyms | None:
        """Return the maker of tokens for names in outgoing messages; None leaves names unchanged.

        Raises:
            privacy.pseudonyms.KeyFormatError: The key cannot be used.
        """
        return Pseudonyms(self.pseudonym_key) if self.pseudonym_key else None

    def outbox(self) -> Outbox:
        """Return the outbox."""
        return outbox_of(Path(self.home))


def notifier(values: Mapping[str, str], settings: Settings, pseudonym_key: str) -> Notifier | None:
    """Return the resource for an environment; None where no channel is configured."""
    names = channel_variables(values)
    if not names:
        return None
    environment: dict[str, str] = {name: dg.EnvVar(name) for name in names}
    return Notifier(
        home=str(settings.home.absolute()),
        environment=environment,
        max_age_days=settings.notify_max_age_days,
        pseudonym_key=pseudonym_key,
        console_url=settings.console_url,
    )


def notification_sensors(providers: Sequence[str]) -> list[dg.SensorDefinition]:
    """Return the sensors; they are on from the start, since whoever configures a channel expects messages from it.

    Args:
        providers: Providers whose feeds are watched.
    """

    @dg.sensor(
        name="notifications",
        minimum_interval_seconds=_INTERVAL,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Enters new and changed alerts, sources that fail and feeds that stop in the outbox, and delivers.",
    )
    def _notifications(
        context: dg.SensorEvaluationContext,
        lake: dg.ResourceParam[Lake],
        clock: dg.ResourceParam[Clock],
        notifier: Notifier,
    ) -> dg.SkipReason:
        channels, outbox, pseudonyms = notifier.channels(), notifier.outbox(), notifier.pseudonyms()
        with alone(Path(notifier.home)) as may:
            if not may:
                return dg.SkipReason("Another round is at work.")
            now = clock.now()
            busy = _busy_since(context.instance, now)
            entered = enter_sources(outbox, lake, channels, now, busy_since=busy)
            for provider in providers:
                entered += _enter_feed(outbox, channels, context.instance, lake, provider, now)
            try:
                entered += enter_alerts(outbox, lake, channels, now, timedelta(days=notifier.max_age_days))
            finally:
                # Deliver everything else even if the lake's alerts cannot be read.
                done = deliver(outbox, channels, clock.now, pseudonyms, notifier.console_url)
        counts = outbox.counts()
        for failure in done.failed:
            context.log.warning("Not delivered to %s", failure)
        if done.parked:
            context.log.error("%d messages were parked after too many attempts: see `uploadwatch outbox`", done.parked)
        return dg.SkipReason(
            f"{entered} entered, {done.sent} sent, {len(done.failed)} failed; {counts['pending']} pending, "
            f"{counts['parked']} parked."
        )

    @dg.run_failure_sensor(
        name="run_failures",
        minimum_interval_seconds=_INTERVAL,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Enters every run that failed in the outbox.",
    )
    def _run_failures(context: dg.RunFailureSensorContext, clock: dg.ResourceParam[Clock], notifier: Notifier) -> None:
        notifier.outbox().add([_failure(context)], notifier.channels(), clock.now())

    return [_notifications, _run_failures]


def _busy_since(instance: dg.DagsterInstance, now: datetime) -> datetime | None:
    """Return the start of the oldest run in progress; None if there is none."""
    records = instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]), limit=100)
    begun = (datetime.fromtimestamp(record.start_time, UTC) for record in records if record.start_time)
    return min((start for start in begun if now - start < _BUSY), default=None)


def _failure(context: dg.RunFailureSensorContext) -> Message:
    run = context.dagster_run
    steps = causes(context.get_step_failure_events()) or {
        "the run": (context.failure_event.message or "no reason given").splitlines()[0]
    }
    tags = [f"dagster/asset_partition_range_{end}" for end in ("start", "end")]
    days = [run.tags[tag] for tag in (*tags, "dagster/partition") if tag in run.tags]
    return run_failed(run.run_id, run.job_name, days, steps)


def _enter_feed(
    outbox: Outbox, channels: Sequence[Channel], instance: dg.DagsterInstance, lake: Lake, provider: str, now: datetime
) -> int:
    """Enter a message if a provider has become stale, or fresh again, since the last round."""
    key = dg.AssetCheckKey(dg.AssetKey([provider, "uploads"]), "fresh")
    record = instance.get_latest_asset_check_evaluation_record(key)
    if record is None:
        return 0
    at = datetime.fromtimestamp(record.create_timestamp, UTC)
    event = record.event.dagster_event if record.event else None
    if now - at > _UNCHECKED:
        stale = True
        said = (
            f"No run has looked since {at:%Y-%m-%d %H:%M} UTC. See whether the schedule `poll` is on, whether "
            "Dagster's daemon runs, and the last run's log."
        )
    elif event and event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
        evaluation = event.asset_check_evaluation_data
        stale, said = not evaluation.passed, evaluation.description or ""
    else:
        # A run in progress will evaluate the check.
        return 0
    message = feed_message(provider, stale=stale, said=said)
    # Nobody was notified that this feed is stale, so nobody needs to read that it is fresh again. And the first events
    # of a new source may take as long as the provider publishes them late.
    if outbox.last(message.subject) is None and (not stale or begins(lake, provider, since=now - _UNCHECKED)):
        return 0
    return outbox.add([message], channels, now)
