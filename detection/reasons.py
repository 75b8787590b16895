"""Risk indicators that make the user of an alert suspicious, and how they combine."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from functools import cache

from detection.rule import RULE, Indicator

__all__ = ["REASONS", "is_suspicious", "known", "known_only", "log_unknown"]

logger = logging.getLogger(__name__)

REASONS: Mapping[str, Indicator] = RULE.risk_indicators
"""Every risk indicator by the name under which ``detection/sql/reasons`` finds it."""


def known(names: Collection[str]) -> list[str]:
    """Return the names, sorted and without duplicates.

    Raises:
        ValueError: A name is not a reason; the message names it, and the valid ones.
    """
    if unknown := sorted(set(names) - set(REASONS)):
        raise ValueError(f"no reason is called {', '.join(unknown)}; the reasons are {', '.join(sorted(REASONS))}")
    return sorted(set(names))


@cache
def log_unknown(name: str) -> None:
    """Log a risk indicator that the rule does not declare, once per process."""
    logger.warning(
        "The risk indicator %r is not declared by the rule of this version, and is left out: a newer version wrote it, "
        "or a query finds it. Install that version again, or materialise alerts of these days.",
        name,
    )


def known_only(names: Collection[str]) -> list[str]:
    """Return the names that the rule declares, sorted and without duplicates; log the others."""
    for name in sorted(set(names) - set(REASONS)):
        log_unknown(name)
    return sorted(set(names) & set(REASONS))


def is_suspicious(names: Collection[str]) -> bool:
    """Check whether these reasons make the alert suspicious: one strong reason, or weak ones about two subjects.

    Args:
        names: Names of reasons; one that is no key of :data:`REASONS` is ignored.
    """
    certain = known_only(names)
    same = {other for name in certain for other in REASONS[name].includes}
    found = [REASONS[name] for name in set(certain) - same]
    return any(reason.strength == "strong" for reason in found) or len({reason.about for reason in found}) > 1
