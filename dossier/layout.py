"""Structure of a page, apart from its rendering: sections of sentences and tables.

What comes from outside the project (names, folders, applications) is told apart in them, so that it can be shown
without doing harm.
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
    """A text that somebody outside chose: a name, a folder, an application. Shown apart and with its signs visible.

    Attributes:
        longest: So many characters of it are shown.
    """

    longest = 160


class Passage(Outside):
    """The same where it is a sentence rather than a name."""

    longest = 1000


class Reference(str):
    """The alert_id of an alert that has a page of its own."""

    __slots__ = ()


Text = tuple[str, ...]
"""A sentence in pieces, those from outside being :class:`Outside`."""


class Table(NamedTuple):
    """A table.

    Attributes:
        caption: What it tells.
        columns: Headings; those that begin with ``#`` head numbers.
        rows: Cells, each a sentence; the first names the row.
        note: What it leaves out; empty where nothing.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Text]]
    note: str = ""


class Section(NamedTuple):
    """The answer to one question.

    Attributes:
        key: Its name, one of :data:`QUESTIONS`.
        found: Whether there is something to look at, nothing, or nothing that the logs can tell.
        answer: The answer in one sentence.
        points: What it rests on.
        tables: The evidence.
        unknown: What the logs can't tell.
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
    """A sentence of these pieces."""
    return pieces


def sentence_case(pieces: Text) -> Text:
    """The same as a sentence: with a capital and a full stop, unless it begins with what somebody outside chose."""
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
    """A text from outside in pieces, each with whether it stands for a sign that can't be seen.

    Control characters, marks that turn the direction of writing, and other signs without a shape are told by their code
    point. What is longer than a line or two is cut, and says how long it was; not so a pseudonym, since
    a piece of one can't be revealed.
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
    """A number with its noun, such as ``1 file`` and ``2,000 files``."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def amount(files: int, sized: int, total: int | None) -> str:
    """Format a number of files and their bytes, as far as sizes are known."""
    return f"{count(files, 'file')}, {known_size(files, sized, total)}"


def share(part: int, whole: int) -> str:
    """A share in per cent; what is not nothing and not all is never shown as such."""
    if not whole:
        return "–"
    rounded = round(100 * part / whole)
    if rounded == 0 and part:
        return "< 1 %"
    if rounded == 100 and part < whole:
        return "> 99 %"
    return f"{rounded} %"


def moment(time: datetime | None) -> str:
    """A time to the minute, UTC."""
    return f"{time:%Y-%m-%d %H:%M}" if time else "–"


def provider(name: str) -> str:
    """Return the display name of a provider."""
    return title_of(name)
