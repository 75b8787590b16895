"""Errors that a person can mend."""

from __future__ import annotations

__all__ = ["CommandError"]


class CommandError(Exception):
    """A command cannot do what it was asked for; the message says what, where, and what to do."""
