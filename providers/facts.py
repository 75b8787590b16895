"""The facts of a provider that several rooms need."""

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
    """A page of a provider's console.

    Attributes:
        title: What a link to it is called.
        address: Its address; that of a user's page lacks the account id at its end.
        ids: The ids that such a page takes.
    """

    title: str
    address: str
    ids: re.Pattern[str] = re.compile(r".+", re.DOTALL)


@dataclass(frozen=True)
class Named:
    """A place in an event that may name another account than the one that acted.

    Attributes:
        path: Where the place is.
        value: It names another account where it has this value; None: wherever it is there.
        unless: Places that it repeats where it names the one that acted.
    """

    path: Path
    value: str | None = None
    unless: Sequence[Path] = ()


@dataclass(frozen=True, kw_only=True)
class Provider:
    """A provider, as far as it differs from the others in facts rather than in code.

    Attributes:
        name: Its name in tables, settings and asset keys: a Python identifier.
        title: What people call it.
        layout: Where its events hold what the rules ask for.
        operations_source: Where its published operations were taken from, as docs/providers says it.
        operation_tables: Further files of decisions below ``detection/data/operations``, by the table they become.
        operations_any_case: Whether its log writes one operation in different cases.
        publication_days: Days after its own on which an event may be published, where days are those of publication;
            0 where they are those of the event.
        puids: Whether ids of one account come in the several spellings of Microsoft's PUIDs.
        list_of_events: Key under which an answer of its API holds the events.
        event_keys: Keys of an event that no wrapper of it has.
        event_column: Column of an exported CSV that holds the events.
        actors: Where an event names who acted: addresses first, then ids.
        others: Where it may name another account.
        log_page: Page of its console on which the log is searched.
        user_page: Page of one user; None where no address leads there.
        not_in_log: What its log does not hold, a sentence by section of an alert's page.
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
