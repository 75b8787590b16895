"""Messages about sources that start to fail or recover: one each, however many of their steps fail in between."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from lake.health import Trouble
from lake.source_status import Source, State, sources_of, utc_text
from lake.store import Lake
from notify.messages import Message, source_message
from notify.outbox import Outbox, Route

__all__ = ["enter_sources"]

_USUAL = 2
"""Failed runs in a row after which an unavailable provider is reported: single ones happen now and then."""
_WELL = "Its latest run went well."
_PATIENCE = timedelta(minutes=30)


def enter_sources(
    outbox: Outbox, lake: Lake, routes: Sequence[Route], now: datetime, *, busy_since: datetime | None = None
) -> int:
    """Enter a message for each source that started to fail or recovered since its last message.

    Args:
        outbox: The outbox.
        lake: The lake, in which runs record the health of sources.
        routes: The channels.
        now: The present.
        busy_since: Start of a run in progress. What it recorded so far may still change, so those sources wait.

    Returns:
        How many were new.
    """
    sources = sources_of(lake, now)
    messages = []
    for source in sources:
        looked = source.health.checked_at
        if busy_since and looked and looked >= busy_since:
            continue
        last = outbox.last(f"source-{source.provider}")
        if _is_bad(source, sources, now):
            messages.append(_failing(source))
        # A recovery is only reported if a failure was.
        elif last is not None and not _ails(source):
            messages.append(_recovered(source))
    return outbox.add(messages, routes, now)


def _ails(source: Source) -> bool:
    return source.state in (State.FAILING, State.UNCONFIGURED)


def _is_bad(source: Source, sources: Sequence[Source], now: datetime) -> bool:
    """Check whether to notify people: at once, unless the provider is merely unavailable for a run."""
    if source.state is not State.FAILING:
        return source.state is State.UNCONFIGURED
    if any(_lasts(trouble, now) for trouble in source.health.troubles.values()):
        return True
    # If no source can be pulled, the cause is the network or a proxy, and the next run would fail, too.
    watched = [other for other in sources if other.state is not State.UNCONFIGURED]
    return len(watched) > 1 and all("pull" in other.health.troubles for other in watched)


def _lasts(trouble: Trouble, now: datetime) -> bool:
    return trouble.kind != "unavailable" or trouble.failures >= _USUAL or now - trouble.since >= _PATIENCE


def _failing(source: Source) -> Message:
    reason = source.problem
    if source.state is State.UNCONFIGURED:
        reason = f"It is not configured. {reason}"
    steps = sorted(source.health.troubles)
    return source_message(
        source.provider, failing=True, about={"since": utc_text(source.since), "reason": reason, "steps": steps}
    )


def _recovered(source: Source) -> Message:
    about: dict[str, Any] = {"since": utc_text(source.health.checked_at), "reason": _WELL, "steps": []}
    return source_message(source.provider, failing=False, about=about)
