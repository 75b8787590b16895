"""The marks of a chain of pages: a chain that would never end is an error, not a run that hangs."""

from __future__ import annotations

from connectors.core.http import Api

__all__ = ["Marks"]

MOST_EMPTY = 1000
"""Upper bound on empty pages in a row. Providers filter after they page, so that a few are usual."""


class Marks:
    """The marks that a chain of pages has led to.

    Args:
        api: The API asked.
        request: Method and path of the request, for the error.
        support: Whose support to ask if it lasts.
    """

    def __init__(self, api: Api, request: str, support: str) -> None:
        self._api, self._request, self._support = api, request, support
        self.clear()

    def clear(self) -> None:
        """Forget all page cursors: the chain restarts."""
        self._seen: set[str] = set()
        self._empty = 0

    def add(self, mark: str, *, empty: bool) -> None:
        """Record the cursor of the page to read next.

        Args:
            mark: What the provider gave.
            empty: Whether the page that gave it holds nothing.

        Raises:
            AnswerError: The mark was given before, or page after page holds nothing.
        """
        self._empty = self._empty + 1 if empty else 0
        if mark in self._seen:
            self._end("the same mark of a page came again, so the pages would never end")
        if self._empty > MOST_EMPTY:
            self._end(f"{self._empty} pages in a row hold nothing and announce more, so they would never end")
        self._seen.add(mark)

    def _end(self, cause: str) -> None:
        raise self._api.endless(self._request, cause, f"Run again; if it lasts, ask {self._support}'s support.")
