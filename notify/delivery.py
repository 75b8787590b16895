"""Delivery round: new and changed alerts enter the outbox, and due messages are sent."""

from __future__ import annotations

import fcntl
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from lake.ledger import publish
from lake.shown_alerts import shown_alerts, utc
from lake.store import Lake
from notify.channels import Channel, DeliveryError
from notify.links import linked
from notify.messages import Message, capped
from notify.outbox import Outbox, Route, outbox_of
from notify.pseudonymized import pseudonymized
from notify.published import Published
from privacy.pseudonyms import Pseudonyms

__all__ = ["Delivered", "alone", "deliver", "enter_alerts", "outbox_of"]

_SECONDS = 20.0
"""Time after which no further message is started: Dagster gives a sensor a minute, and entering takes some of it."""


@dataclass
class Delivered:
    """Result of a delivery round.

    Attributes:
        sent: Number of messages that channels accepted.
        failed: Channel and reason for each message that was not accepted.
        parked: How many of these were given up.
    """

    sent: int
    failed: list[str]
    parked: int


@contextmanager
def alone(home: Path) -> Iterator[bool]:
    """Lock out a second round, which would send twice and out of order; yield whether this round may run."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".outbox.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def enter_alerts(outbox: Outbox, lake: Lake, routes: Sequence[Route], now: datetime, max_age: timedelta) -> int:
    """Publish the alerts and enter each that differs from its last message, unless it ended too long ago.

    If an alert changed several times since the last round, only its latest form is entered: it contains the others.

    Returns:
        How many were new.
    """
    since = (now - max_age).astimezone(UTC).replace(tzinfo=None)
    # Computed first, so that the next round sees what changes meanwhile.
    inputs = _inputs(lake)
    entered, _, age = (outbox.mark("alerts") or "").partition(" ")
    # If the previous round looked less far back (clock ahead, or another setting), it left some alerts out.
    if entered == inputs and age <= since.isoformat():
        return 0
    with duckdb.connect() as con:
        publish(con, lake, now)
        messages = _messages(con, since)
        rows = con.execute("SELECT left(alert_id, 16), revision, concat_ws(' ', state, left(digest, 12)) FROM ledger")
        published = {key: Published(revision, content) for key, revision, content in rows.fetchall()}
    mark = ("alerts", f"{inputs} {since.isoformat()}")
    return outbox.add(messages, routes, now, mark=mark, published=published)


def _inputs(lake: Lake) -> str:
    """Return the digest of all inputs of the messages: the alerts and the ledger."""
    ledger = Path(lake.root) / "published.parquet"
    published = hashlib.sha256(ledger.read_bytes()).hexdigest() if ledger.exists() else ""
    return lake.digest(["alerts"], lake.days("alerts"), published)


def _messages(con: duckdb.DuckDBPyConnection, since: datetime) -> list[Message]:
    shown = {alert["alert_id"]: alert for alert in shown_alerts(con, since)}
    rows = con.execute(
        """
        SELECT l.alert_id, l.revision, l."user", l.first_window_start, l.last_window_end, l.state, l.reason,
          concat_ws('|', l.state, l.digest) AS content,
          bool_or(r.state = 'open') OR count(*) < max(l.revision) AS opened,
          arg_max(r.name, r.revision) AS name, arg_max(r.severity, r.revision) AS severity
        FROM ledger l
        JOIN revisions r ON r.alert_id = l.alert_id
        WHERE l.last_window_end >= ?
        GROUP BY ALL
        ORDER BY l.first_window_start, l."user"
        """,
        [since],
    ).fetchall()
    messages = []
    for alert_id, revision, user, start, end, state, reason, content, opened, name, severity in rows:
        if state == "open":
            event, about = "case.updated", shown[alert_id]
            case = about["case"]["alert_ids"]
        else:
            case = []
            event, about = (
                "alert.withdrawn",
                {
                    "alert_id": alert_id,
                    "name": name,
                    "severity": severity,
                    "user": user,
                    "first_window_start": utc(start),
                    "last_window_end": utc(end),
                    "revision": revision,
                    "state": state,
                    "reason": reason,
                },
            )
        messages.append(
            Message(
                *(event, alert_id, revision, user, capped(about), about["severity"], content, opened),
                case=tuple(case),
                escalates=about.get("escalates", False),
            )
        )
    return messages


def deliver(
    outbox: Outbox,
    channels: Sequence[Channel],
    now: Callable[[], datetime],
    pseudonyms: Pseudonyms | None = None,
    console_url: str = "",
) -> Delivered:
    """Send the due messages, one to each channel in turn, until nothing is due or the time is up.

    A channel that does not accept a message is skipped for the rest of the round: the others would probably fail, too,
    and each attempt may take long. Messages for a channel that can't be used wait until it can.

    Args:
        outbox: The outbox.
        channels: The channels.
        now: Clock.
        pseudonyms: Replaces names in the messages by tokens; None leaves names as they are.
        console_url: Address of the console, to which messages link; empty for no links.
    """
    done = Delivered(0, [f"{channel.name}: {channel.fault}" for channel in channels if channel.fault], 0)
    outbox.settle(now())
    deadline = time.monotonic() + _SECONDS
    open_ = [channel for channel in channels if not channel.fault]
    while open_ and time.monotonic() < deadline:
        for channel in tuple(open_):
            letter = outbox.next(channel.name, now())
            if letter is None:
                open_.remove(channel)
                continue
            try:
                said = pseudonymized(letter, pseudonyms) if pseudonyms else letter
                channel.send(linked(said, console_url), now())
            except DeliveryError as error:
                open_.remove(channel)
                done.parked += outbox.failed(letter, error.reason, now(), error.wait)
                done.failed.append(f"{channel.name}: {error.reason}")
            else:
                outbox.sent(letter)
                done.sent += 1
    return done
