"""Errors that a person can mend."""

from __future__ import annotations

__all__ = ["CommandError", "MendableError"]


class MendableError(Exception):
    """An error that a person can mend: its message says what happened, where, and what to do.

    The command shows the message of such an error, and the traceback of any other.
    """


class CommandError(MendableError):
    """A command cannot do what it was asked for."""
