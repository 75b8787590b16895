"""Checks that passed are not repeated while the rows that they read are the same."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from assets.checks.findings import Outcome, Scene
from common.digests import text_digest
from lake.durable import read_content, replace_text

__all__ = ["once_per_content"]

Look = Callable[[Scene], Outcome]


def once_per_content(*tables: str, also: Callable[[Scene], str] = lambda _: "") -> Callable[[Look], Look]:
    """Return a decorator for a check that reads all rows of a provider's tables, and nothing else.

    What it said when it passed is kept in ``<provider>/.passed`` of the lake. A check that failed is repeated.

    Args:
        *tables: Last parts of the tables' names.
        also: What else the check reads, as text.
    """

    def decorated(look: Look) -> Look:
        # The whole module, since a check's limits stand beside it.
        code = text_digest(inspect.getsource(inspect.getmodule(look) or look))

        @functools.wraps(look)
        def wrapped(scene: Scene) -> Outcome:
            names = [f"{scene.provider}/{table}" for table in tables]
            for name in names:
                # A lost or damaged partition is an error, whatever the check said before.
                scene.lake.view(scene.con, "intact_rows", [name], scene.days)
            of = scene.lake.digest(names, scene.days, code, also(scene))
            path = Path(scene.lake.root, scene.provider, ".passed", f"{look.__name__}.json")
            if known := _read(path, of):
                return known
            outcome = look(scene)
            if outcome.findings:
                path.unlink(missing_ok=True)
            else:
                figures = {name: value.value for name, value in outcome.metadata.items()}
                replace_text(path, json.dumps({"of": of, "well": outcome.well, "figures": figures}), durable=False)
            return outcome

        return wrapped

    return decorated


def _figure(value: int | Mapping[str, Any]) -> dg.MetadataValue[Any]:
    return dg.MetadataValue.int(value) if isinstance(value, int) else dg.MetadataValue.json(value)


def _read(path: Path, of: str) -> Outcome | None:
    """Return the outcome that was kept for this content; None if there is none."""
    try:
        kept = json.loads(read_content(path) or b"")
        metadata = {str(name): _figure(value) for name, value in kept["figures"].items()}
        return Outcome([], str(kept["well"]), metadata) if kept["of"] == of else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
