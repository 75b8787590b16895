"""Errors that a person can fix."""

from __future__ import annotations

__all__ = ["CommandError", "MendableError"]


class MendableError(Exception):
    """Error that a person can fix: its message says what happened, where, and what to do.

    Commands show only the message of such an error, and the traceback of any other.
    """


class CommandError(MendableError):
    """Error of a command that cannot do what was requested."""
