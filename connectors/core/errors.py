"""Errors of the connectors. Each says where it happened, why, and what to do; none contains a secret."""

from __future__ import annotations

from common.errors import MendableError

__all__ = [
    "AccessError",
    "AnswerError",
    "ConfigurationError",
    "ConnectorError",
    "EndlessError",
    "NetworkError",
    "RefusedError",
    "SignInError",
    "StoppedError",
    "UnavailableError",
]


class ConfigurationError(MendableError, ValueError):
    """A setting is missing or can't be used; the message names the variable and what to do."""


class ConnectorError(MendableError):
    """A provider's API could not be used.

    Attributes:
        provider: Name of the provider.
        request: Method and path, without query.
        cause: What went wrong.
        remedy: What to do.
    """

    def __init__(self, provider: str, request: str, cause: str, remedy: str) -> None:
        super().__init__(provider, request, cause, remedy)
        self.provider = provider
        self.request = request
        self.cause = cause
        self.remedy = remedy

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.provider}: {self.request}: {self.cause.rstrip('.')}. {self.remedy}"


class UnavailableError(ConnectorError):
    """The provider was unreachable, failed or throttled on every attempt.

    Attributes:
        throttled: Whether the rate limit was exceeded.
        status: HTTP status of the last answer; 0 where there was none.
    """

    def __init__(
        self, provider: str, request: str, cause: str, remedy: str, *, throttled: bool = False, status: int = 0
    ) -> None:
        super().__init__(provider, request, cause, remedy)
        self.throttled = throttled
        self.status = status


class NetworkError(ConnectorError):
    """This machine's certificates or proxy block the way to the provider; a retry does not help."""


class AnswerError(ConnectorError):
    """The provider's answer does not have the documented shape, or would never end."""


class EndlessError(AnswerError):
    """The pages of a window lead back to pages already read, or never stop announcing more."""


class RefusedError(ConnectorError):
    """The provider refused a request.

    Attributes:
        status: HTTP status.
        code: The provider's own error code; "" where it gave none.
    """

    def __init__(self, provider: str, request: str, cause: str, remedy: str, status: int = 0, code: str = "") -> None:
        super().__init__(provider, request, cause, remedy)
        self.args = (provider, request, cause, remedy, status, code)
        self.status = status
        self.code = code


class AccessError(RefusedError):
    """The account lacks a permission (401 or 403)."""


class SignInError(RefusedError):
    """The credentials were refused."""


class StoppedError(Exception):
    """The caller asked to stop during a wait; nothing is wrong with the provider."""
