"""Facts of a provider that several rooms need."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from providers.layout import Layout

__all__ = ["Named", "Page", "Path", "Provider"]

Path = tuple[str, ...]
"""Keys on the way to a field of an event."""


@dataclass(frozen=True)
class Page:
    """Page of a provider's console.

    Attributes:
        title: Text of a link to it.
        address: Its address; for a user's page, the account id is appended.
        ids: The ids that such a page takes.
    """

    title: str
    address: str
    ids: re.Pattern[str] = re.compile(r".+", re.DOTALL)


@dataclass(frozen=True)
class Named:
    """Place in an event that may name another account than the actor.

    Attributes:
        path: Path of the place.
        value: It names another account if it has this value; None: whenever present.
        unless: Places with the same value if it names the actor.
    """

    path: Path
    value: str | None = None
    unless: Sequence[Path] = ()


@dataclass(frozen=True, kw_only=True)
class Provider:
    """Provider, as far as it differs from the others in facts rather than in code.

    Attributes:
        name: Its name in tables, settings and asset keys: a Python identifier.
        title: Display name.
        layout: Paths of the fields that the rules read.
        operations_source: Source of its published operations, in the words of docs/providers.
        operation_tables: Further files of decisions below ``detection/data/operations``, by the table they become.
        operations_any_case: Whether its log writes an operation in different cases.
        publication_days: Days after the event on which it may be published, if days are those of publication;
            0 if days are those of the event.
        puids: Whether an account's id has the several spellings of Microsoft's PUIDs.
        list_of_events: Key under which an answer of its API holds the events.
        event_keys: Keys of an event that no wrapper has.
        event_column: Column of an exported CSV that holds the events.
        actors: Places that name the actor: addresses first, then ids.
        others: Places that may name another account.
        log_page: Page of its console for searching the log.
        user_page: Page of one user; None if it has no address.
        not_in_log: What its log lacks, one sentence per section of an alert's page.
    """

    name: str
    title: str
    layout: Layout
    operations_source: str
    operation_tables: Mapping[str, str] = field(default_factory=dict)
    operations_any_case: bool = False
    publication_days: int = 0
    puids: bool = False
    list_of_events: str
    event_keys: frozenset[str]
    event_column: str = "_raw"
    actors: Sequence[Path]
    others: Sequence[Named] = ()
    log_page: Page
    user_page: Page | None = None
    not_in_log: Mapping[str, str] = field(default_factory=dict)
