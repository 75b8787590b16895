"""Causes of a failed run, a sentence for each step that failed."""

from __future__ import annotations

from collections.abc import Iterable

import dagster as dg

__all__ = ["causes"]


def causes(events: Iterable[dg.DagsterEvent]) -> dict[str, str]:
    """Return the cause of each failed step, by the step's key.

    Args:
        events: Events of a run; only those of failed steps are used.
    """
    found = {}
    for event in events:
        if not event.is_step_failure:
            continue
        error = event.step_failure_data.error
        # The step's own error only says that the step failed; its cause says why.
        cause = error.cause if error and error.cause else error
        text = cause.message.strip().splitlines() if cause else []
        found[event.step_key or ""] = text[0] if text else "no reason given"
    return found
