"""Pages as HTML: self-contained, without scripts, and with all text from outside escaped."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from detection.wording import outgrown
from dossier import layout as words
from dossier.page import ATTACK, Page
from dossier.reading import Alert, Case, Closed

_ID = re.compile(r"[0-9a-f]{64}")

__all__ = ["STYLE", "IndexCase", "IndexRow", "render_closed", "render_index", "render_page"]


class IndexRow(NamedTuple):
    """A line of the index.

    Attributes:
        alert: The alert.
        sentence: Its sentence.
        answers: Title and result (look, calm or unknown) of each investigation step.
    """

    alert: Alert
    sentence: words.Text
    answers: Sequence[tuple[str, str]]

    @property
    def outgrown(self) -> str:
        """Words for the review that the alert has outgrown; empty if there is none."""
        verdict = self.alert.outgrown_verdict
        return outgrown(verdict, self.alert.outgrown_revision) if verdict else ""


class IndexCase(NamedTuple):
    """A case of the index.

    Attributes:
        case: The case.
        rows: Its alerts, in order.
    """

    case: Case
    rows: Sequence[IndexRow]

    @property
    def number(self) -> int:
        """Number of its alerts that the index lists."""
        return len(self.rows)


_PACKAGE = files("dossier")
STYLE = _PACKAGE.joinpath("templates", "page.css").read_text(encoding="utf-8")
"""Style sheet of the pages."""


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("dossier"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    environment.globals |= {
        "style": STYLE,
        "style_hash": f"sha256-{digest}",
    }
    environment.filters |= {"moment": words.moment, "provider": words.provider, "visible": words.visible}
    environment.tests |= {
        "outside": lambda piece: isinstance(piece, words.Outside),
        "reference": lambda piece: isinstance(piece, words.Reference),
    }
    return environment


def render_page(page: Page) -> str:
    """Return the page of an alert."""
    return (
        _environment().get_template("alert.html").render(page=page, alert=page.alert, attack=ATTACK, notice=page.notice)
    )


def render_closed(closed: Closed, as_of: datetime, notice: str) -> str:
    """Return the page of a closed alert: the reason, and the alert's last sentence.

    Args:
        closed: The alert.
        as_of: Time of the evaluation, UTC.
        notice: Notice that names are pseudonyms; empty if they are real names.
    """
    other = _ID.search(closed.reason)
    return (
        _environment()
        .get_template("closed.html")
        .render(
            closed=closed,
            reason=words.Passage(closed.reason),
            other=other.group() if other and closed.state != "withdrawn" else None,
            sentence=words.text(words.Passage(closed.sentence)) if closed.sentence else (),
            as_of=as_of,
            notice=notice,
        )
    )


def render_index(cases: Sequence[IndexCase], older: int, as_of: datetime, notice: str) -> str:
    """Return the index of the pages, case by case in the given order.

    Args:
        cases: Cases that it lists.
        older: Number of older alerts that it leaves out.
        as_of: When the pages were last refreshed, UTC.
        notice: Notice that names are pseudonyms; empty if they are real names.
    """
    return _environment().get_template("index.html").render(cases=cases, older=older, as_of=as_of, notice=notice)
