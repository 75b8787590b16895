"""Pages in the terminal, with the same text as in HTML."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.style import Style
from rich.table import Table as RichTable
from rich.text import Text as RichText

from common.terminal_mark import OWN_MARK
from dossier.layout import Outside, Passage, Section, Table, Text, moment, visible
from dossier.page import ATTACK, Page
from dossier.reading import Closed

__all__ = ["closed_in_terminal", "page_in_terminal"]

_FOUND = {
    "look": ("Look here", "bold red"),
    "calm": ("Nothing unusual", "green"),
    "unknown": ("Not in the logs", "yellow"),
}
# Marks that keep a name's direction of text from changing what follows it.
_ISOLATE, _END = "\u2068", "\u2069"
_MARKED = Style(meta={OWN_MARK: True})


def _said(pieces: Text) -> RichText:
    """Format a sentence, never parsed as markup, so that a name cannot set styles or links."""
    said = RichText()
    for piece in pieces:
        if not isinstance(piece, Outside):
            said.append(piece)
            continue
        # ASCII needs no marks, and some terminals would show them.
        turns = not piece.isascii()
        said.append(_ISOLATE if turns else "", style=_MARKED)
        for shown, hidden in visible(piece):
            said.append(shown, style="reverse" if hidden else "")
        said.append(_END if turns else "", style=_MARKED)
    return said


def _table(of: Table) -> RenderableType:
    table = RichTable(title=of.caption, caption=of.note or None, title_justify="left", caption_justify="left")
    for column in of.columns:
        table.add_column(
            column.removeprefix("# "), justify="right" if column.startswith("#") else "left", overflow="fold"
        )
    for row in of.rows:
        table.add_row(*map(_said, row))
    return table if of.rows else RichText(f"{of.caption}: nothing on record.")


def _points(points: list[RichText]) -> Iterator[RenderableType]:
    for point in points:
        yield Padding(RichText("- ").append_text(point), (0, 0, 0, 2))


def _section(number: int, section: Section) -> Iterator[RenderableType]:
    word, style = _FOUND[section.found]
    yield Rule(f"{number}. {section.title}", align="left")
    yield RichText(f"{word}: ", style=style).append_text(RichText(style="default").append_text(_said(section.answer)))
    yield from _points([_said(point) for point in section.points])
    for table in section.tables:
        yield _table(table)
    if section.unknown:
        yield RichText("What the logs do not show:")
        yield from _points([RichText(each) for each in section.unknown])


def page_in_terminal(page: Page) -> RenderableType:
    """Return the page of an alert."""
    alert = page.alert
    shown: list[RenderableType] = [
        RichText(f"{alert.name}\nSeverity: {alert.severity}", style="bold"),
        _said(page.sentence),
        RichText("ATT&CK (the project's own mapping): " + "; ".join(", ".join(each) for each in ATTACK)),
    ]
    if page.notice:
        shown.append(RichText(page.notice))
    shown += map(_said, page.facts)
    if page.case:
        shown.append(_said(page.case))
    if page.outgrown:
        shown.append(_said(page.outgrown))
    if alert.verdict:
        shown.append(_said((f"{alert.verdict.capitalize()}, says ", page.reviewer, ": ", page.review_note)))
    shown += [RichText(picture.description) for picture in page.pictures]
    shown += map(_table, page.groups)
    for number, section in enumerate(page.sections, 1):
        shown += _section(number, section)
    shown += [Rule("Timeline", align="left"), _table(page.timeline), Rule("What to do", align="left")]
    shown += _points([RichText(cause) for cause in page.causes])
    shown += [RichText(f"{link.title}: {link.url}") for link in page.links]
    shown += map(_copied, page.reviews)
    shown.append(_said(("Allow it:\n",)))
    shown += [_copied(line) for line in page.allow.splitlines()]
    shown.append(RichText("All its uploads, in the home with duckdb warehouse.duckdb:"))
    shown += map(_copied, page.query.splitlines())
    shown.append(RichText(f"Alert {alert.alert_id}, revision {alert.revision}. As of {moment(page.as_of)} UTC."))
    return Group(*shown)


def _copied(line: str) -> RichText:
    """Return a line that people paste: it is not wrapped, which would make two commands or broken TOML of it."""
    said = _said((Outside(line),))
    said.no_wrap, said.overflow = True, "ignore"
    return said


def closed_in_terminal(closed: Closed, notice: str = "") -> RenderableType:
    """Return the page of a closed alert; the notice, if any, says that names are pseudonyms."""
    shown = [
        RichText(f"Alert {closed.alert_id} is {closed.state}", style="bold"),
        _said(("Why: ", Passage(closed.reason), ".")),
    ]
    if closed.sentence:
        shown.append(_said(("What it said last: ", Passage(closed.sentence))))
    if notice:
        shown.append(RichText(notice))
    return Group(*shown)
