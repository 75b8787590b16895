"""Advice about a file without events of the provider, by its content."""

from __future__ import annotations

import re
from collections.abc import Sequence

from history.formats.reading import EventFile, holds_events
from providers import PROVIDERS, title_of

__all__ = ["advice", "shortened"]

_MOST_SAID = 3
_FEWEST_COLUMNS = 2

_HINTS = (
    (
        r"(?is)\s*<.{,4000}?<title[^>]*>(?P<title>.{,200}?)</title>",
        "It is a web page, titled '{title}', and not the export. Sign in, and download it again.",
    ),
    (r"\s*<[!?a-zA-Z]", "It is a web page or XML, perhaps of a sign-in. Export CSV or JSON."),
    (
        r'(?s).*"@\{\w+=',
        "PowerShell cut everything below two levels. Export with `ConvertTo-Json -Depth 20`.",
    ),
    (r"\s*\{'", "It is printed Python, not JSON. Write it with json.dumps."),
    (
        r'(?s).*"(_source|@timestamp)"\s*:',
        "These are documents of Elastic without the event as it was received. Switch on 'Preserve original event' in "
        "the integration, which keeps it as event.original, or export from the provider.",
    ),
    (
        r'(?s).*"(result|sourcetype|_time)"\s*:',
        "These are search results of Splunk without the event as it was received. Search again, with `| table _raw` "
        "at the end.",
    ),
    (
        r'(?s).*"\w+_(s|d|t|g|b)"\s*:.*"\w+_(s|d|t|g|b)"\s*:',
        "These are rows of a Log Analytics table, whose fields have other names. Export from the provider, or through "
        "its API.",
    ),
    (
        r'(?s).*("(error|error_summary|error_description)"\s*:|"type"\s*:\s*"error")',
        "It is an error that the API answered with, without events.",
    ),
)


def advice(provider: str, file: EventFile) -> str:
    """Return what to do about a file without an event of the provider.

    Args:
        provider: Provider whose events it should hold.
        file: The file, read.
    """
    return (
        _of_another_provider(provider, file)
        or _without_text(file)
        or _without_column(provider, file)
        or _without_events(provider, file)
    )


def _of_another_provider(provider: str, file: EventFile) -> str:
    for other in PROVIDERS:
        if other != provider and holds_events(other, file.head):
            return f"{file.name} holds events of {title_of(other)}: give --provider {other}."
    return ""


def _without_text(file: EventFile) -> str:
    if file.damage:
        return f"{file.name}: {file.damage}."
    if not file.head:
        return f"{file.name} is empty, or holds nothing but blanks. Download, copy or export it again."
    if file.empty_answer:
        return f"{file.name} is an answer without events."
    if not file.parts:
        return (
            f"{file.name} is a CSV with a header and no rows. See that the search is of the time and users you meant."
        )
    if file.binary:
        return f"{file.name} is no text in UTF-8 or UTF-16. Unpack or convert it, or export CSV or JSON."
    return ""


def _without_column(provider: str, file: EventFile) -> str:
    if not file.header or len(file.header.names) < _FEWEST_COLUMNS or file.header.column is not None:
        return ""
    names = ", ".join(file.header.names[:8])
    wanted = PROVIDERS[provider].event_column
    return (
        f"{file.name} is a CSV with the columns {names}; events are read from one column that holds them as JSON, "
        f"such as {wanted}. docs/import.md says what each provider's events are exported with."
    )


def _without_events(provider: str, file: EventFile) -> str:
    if holds_events(provider, file.head):
        return f"{file.name} holds events of {title_of(provider)} that lack what is needed, such as the time."
    for pattern, said in _HINTS:
        if match := re.match(pattern, file.head[:20_000]):
            title = " ".join((match["title"] or "").split()) if "title" in match.re.groupindex else ""
            return f"{file.name}: {said.format(title=title)}"
    return (
        f"{file.name} holds no event of {title_of(provider)}. docs/import.md says what is read, and how to export it."
    )


def shortened(advice_: Sequence[str]) -> str:
    """Return the advice about several files as one text, with the first in full and the others counted."""
    more = len(advice_) - _MOST_SAID
    return " ".join([*advice_[:_MOST_SAID], *([f"Nothing could be read of {more:,} more files."] if more > 0 else [])])
