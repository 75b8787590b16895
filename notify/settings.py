"""Settings of the channels, from the variables ``UPLOADWATCH_NOTIFY_<CHANNEL>_URL``, ``…_SECRET``, ``…_SEVERITY``."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import SecretStr

from connectors import ConfigurationError
from detection.rule import RULE

__all__ = [
    "CHANNEL_VARIABLES",
    "SEVERITIES",
    "ChannelSettings",
    "channel_variables",
    "check_address",
    "read_channels",
    "signing_key",
]

SEVERITIES = RULE.severities
"""Severities of alerts, the lowest first."""

_PREFIX = "UPLOADWATCH_NOTIFY_"
CHANNEL_VARIABLES = (
    (
        f"{_PREFIX}<CHANNEL>_URL",
        "",
        "an apprise URL, or the address of a signed webhook. A secret",
        "slack://TokenA/TokenB/TokenC",
    ),
    (
        f"{_PREFIX}<CHANNEL>_SECRET",
        "",
        "makes it a signed webhook: `whsec_` and the Base64 of 24 to 64 random bytes. A secret",
        "",
    ),
    (
        f"{_PREFIX}<CHANNEL>_SEVERITY",
        SEVERITIES[0],
        f"minimum severity of the alerts that go there: {' or '.join(SEVERITIES)}",
        SEVERITIES[-1],
    ),
)
"""Name, default, meaning and example of each variable of a channel."""
_VARIABLE = re.compile(rf"{_PREFIX}(?P<channel>[A-Z0-9]+(?:_[A-Z0-9]+)*)_(?P<part>URL|SECRET|SEVERITY)")
_OTHERS = {f"{_PREFIX}MAX_AGE_DAYS"}
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_KEY_BYTES = range(24, 65)


@dataclass(frozen=True)
class ChannelSettings:
    """One channel.

    Attributes:
        name: Lower case; the outbox uses it, too.
        url: An apprise URL, or the address of a signed webhook. Either may contain credentials.
        secret: Secret of a signed webhook; None for a channel of apprise.
        severity: Lowest severity of the alerts that are sent there.
        fault: Why nothing can be sent there, without any value of a variable; empty if it can be used.
    """

    name: str
    url: SecretStr
    secret: SecretStr | None
    severity: str
    fault: str = ""


def channel_variables(values: Mapping[str, str]) -> list[str]:
    """Return the names of the set variables that configure channels."""
    return sorted(
        name for name, value in values.items() if name.startswith(_PREFIX) and name not in _OTHERS and value.strip()
    )


def read_channels(values: Mapping[str, str]) -> list[ChannelSettings]:
    """Return the configured channels by name; an empty variable counts as not set.

    A channel that is half configured or has an unusable value is included with its ``fault``: its messages wait, those
    of the others are sent.
    """
    parts: dict[str, dict[str, str]] = {}
    for variable in channel_variables(values):
        match = _VARIABLE.fullmatch(variable)
        channel, part = (match["channel"], match["part"]) if match else (variable.removeprefix(_PREFIX), "")
        parts.setdefault(channel, {})[part] = values[variable].strip()
    return [_channel_or_fault(name, given) for name, given in sorted(parts.items())]


def _channel_or_fault(name: str, given: Mapping[str, str]) -> ChannelSettings:
    try:
        return _channel(name, given)
    except ConfigurationError as error:
        return ChannelSettings(name.lower(), SecretStr(""), None, SEVERITIES[0], str(error))


def _channel(name: str, given: Mapping[str, str]) -> ChannelSettings:
    variable = f"{_PREFIX}{name}"
    if "" in given:
        raise ConfigurationError(
            f"{variable} is not known. Name a channel's variables {_PREFIX}<CHANNEL>_URL, …_SECRET and …_SEVERITY, "
            "in capitals; see docs/notifications.md."
        )
    if "URL" not in given:
        there = " and ".join(f"{variable}_{part}" for part in sorted(given))
        raise ConfigurationError(
            f"The channel {name.lower()} is half configured: {variable}_URL is not set. Set it, or unset {there}."
        )
    severity = next((known for known in SEVERITIES if known.lower() == given.get("SEVERITY", known).lower()), None)
    if severity is None:
        raise ConfigurationError(f"{variable}_SEVERITY cannot be used: give one of {', '.join(SEVERITIES)}.")
    if "SECRET" in given:
        check_address(f"{variable}_URL", given["URL"], "alerts name people")
        try:
            signing_key(given["SECRET"])
        except ValueError as error:
            raise ConfigurationError(f"{variable}_SECRET cannot be used: {error}.") from None
    secret = SecretStr(given["SECRET"]) if "SECRET" in given else None
    return ChannelSettings(name.lower(), SecretStr(given["URL"]), secret, severity)


def check_address(variable: str, text: str, why: str) -> None:
    """Refuse what is not an https address; http is for this machine only.

    Args:
        variable: Name of the variable.
        text: Its value, which the message does not repeat.
        why: Why only https will do.

    Raises:
        ConfigurationError: It cannot be used.
    """
    try:
        url = urlsplit(text)
        host = url.hostname
    except ValueError:
        host = None
    if not host or url.scheme not in ("https", "http") or "@" in url.netloc or url.fragment:
        raise ConfigurationError(
            f"{variable} cannot be used: write it as https://host/path, without user and password."
        )
    if url.scheme == "http" and host not in _LOOPBACK:
        raise ConfigurationError(
            f"{variable} cannot be used: give an https address, since {why} (http is for this machine only)."
        )


def signing_key(secret: str) -> bytes:
    """Decode the key of a webhook's secret: ``whsec_``, then Base64 of 24 to 64 bytes.

    Raises:
        ValueError: It has another form; the message does not repeat it.
    """
    wanted = "give whsec_ followed by the Base64 of 24 to 64 random bytes, see docs/notifications.md"
    if not secret.startswith("whsec_"):
        raise ValueError(wanted)
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(wanted) from None
    if len(key) not in _KEY_BYTES:
        raise ValueError(wanted)
    return key
