"""Advice where a file held no event of the provider, by what it holds instead."""

from __future__ import annotations

import re
from collections.abc import Iterator

from assets.event_files.blocks import Block
from assets.event_files.csv_rows import csv_blocks, find_header
from assets.event_files.json_texts import json_blocks
from assets.event_files.reading import EventFile
from assets.event_files.window import Window
from assets.event_files.wrappers import Unwrapper

__all__ = ["advice"]

_HINTS = (
    (r"(?i)\s*<(!doctype|html|\?xml)", "It is a web page or XML, perhaps of a sign-in. Export it again."),
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
        "It is an error that the API answered with, and no events.",
    ),
)
_PROVIDER_NAMES = {
    "dropbox": "Dropbox",
    "box": "Box",
    "google_workspace": "Google Workspace",
    "office365": "Office 365",
}


def advice(provider: str, file: EventFile) -> str:
    """Return what to do about a file without an event of the provider.

    Args:
        provider: Whose events it should hold.
        file: The file, read.
    """
    for other, name in _PROVIDER_NAMES.items():
        if other != provider and _holds_events(other, file.head):
            return f"{file.name} holds events of {name}: give --provider {other}."
    if file.damage:
        return f"{file.name}: {file.damage}."
    if file.header and len(file.header.names) > 1 and file.header.column is None:
        names = ", ".join(file.header.names[:8])
        wanted = "AuditData" if provider == "office365" else "_raw"
        return (
            f"{file.name} is a CSV with the columns {names}; events are read from one column that holds them as JSON, "
            f"such as {wanted}. docs/import.md says what each provider's events are exported with."
        )
    for pattern, said in _HINTS:
        if re.match(pattern, file.head[:20_000]):
            return f"{file.name}: {said}"
    return (
        f"{file.name} holds no event of {_PROVIDER_NAMES[provider]}. docs/import.md says what is read, and how to "
        "export it."
    )


def _holds_events(provider: str, head: str) -> bool:
    unwrapper = Unwrapper(provider)
    return any(unwrapper.inside(text) for block in _blocks(head, unwrapper) for text in block.texts)


def _blocks(head: str, unwrapper: Unwrapper) -> Iterator[Block]:
    header = find_header(head, unwrapper)
    if header and header.column is not None and not head.lstrip("\ufeff \n").startswith(("{", "[")):
        return csv_blocks(Window(iter([head])), header, unwrapper)
    return json_blocks(Window(iter([head])), unwrapper)
