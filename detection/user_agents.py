"""Names applications by the user agent that they send, for logs that name no application."""

from __future__ import annotations

import csv
import re
from functools import cache
from importlib.resources import files

__all__ = ["MARK", "app_of", "is_derived"]

MARK = " (by user agent)"
"""End of every derived name: its bearer chooses a user agent, so nobody is to take the name for the provider's."""

_LONGEST = 40
_DECORATION = re.compile(r"(?:NON)?ISV\|[^|]*\|([^|]+)", re.IGNORECASE)
"""Pattern by which applications should identify themselves to SharePoint: ``ISV|company|application/version``."""
_FIRST_WORDS = re.compile(r"[A-Za-z][A-Za-z._+-]*(?: [A-Za-z][A-Za-z._+-]*)*")
_UNKNOWN = "unknown client"


def is_derived(app: str) -> bool:
    """Return whether this name of an application was derived from a user agent."""
    return app.endswith(MARK)


def app_of(user_agent: str) -> str | None:
    """Return a name for the application behind a user agent, with :data:`MARK` at its end; None where it is blank.

    The rows of ``data/user_agents.csv`` decide, the first whose text occurs, whatever its case. Of an agent that none
    of them knows it is the first words, without versions and numbers: letters and ``._+-`` alone, 40 at most.

    Args:
        user_agent: The header as the log tells it.
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
