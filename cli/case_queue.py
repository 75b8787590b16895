"""Cases in the order in which to read them, and those that are asked for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Any

from detection.cases import queue_key

__all__ = ["Order", "cases_of", "filter_cases"]

Case = list[dict[str, Any]]
"""Alerts of one case, in order of time."""


class Order(StrEnum):
    """Order of cases, the first to read first."""

    QUEUE = "queue"
    NEWEST = "newest"
    RARITY = "rarity"
    FILES = "files"
    BYTES = "bytes"


_KEYS: dict[Order, Callable[[Mapping[str, Any]], Any]] = {
    Order.QUEUE: lambda case: queue_key(case["state"], case["severity"], case["one_in"]),
    Order.NEWEST: lambda case: case["opened_at"],
    Order.RARITY: lambda case: case["one_in"] or 0,
    Order.FILES: lambda case: case["files"],
    # A case without a known size is below all that have one.
    Order.BYTES: lambda case: -1 if case["bytes"] is None else case["bytes"],
}


def cases_of(alerts: Sequence[dict[str, Any]], order: Order = Order.QUEUE) -> list[Case]:
    """Return alerts by case: cases in the order asked for, and where they are equal the newest first.

    Args:
        alerts: From :func:`lake.shown_alerts.read_alerts`, in order of time.
        order: Order of the cases.
    """
    by_case: dict[str, Case] = defaultdict(list)
    for alert in alerts:
        by_case[alert["case"]["case_id"]].append(alert)
    key = _KEYS[order]
    return sorted(
        by_case.values(), key=lambda members: (key(members[0]["case"]), members[0]["case"]["opened_at"]), reverse=True
    )


def filter_cases(
    cases: Sequence[Case], *, user: str = "", since: date | None = None, only_open: bool = False
) -> list[Case]:
    """Return those of the cases that are asked for, whole.

    Args:
        cases: From :func:`cases_of`.
        user: Part of the user's name; empty for all. Capitals do not matter.
        since: Day, UTC, on or after which an upload of the case happened; None for all.
        only_open: Only those that nobody has reviewed, or that have grown since.
    """
    wanted = user.casefold()
    first = since.isoformat() if since else ""
    return [
        members
        for members in cases
        if any(wanted in alert["user"].casefold() for alert in members)
        and any(alert["last_window_end"] >= first for alert in members)
        and not (only_open and members[0]["case"]["state"] == "reviewed")
    ]
