"""Settings of who may use the console, and how people sign in."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from common.errors import ConfigurationError
from orchestration.settings import PREFIX, FromVariables, Settings

__all__ = ["AccessMode", "AccessSettings", "Network", "is_loopback"]

Network = IPv4Network | IPv6Network
_HEADER = r"^[A-Za-z0-9-]*$"


class AccessMode(StrEnum):
    """Ways to sign in; a deployment has one."""

    LOCAL = "local"
    """Token that the command prints, for the person who started it."""
    OIDC = "oidc"
    """Identity provider by OpenID Connect."""
    PROXY = "proxy"
    """Header of a trusted reverse proxy, which signs people in."""


def is_loopback(host: str) -> bool:
    """Check whether a host is an address of this machine alone."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class AccessSettings(FromVariables):
    """Settings of access to the console, read as :class:`orchestration.settings.Settings`."""

    oidc_issuer: str = Field(
        default="",
        description="issuer of your identity provider; its discovery document lies below it: "
        "[console-sign-in.md](console-sign-in.md)",
        examples=["https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0"],
    )
    oidc_client_id: str = Field(
        default="", description="client id of the console there", examples=["0oa1b2c3d4e5f6g7h8i9"]
    )
    oidc_client_secret: str = Field(default="", repr=False, description="secret: the client secret")
    oidc_groups_claim: str = Field(
        default="groups", min_length=1, description="claim of the ID token that lists groups", examples=["roles"]
    )
    proxy_header: str = Field(
        default="",
        pattern=_HEADER,
        description="header in which a trusted proxy names the person, in place of OpenID Connect: "
        "[console-sign-in.md](console-sign-in.md#a-proxy-that-signs-people-in)",
        examples=["X-Forwarded-Email"],
    )
    proxy_groups_header: str = Field(
        default="",
        pattern=_HEADER,
        description="header in which it lists groups, separated by commas",
        examples=["X-Forwarded-Groups"],
    )
    proxy_addresses: str = Field(
        default="",
        description="addresses or networks of reverse proxies, separated by commas: only they may send these headers, "
        "and their `X-Forwarded-For` tells people apart for the rate limit of sign-ins",
        examples=["127.0.0.1,10.20.0.0/28"],
    )
    console_viewers: str = Field(
        default="",
        description="groups, or verified mail addresses, that may read, separated by commas",
        examples=["security-readers"],
    )
    console_analysts: str = Field(
        default="", description="the same: may also review cases and see Dagster's UI", examples=["soc-analysts"]
    )
    console_operators: str = Field(
        default="",
        description="the same: may also change the allow-list, read the audit log and end sessions",
        examples=["uploadwatch-operators,ann.lee@example.com"],
    )
    console_idle_minutes: int = Field(
        default=30, ge=5, le=480, description="minutes without a request after which a session ends", examples=["15"]
    )
    console_session_hours: int = Field(
        default=10,
        ge=1,
        le=12,
        description="hours after which a session ends in any case, and the groups are read again",
        examples=["8"],
    )

    @field_validator("proxy_addresses")
    @classmethod
    def _networks(cls, value: str) -> str:
        for each in _listed(value):
            try:
                ip_network(each)
            except ValueError as error:
                raise ValueError(f"{each!r} is not an address or network: write 10.20.0.0/28") from error
        return value

    @property
    def networks(self) -> list[Network]:
        """Networks of trusted reverse proxies."""
        return [ip_network(each) for each in _listed(self.proxy_addresses)]

    @property
    def viewers(self) -> list[str]:
        """Groups and addresses of viewers."""
        return _listed(self.console_viewers)

    @property
    def analysts(self) -> list[str]:
        """Groups and addresses of analysts."""
        return _listed(self.console_analysts)

    @property
    def operators(self) -> list[str]:
        """Groups and addresses of operators."""
        return _listed(self.console_operators)

    @property
    def mode(self) -> AccessMode:
        """Way to sign in."""
        if self.oidc_issuer:
            return AccessMode.OIDC
        return AccessMode.PROXY if self.proxy_header else AccessMode.LOCAL

    @classmethod
    def checked(cls, variables: Mapping[str, str]) -> Self:
        """Read the settings, and check that they belong together.

        Raises:
            ConfigurationError: One cannot be used, is missing, or contradicts another.
        """
        settings = cls.read(variables)
        if fault := settings._fault(Settings.read(variables).console_url):
            raise ConfigurationError(fault)
        return settings

    def _fault(self, console_url: str) -> str:  # noqa: PLR0911 -- one for each fault
        oidc = [self.oidc_issuer, self.oidc_client_id, self.oidc_client_secret]
        if any(oidc) and not all(oidc):
            return (
                f"Sign-in by OpenID Connect needs {PREFIX}OIDC_ISSUER, {PREFIX}OIDC_CLIENT_ID and "
                f"{PREFIX}OIDC_CLIENT_SECRET. Set all three, or none."
            )
        if any(oidc) and self.proxy_header:
            return f"{PREFIX}OIDC_ISSUER and {PREFIX}PROXY_HEADER are both set. Keep one: people sign in one way."
        if self.proxy_groups_header and not self.proxy_header:
            return f"{PREFIX}PROXY_GROUPS_HEADER has no effect without {PREFIX}PROXY_HEADER. Set both, or none."
        if self.mode is AccessMode.LOCAL:
            return ""
        if self.proxy_header and not self.networks:
            return f"{PREFIX}PROXY_HEADER needs {PREFIX}PROXY_ADDRESSES: the networks that may send the header."
        if not (self.viewers or self.analysts or self.operators):
            return (
                f"Nobody could sign in: name groups in {PREFIX}CONSOLE_OPERATORS, {PREFIX}CONSOLE_ANALYSTS or "
                f"{PREFIX}CONSOLE_VIEWERS."
            )
        if self.oidc_issuer and not _is_safe(self.oidc_issuer):
            return f"{PREFIX}OIDC_ISSUER is no https address. Copy it from the discovery document of your provider."
        if not _is_safe(console_url) or urlsplit(console_url).path:
            return (
                f"Signing in needs {PREFIX}CONSOLE_URL: the https address of the console as people open it, without a "
                "path, such as https://uploads.example.com."
            )
        return ""


def _listed(text: str) -> list[str]:
    return [each.strip() for each in text.split(",") if each.strip()]


def _is_safe(address: str) -> bool:
    parts = urlsplit(address)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    )
