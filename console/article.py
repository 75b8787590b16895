"""Page of an alert as it lies in the home, without its frame."""

from __future__ import annotations

from markupsafe import Markup

from lake.home import dossier_path
from lake.store import Lake

__all__ = ["article_of"]

_BEGIN, _END = "<article>", "</article>"


def article_of(lake: Lake, alert_id: str) -> Markup | None:
    """Return the content of an alert's page; None if no run has made it yet.

    Args:
        lake: The lake.
        alert_id: The alert's published id.

    Raises:
        ValueError: It is not an alert's id.
    """
    try:
        page = dossier_path(lake, alert_id).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    _, begin, rest = page.partition(_BEGIN)
    content, end, _ = rest.partition(_END)
    # The product's own template wrote it, and escaped all text from outside.
    return Markup(begin + content + end) if begin and end else None  # noqa: S704
