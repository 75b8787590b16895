"""Notification messages, and the channels that they go to."""

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
    """One thing that is to be told.

    Attributes:
        event: One of :data:`EVENTS`; of an alert that is not withdrawn, whether it is new depends on the channel.
        subject: What it is about: an ``alert_id``, ``run-<id>``, ``feed-<provider>``, ``source-<provider>``.
        revision: Least number of this form, from 1: the outbox counts on where it gave that number to another form.
        line: Messages of one line are delivered in their order: the user of an alert, else the subject.
        about: What the message says, as the webhook's JSON has it; its key is the first half of the event.
        severity: Of an alert; None for what every channel is told.
        content: Digest of what the message says. What says the same as the last message about the subject is not
            entered again. Empty where the revision alone tells the forms apart.
        opened: Whether the alert ever stood open; of one that never did no channel was told.
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
        series: Of an outbox that may have given these numbers before, what tells its keys from those; else empty.
    """
    return f"{subject}-{revision}-{series}" if series else f"{subject}-{revision}"


def event_for(message: Message, least: str, *, told: bool | None) -> str | None:
    """Return what a message is to one channel; None where the channel is not to get it.

    Args:
        message: The message.
        least: The channel's least severity.
        told: Whether the channel was told of the alert before. Then it is told of all that follows, lest it keep a
            form of the alert that no longer holds. None where nobody remembers.
    """
    if told or not message.event.startswith("alert."):
        return message.event
    if SEVERITIES.index(message.severity or SEVERITIES[0]) < SEVERITIES.index(least):
        return None
    if message.event == "alert.withdrawn":
        return message.event if told is None else None
    return "alert.new"


def run_failed(run: str, job: str, days: Sequence[str], steps: Mapping[str, str]) -> Message:
    """A run that failed.

    Args:
        run: Its id.
        job: Its job.
        days: First and last day that it was for, or none.
        steps: For each step that failed the error's first line.
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
    """Return the message about a provider whose events stopped, or came again.

    Args:
        provider: The provider.
        stale: Whether it is stale now.
        said: What the check says, or why it is taken for stale.
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
    """A message by which a person sees that a channel works."""
    subject = f"test-{int(now.timestamp() * 1000)}"
    return Message("test", subject, 1, subject)


def capped(value: Any) -> Any:
    """A value for JSON in which texts and lists, which may come from outside, are cut to a size that receivers take."""
    if isinstance(value, str):
        return value if len(value) <= _LONGEST else f"{value[: _LONGEST - 1]}…"
    if isinstance(value, Mapping):
        return {name: capped(part) for name, part in value.items()}
    if isinstance(value, list):
        return [capped(part) for part in value[:_MOST]]
    return value
