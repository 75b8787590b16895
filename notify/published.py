"""Latest revision of each alert in the ledger, as an outbox remembers it to recognise a ledger that was restored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

__all__ = ["Published", "as_text", "is_whole"]


class Published(NamedTuple):
    """Latest revision of an alert in the ledger, and a digest of its content."""

    revision: int
    content: str


def as_text(published: Mapping[str, Published]) -> str:
    """Return the revisions by alert as one line, equal for equal revisions."""
    return json.dumps(published, sort_keys=True)


def is_whole(published: Mapping[str, Published], remembered: str) -> bool:
    """Return whether the ledger has all revisions that an outbox remembers; one that was restored uses numbers again.

    Args:
        published: The ledger's revisions.
        remembered: Those of before, from :func:`as_text`. Where the text can't be read, the ledger counts as restored.
    """
    try:
        before = {key: Published(*latest) for key, latest in json.loads(remembered).items()}
        return all(_has(published.get(key), latest) for key, latest in before.items())
    except (ValueError, TypeError, AttributeError):
        return False


def _has(present: Published | None, before: Published) -> bool:
    return present is not None and (present.revision > before.revision or present == before)
