"""Clock of the product: the real time, or a fixed one for replays of history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

__all__ = ["Clock"]


@dataclass(frozen=True)
class Clock:
    """Source of the present time.

    Attributes:
        fixed: ISO 8601 time that stands for now; empty for the real time.
    """

    fixed: str = ""

    def now(self) -> datetime:
        """Return the present time, UTC with zone."""
        if self.fixed:
            return datetime.fromisoformat(self.fixed).astimezone(UTC)
        return datetime.now(UTC)
