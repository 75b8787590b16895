"""Page cursors of a chain of pages. A chain that would never end is an error instead of a run that hangs."""

from __future__ import annotations

from connectors.core.http import Api

__all__ = ["PageCursors"]

MOST_EMPTY = 1000
"""Upper bound on empty pages in a row. Providers filter after they page, so that a few are usual."""


class PageCursors:
    """Page cursors that a chain of pages has given.

    Args:
        api: The API asked.
        request: Method and path of the request, for the error.
        support: Provider whose support to ask if the error lasts.
    """

    def __init__(self, api: Api, request: str, support: str) -> None:
        self._api, self._request, self._support = api, request, support
        self.clear()

    def clear(self) -> None:
        """Forget all page cursors: the chain restarts."""
        self._seen: set[str] = set()
        self._empty = 0

    def add(self, cursor: str, *, empty: bool) -> None:
        """Record the cursor of the page to read next.

        Args:
            cursor: The provider's cursor.
            empty: Whether the page that gave it holds nothing.

        Raises:
            AnswerError: The cursor was given before, or too many pages in a row are empty.
        """
        self._empty = self._empty + 1 if empty else 0
        if cursor in self._seen:
            self._end("the same page cursor came again, so the pages would never end")
        if self._empty > MOST_EMPTY:
            self._end(f"{self._empty} pages in a row are empty and announce more, so they would never end")
        self._seen.add(cursor)

    def _end(self, cause: str) -> None:
        raise self._api.endless(self._request, cause, f"Run again; if it lasts, ask {self._support}'s support.")
