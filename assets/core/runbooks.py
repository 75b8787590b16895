"""Where the runbook of each check is: on the served site of the documentation, or in the repository."""

from __future__ import annotations

from typing import NamedTuple

import dagster as dg

__all__ = ["Runbooks"]

_FILE = "docs/runbooks.md"


class Runbooks(NamedTuple):
    """Runbooks of the checks: one page, with a section per check.

    Attributes:
        site: Address at which the built documentation is served (``UPLOADWATCH_DOCS_URL``); empty: the page is named by
            its path in the repository.
        console: Address of the console (``UPLOADWATCH_CONSOLE_URL``), whose health page has all checks; empty for none.
    """

    site: str = ""
    console: str = ""

    def metadata(self, check: str) -> dict[str, dg.MetadataValue]:
        """Return the metadata that lead to a check's section, a link if the site is served, and to the console."""
        place = self._place(check)
        found: dict[str, dg.MetadataValue] = {
            "runbook": dg.MetadataValue.url(place) if self.site else dg.MetadataValue.text(place)
        }
        if self.console:
            found["console"] = dg.MetadataValue.url(f"{self.console}/health")
        return found

    def sentence(self, check: str) -> str:
        """Return the end of the message of a check that does not pass."""
        return f"See {self._place(check)}" if self.site else f"See {check} in {_FILE}."

    def _place(self, check: str) -> str:
        return f"{self.site}/runbooks/#{check}" if self.site else f"{_FILE}#{check}"
