"""Risk indicators that make the user of an alert suspicious, and the rule over them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from detection.rule import RULE, Indicator

__all__ = ["REASONS", "is_suspicious", "known"]

REASONS: Mapping[str, Indicator] = RULE.risk_indicators
"""Every risk indicator by the name under which ``detection/sql/reasons`` finds it."""


def known(names: Collection[str]) -> list[str]:
    """The names, sorted, each once.

    Raises:
        ValueError: A name is none of a reason; names it, and those that are.
    """
    if unknown := sorted(set(names) - set(REASONS)):
        raise ValueError(f"no reason is called {', '.join(unknown)}; the reasons are {', '.join(sorted(REASONS))}")
    return sorted(set(names))


def is_suspicious(names: Collection[str]) -> bool:
    """Check whether these reasons make the alert suspicious: one strong, or weak ones about two subjects.

    Args:
        names: Names of reasons, each a key of :data:`REASONS`.
    """
    same = {other for name in names for other in REASONS[name].includes}
    found = [REASONS[name] for name in set(names) - same]
    return any(reason.strength == "strong" for reason in found) or len({reason.about for reason in found}) > 1
