"""Links from messages to the console."""

from __future__ import annotations

from dataclasses import replace

from lake.home import console_page
from notify.outbox import Letter

__all__ = ["linked"]


def linked(letter: Letter, console_url: str) -> Letter:
    """Return the message with a field ``page``: the page of its alert, or the console's health page.

    Messages are linked when they are sent, so that the present address applies to messages that waited.

    Args:
        letter: The message.
        console_url: Address of the console; empty for none.
    """
    if not console_url or not letter.about:
        return letter
    is_alert = "alert_id" in letter.about
    page = console_page(console_url, letter.about["alert_id"]) if is_alert else f"{console_url}/health"
    return replace(letter, about={**letter.about, "page": page})
