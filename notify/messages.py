"""Notification messages, and which channels receive them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from detection.rule import SEVERITIES

__all__ = [
    "EVENTS",
    "Known",
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
    *("case.opened", "case.updated", "case.escalated", "alert.withdrawn", "run.failed"),
    *("source.failing", "source.recovered", "feed.stale", "feed.fresh", "test"),
)
_LONGEST = 2000
_MOST = 50


@dataclass(frozen=True)
class Message:
    """A message to send.

    Attributes:
        event: One of :data:`EVENTS`. Whether an alert that is not withdrawn opens its case, updates it or escalates it
            depends on what the channel knows, see :func:`event_for`.
        subject: What it is about: an ``alert_id``, ``run-<id>``, ``feed-<provider>``, ``source-<provider>``.
        revision: Lowest number of this form, from 1. The outbox takes a higher one if it used the number before.
        line: Messages of one line are delivered in order: the user of an alert, else the subject.
        about: Content, as in the webhook's JSON; its key there is the first half of the event.
        severity: Severity of an alert; None for a message to every channel.
        content: Digest of the content. A message equal to the last one about the subject is not entered again.
            Empty if the revision alone identifies the form.
        opened: Whether the alert was ever open. If it never was, no channel was notified of it.
        case: The alerts of the alert's case; whoever was notified of one of them knows the case.
        escalates: Whether the alert escalates its case.
    """

    event: str
    subject: str
    revision: int
    line: str
    about: Mapping[str, Any] = field(default_factory=dict)
    severity: str | None = None
    content: str = ""
    opened: bool = True
    case: tuple[str, ...] = ()
    escalates: bool = False

    @property
    def is_about_alert(self) -> bool:
        """Whether an alert is its subject; the ledger numbers its forms."""
        return self.event.startswith(("alert.", "case."))


@dataclass(frozen=True)
class Known:
    """Earlier notifications of a channel about the subject of a message.

    Attributes:
        alert: Whether of its alert. Then it gets all later forms, so that it does not keep an outdated one. None if
            this is unknown.
        case: Whether of any alert of its case.
        escalation: Whether it knows already that the alert escalates its case, or knows the case by this alert.
    """

    alert: bool | None
    case: bool = False
    escalation: bool = False


def key_of(subject: str, revision: int, series: str = "") -> str:
    """Return the idempotency key: the same in every attempt, and for no other message of a channel.

    Args:
        subject: What the message is about.
        revision: Its number among the messages about the subject.
        series: Suffix that makes keys unique if the outbox may have used these numbers before; else empty.
    """
    return f"{subject}-{revision}-{series}" if series else f"{subject}-{revision}"


def event_for(message: Message, least: str, known: Known) -> str | None:
    """Return the event under which one channel gets a message; None if it does not get it.

    Args:
        message: The message.
        least: The channel's lowest severity.
        known: What the channel was notified of before.
    """
    if not message.is_about_alert:
        return message.event
    is_severe = SEVERITIES.index(message.severity or SEVERITIES[0]) >= SEVERITIES.index(least)
    if not (known.alert or is_severe):
        return None
    if message.event == "alert.withdrawn":
        return None if known.alert is False else message.event
    if not (known.alert or known.case):
        return "case.opened"
    return "case.escalated" if message.escalates and not known.escalation else "case.updated"


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
