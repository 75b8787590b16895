"""Application names derived from user agents, for logs that name no application."""

from __future__ import annotations

import csv
import re
from functools import cache
from importlib.resources import files

__all__ = ["MARK", "app_of", "is_derived"]

MARK = " (by user agent)"
"""End of every derived name, so that it is not mistaken for a provider's: the sender chooses the user agent."""

_LONGEST = 40
_DECORATION = re.compile(r"(?:NON)?ISV\|[^|]*\|([^|]+)", re.IGNORECASE)
"""Pattern with which applications should identify themselves to SharePoint: ``ISV|company|application/version``."""
_FIRST_WORDS = re.compile(r"[A-Za-z][A-Za-z._+-]*(?: [A-Za-z][A-Za-z._+-]*)*")
_UNKNOWN = "unknown client"


def is_derived(app: str) -> bool:
    """Check whether an application's name was derived from a user agent."""
    return app.endswith(MARK)


def app_of(user_agent: str) -> str | None:
    """Return a name for the application behind a user agent, with :data:`MARK` at its end; None where it is blank.

    The first row of ``data/user_agents.csv`` whose text occurs, in any case, gives the name. For an unknown agent, the
    name is its first words, without versions and numbers: only letters and ``._+-``, at most 40.

    Args:
        user_agent: The header as logged.
    """
    text = user_agent.strip()
    if not text:
        return None
    folded = text.lower()
    for match, app in _table():
        if match in folded:
            return app + MARK
    introduced = _DECORATION.match(text)
    words = _FIRST_WORDS.search(introduced.group(1) if introduced else text)
    return (words.group()[:_LONGEST].rstrip(" ._+-") if words else _UNKNOWN) + MARK


@cache
def _table() -> list[tuple[str, str]]:
    text = files("detection").joinpath("data", "user_agents.csv").read_text(encoding="utf-8")
    return [(row["match"].lower(), row["app"]) for row in csv.DictReader(text.splitlines())]
