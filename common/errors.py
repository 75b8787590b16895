"""Errors that a person can fix."""

from __future__ import annotations

__all__ = ["CommandError", "ConfigurationError", "MendableError"]


class MendableError(Exception):
    """Error that a person can fix: its message says what happened, where, and what to do.

    Commands show only the message of such an error, and the traceback of any other.
    """


class ConfigurationError(MendableError, ValueError):
    """A setting is missing or can't be used; the message names the variable and what to do."""


class CommandError(MendableError):
    """Error of a command that cannot do what was requested."""
