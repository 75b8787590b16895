"""Notification messages, and which channels receive them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from detection.rule import SEVERITIES

__all__ = [
    "EVENTS",
    "Message",
    "capped",
    "event_for",
    "feed_message",
    "key_of",
    "run_failed",
    "source_message",
    "trial_message",
]

EVENTS = (
    *("alert.new", "alert.changed", "alert.withdrawn", "run.failed"),
    *("source.failing", "source.recovered", "feed.stale", "feed.fresh", "test"),
)
_LONGEST = 2000
_MOST = 50


@dataclass(frozen=True)
class Message:
    """A message to send.

    Attributes:
        event: One of :data:`EVENTS`. Whether an alert that is not withdrawn is new depends on the channel.
        subject: What it is about: an ``alert_id``, ``run-<id>``, ``feed-<provider>``, ``source-<provider>``.
        revision: Lowest number of this form, from 1. The outbox takes a higher one if it used the number before.
        line: Messages of one line are delivered in order: the user of an alert, else the subject.
        about: Content, as in the webhook's JSON; its key there is the first half of the event.
        severity: Severity of an alert; None for a message to every channel.
        content: Digest of the content. A message equal to the last one about the subject is not entered again.
            Empty if the revision alone identifies the form.
        opened: Whether the alert was ever open. If it never was, no channel was notified of it.
    """

    event: str
    subject: str
    revision: int
    line: str
    about: Mapping[str, Any] = field(default_factory=dict)
    severity: str | None = None
    content: str = ""
    opened: bool = True


def key_of(subject: str, revision: int, series: str = "") -> str:
    """Return the idempotency key: the same in every attempt, and for no other message of a channel.

    Args:
        subject: What the message is about.
        revision: Its number among the messages about the subject.
        series: Suffix that makes keys unique if the outbox may have used these numbers before; else empty.
    """
    return f"{subject}-{revision}-{series}" if series else f"{subject}-{revision}"


def event_for(message: Message, least: str, *, notified: bool | None) -> str | None:
    """Return the event under which one channel gets a message; None if it does not get it.

    Args:
        message: The message.
        least: The channel's lowest severity.
        notified: Whether the channel was notified of the alert before. Then it gets all later forms, so that it does
            not keep an outdated one. None if this is unknown.
    """
    if notified or not message.event.startswith("alert."):
        return message.event
    if SEVERITIES.index(message.severity or SEVERITIES[0]) < SEVERITIES.index(least):
        return None
    if message.event == "alert.withdrawn":
        return message.event if notified is None else None
    return "alert.new"


def run_failed(run: str, job: str, days: Sequence[str], steps: Mapping[str, str]) -> Message:
    """Return the message about a run that failed.

    Args:
        run: Its id.
        job: Its job.
        days: First and last day of its partitions, or none.
        steps: First line of the error of each failed step.
    """
    about = {
        "run_id": run,
        "job": job,
        "first_day": days[0] if days else None,
        "last_day": days[-1] if days else None,
        "failed": [{"step": step, "error": error} for step, error in steps.items()],
    }
    return Message("run.failed", f"run-{run}", 1, f"run-{run}", capped(about))


def feed_message(provider: str, *, stale: bool, said: str) -> Message:
    """Return the message about a provider whose events stopped or resumed.

    Args:
        provider: The provider.
        stale: Whether it is stale now.
        said: The check's message, or why the provider counts as stale.
    """
    subject = f"feed-{provider}"
    about = capped({"provider": provider, "reason": said})
    state = "stale" if stale else "fresh"
    return Message(f"feed.{state}", subject, 1, subject, about, content=state)


def source_message(provider: str, *, failing: bool, about: Mapping[str, Any]) -> Message:
    """Return the message about a source that fails, or works again.

    Args:
        provider: The source.
        failing: Whether it fails now.
        about: What the message says.
    """
    subject = f"source-{provider}"
    state = "failing" if failing else "recovered"
    return Message(f"source.{state}", subject, 1, subject, capped({"provider": provider, **about}), content=state)


def trial_message(now: datetime) -> Message:
    """Return a message that shows a person that a channel works."""
    subject = f"test-{int(now.timestamp() * 1000)}"
    return Message("test", subject, 1, subject)


def capped(value: Any) -> Any:
    """Cut texts and lists in a JSON value, which may come from outside, to a size that receivers accept."""
    if isinstance(value, str):
        return value if len(value) <= _LONGEST else f"{value[: _LONGEST - 1]}…"
    if isinstance(value, Mapping):
        return {name: capped(part) for name, part in value.items()}
    if isinstance(value, list):
        return [capped(part) for part in value[:_MOST]]
    return value
