"""Channels: a signed webhook, and all services of apprise. Their errors and logs contain no secret."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import unquote

import apprise
import msgspec
import requests

from connectors import ConfigurationError
from notify.outbox import Letter
from notify.quiet_http import UnansweredError, quiet, request
from notify.settings import ChannelSettings, signing_key
from notify.text import headline, text_of

__all__ = ["Channel", "DeliveryError", "open_channel", "payload"]

_SHORTEST_SECRET = 4


class DeliveryError(Exception):
    """A channel did not accept a message.

    Attributes:
        reason: Why, without secrets.
        wait: Seconds after which the receiver asks for a retry; None if it does not say.
    """

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait = wait


class Channel(Protocol):
    """Destination of messages.

    Attributes:
        name: Name of the channel.
        severity: Lowest severity of the alerts that are sent there.
        fault: Why it can't be used, without secrets; empty if it can.
    """

    name: str
    severity: str
    fault: str

    def send(self, letter: Letter, now: datetime) -> None:
        """Send a message.

        Raises:
            DeliveryError: The channel did not accept it.
        """


def open_channel(settings: ChannelSettings) -> Channel:
    """Return the channel of these settings. A channel that can't be used accepts no message, and its fault says why."""
    if settings.fault:
        return _Unusable(settings)
    try:
        return _Webhook(settings) if settings.secret else _Apprise(settings)
    except ConfigurationError as error:
        return _Unusable(replace(settings, fault=str(error)))


def payload(letter: Letter, now: datetime) -> bytes:
    """Return the webhook's JSON, see ``docs/notifications.md``."""
    body: dict[str, Any] = {
        "id": letter.key,
        "event": letter.event,
        "sent_at": now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
    }
    if letter.about:
        about = dict(letter.about)
        subject = letter.event.partition(".")[0]
        if subject == "case":
            body["case"] = about.pop("case")
            subject = "alert"
        body[subject] = about
    return msgspec.json.encode(body)


class _Unusable:
    """Channel that accepts nothing: its messages wait until its variables are corrected."""

    def __init__(self, settings: ChannelSettings) -> None:
        self.name, self.severity, self.fault = settings.name, settings.severity, settings.fault

    def send(self, letter: Letter, now: datetime) -> None:
        raise DeliveryError(self.fault)


class _Webhook:
    """Webhook that posts JSON, signed as Standard Webhooks (www.standardwebhooks.com) specifies."""

    fault = ""

    def __init__(self, settings: ChannelSettings) -> None:
        self.name = settings.name
        self.severity = settings.severity
        self._url = settings.url.get_secret_value()
        self._key = signing_key(settings.secret.get_secret_value() if settings.secret else "")
        self._session = requests.Session()

    def send(self, letter: Letter, now: datetime) -> None:
        body = payload(letter, now)
        key, timestamp = letter.key, str(int(now.timestamp()))
        signature = hmac.digest(self._key, f"{key}.{timestamp}.".encode() + body, hashlib.sha256)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "uploadwatch",
            "webhook-id": key,
            "webhook-timestamp": timestamp,
            "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
        }
        try:
            answer = request(self._session, "POST", self._url, headers=headers, data=body)
        except UnansweredError as error:
            raise DeliveryError(str(error)) from None
        if answer.status // 100 != 2:
            raise DeliveryError(f"it answered with status {answer.status}", answer.wait)


class _Apprise:
    """Channel that sends title and text to the service of an apprise URL."""

    fault = ""

    def __init__(self, settings: ChannelSettings) -> None:
        self.name = settings.name
        self.severity = settings.severity
        url = settings.url.get_secret_value()
        # Every part of the URL except its scheme may be a credential of the service.
        parts = {part for text in (url, unquote(url)) for part in re.split(r"[\s/:@?&=,#%]+", text.partition("://")[2])}
        self._secrets = sorted((part for part in parts if len(part) >= _SHORTEST_SECRET), key=len, reverse=True)
        asset = apprise.AppriseAsset(
            app_id="uploadwatch",
            app_desc="uploadwatch",
            image_url_mask="",
            image_url_logo="",
            http_redirects=False,
            storage_mode=apprise.PersistentStoreMode.MEMORY,
        )
        with quiet():
            service = apprise.Apprise.instantiate(url, asset=asset)
        if service is None:
            variable = f"UPLOADWATCH_NOTIFY_{self.name.upper()}"
            raise ConfigurationError(
                f"{variable}_URL cannot be used: apprise does not know this URL. Correct it; for a signed webhook set "
                f"{variable}_SECRET, too."
            )
        self._service = apprise.Apprise(asset=asset)
        self._service.add(service)

    def send(self, letter: Letter, now: datetime) -> None:
        with quiet() as said:
            taken = self._service.notify(
                title=headline(letter.event, letter.about),
                body=text_of(letter.event, letter.about),
                body_format=apprise.NotifyFormat.TEXT,
                notify_type=_tone(letter.event),
            )
        if not taken:
            raise DeliveryError(self._scrubbed(said[-1]) if said else "it did not take the message")

    def _scrubbed(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return " ".join(text.split())[:200]


def _tone(event: str) -> apprise.NotifyType:
    if event in ("run.failed", "source.failing", "feed.stale"):
        return apprise.NotifyType.FAILURE
    return apprise.NotifyType.WARNING if event.startswith("case.") else apprise.NotifyType.INFO
