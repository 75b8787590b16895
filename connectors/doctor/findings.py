"""Findings of a diagnosis."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["CheckResult", "Finding", "State"]


class State(StrEnum):
    """Outcome of a check."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True)
class CheckResult:
    """Result of a check.

    Attributes:
        state: How it ended.
        found: What was found, for people to read; may contain text of the provider.
        to_do: What to do about it, in the words of the provider's console; "" for nothing.
    """

    state: State
    found: str
    to_do: str = ""


@dataclass(frozen=True)
class Finding(CheckResult):
    """Result of a check, with the names of the provider and the check.

    Attributes:
        provider: Name of the provider.
        check: Name of the check.
    """

    provider: str = ""
    check: str = ""
