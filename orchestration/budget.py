"""Budget as an operator sets it: cases per 1000 monitored users and day, or cases a week in all."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Budget", "parse_budget"]

_MOST = 1000.0
_WEEK = "/week"


class Budget(NamedTuple):
    """Cases that somebody is ready to read.

    Attributes:
        per_1000: Cases per 1000 monitored users and day; unused where there is a number a week.
        per_week: Cases a week in all; None where the number depends on the users.
    """

    per_1000: float = 2.0
    per_week: float | None = None

    def __str__(self) -> str:
        """Return it as it is written in the setting."""
        return f"{self.per_1000:g}" if self.per_week is None else f"{self.per_week:g}{_WEEK}"


def parse_budget(text: str) -> Budget:
    """Parse a budget such as ``2``, per 1000 users and day, or ``10/week``, in all.

    Raises:
        ValueError: It is neither, or not above 0 and at most 1000.
    """
    number = text.strip()
    weekly = number.endswith(_WEEK)
    try:
        value = float(number.removesuffix(_WEEK))
    except ValueError:
        value = 0.0
    if not 0 < value <= _MOST:
        raise ValueError(
            f"{text!r}: give cases per 1000 users and day, such as 2, or cases a week in all, such as 10/week; above 0 "
            f"and at most {_MOST:g}"
        )
    return Budget(per_week=value) if weekly else Budget(value)
