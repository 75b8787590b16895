"""Structure of a page, apart from its rendering: sections of sentences and tables.

Text from outside the project (names, folders, applications) has a type of its own, so that it can be shown safely.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from detection.rule import RULE
from detection.wording import known_size
from privacy.pseudonyms import TOKEN
from providers import title_of

__all__ = [
    "KINDS",
    "PSEUDONYMS",
    "QUESTIONS",
    "Outside",
    "Passage",
    "Reference",
    "Section",
    "Table",
    "Text",
    "amount",
    "count",
    "joined",
    "moment",
    "names",
    "provider",
    "sentence_case",
    "share",
    "text",
    "visible",
]

Found = Literal["look", "calm", "unknown"]


QUESTIONS: Mapping[str, str] = {str(step): title for step, title in RULE.investigation_steps.items()}
"""The investigation steps of the rule, in its order, each with its heading."""


PSEUDONYMS = (
    "Names, files, folders and addresses are pseudonyms here (pn_…). Whoever holds the key learns what one stands for "
    "by: uploadwatch reveal pn_…"
)
"""Notice on a page that shows pseudonyms."""


class Outside(str):
    """Text from outside, such as a name, folder or application; shown isolated, with invisible characters visible.

    Attributes:
        longest: Most characters of it that are shown.
    """

    longest = 160


class Passage(Outside):
    """A sentence from outside, which may be longer than a name."""

    longest = 1000


class Reference(str):
    """The alert_id of an alert that has a page of its own."""

    __slots__ = ()


Text = tuple[str, ...]
"""A sentence in pieces; pieces from outside are :class:`Outside`."""


class Table(NamedTuple):
    """A table.

    Attributes:
        caption: Title.
        columns: Headings; those that begin with ``#`` are of numbers.
        rows: Cells, each a sentence; the first is the row's heading.
        note: What it leaves out; empty if nothing.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Text]]
    note: str = ""


class Section(NamedTuple):
    """The answer of one investigation step.

    Attributes:
        key: Name of the step, one of :data:`QUESTIONS`.
        found: ``look`` if there is something to look at, ``calm`` if not, ``unknown`` if the logs do not show it.
        answer: The answer in one sentence.
        points: Facts behind the answer.
        tables: The evidence.
        unknown: What the logs do not show.
    """

    key: str
    found: Found
    answer: Text
    points: Sequence[Text]
    tables: Sequence[Table]
    unknown: Sequence[str]

    @property
    def title(self) -> str:
        """Heading of the section."""
        return QUESTIONS[self.key]


KINDS = {
    "upload": ("upload", "uploads"),
    "sign_in": ("sign-in", "sign-ins"),
    "sign_in_failed": ("failed sign-in", "failed sign-ins"),
    "sign_in_interrupted": ("sign-in not completed", "sign-ins not completed"),
    "mfa_disabled": ("second factor switched off", "times a second factor switched off"),
    "password_reset": ("password change or reset", "password changes or resets"),
    "credentials_changed": ("change of keys or recovery data", "changes of keys or recovery data"),
    "new_device": ("device added", "devices added"),
    "provider_alert": ("alert of the provider's own", "alerts of the provider's own"),
    "admin_impersonation": ("sign-in by an administrator as the user", "sign-ins by an administrator as the user"),
    "download": ("download", "downloads"),
    "share_external": ("share to the outside", "shares to the outside"),
    "delete": ("deletion", "deletions"),
}
"""Singular and plural name of each kind of event."""


def text(*pieces: str) -> Text:
    """Return a sentence of these pieces."""
    return pieces


def sentence_case(pieces: Text) -> Text:
    """Add a capital and a full stop; leave a first piece from outside as it is."""
    first, *rest = pieces
    if not isinstance(first, Outside):
        first = first[:1].upper() + first[1:]
    whole = (first, *rest)
    return whole if whole[-1].endswith(".") and not isinstance(whole[-1], Outside) else (*whole, ".")


def joined(pieces: Iterable[Text], between: str = "; ") -> Text:
    """Join sentences into one."""
    found: list[str] = []
    for piece in pieces:
        found += [between] * bool(found) + list(piece)
    return tuple(found)


def names(of: Sequence[str | None]) -> Text:
    """List names of files, separated by commas."""
    return joined([text(Outside(name)) if name else text("(no name)") for name in of], ", ")


def visible(name: Outside) -> list[tuple[str, bool]]:
    """Split a text from outside into pieces, each with whether it stands for an invisible character.

    Control characters, marks that change the direction of text, and other characters without a shape are shown as their
    code point. A long text is cut, and its length shown. A pseudonym is never cut, since a part of it cannot be
    revealed.
    """
    longest = len(name) if TOKEN.fullmatch(name) else name.longest
    pieces: list[tuple[str, bool]] = []
    for character in name[:longest]:
        hidden = unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
        shown = f"U+{ord(character):04X}" if hidden else character
        if pieces and not hidden and not pieces[-1][1]:
            pieces[-1] = (pieces[-1][0] + shown, False)
        else:
            pieces.append((shown, hidden))
    if len(name) > longest:
        pieces.append((f"… ({len(name):,} characters)", True))
    return pieces


def count(number: int, one: str, several: str = "") -> str:
    """Format a number with its noun, such as ``1 file`` and ``2,000 files``."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def amount(files: int, sized: int, total: int | None) -> str:
    """Format a number of files and their bytes, as far as sizes are known."""
    return f"{count(files, 'file')}, {known_size(files, sized, total)}"


def share(part: int, whole: int) -> str:
    """Format a share in per cent; a share above 0 and below 1 is never shown as 0 % or 100 %."""
    if not whole:
        return "–"
    rounded = round(100 * part / whole)
    if rounded == 0 and part:
        return "< 1 %"
    if rounded == 100 and part < whole:
        return "> 99 %"
    return f"{rounded} %"


def moment(time: datetime | None) -> str:
    """Format a time to the minute, UTC."""
    return f"{time:%Y-%m-%d %H:%M}" if time else "–"


def provider(name: str) -> str:
    """Return the display name of a provider."""
    return title_of(name)
