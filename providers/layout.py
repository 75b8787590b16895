"""Field layout of a provider's audit events: what is read of an event, and where it stands in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Layout", "Shape"]

Shape = str | list["Shape"] | dict[str, "Shape"]
"""Shape to read of a list: ``"VARCHAR"``, a list of one shape, or an object's keys with their shapes."""


@dataclass(frozen=True)
class Layout:
    """Fields that are read of one provider's events. A path is the keys on the way, with a slash between them.

    Attributes:
        columns: Text column of ``raw`` by its path. No path leads through another.
        lists: List column of ``raw`` by its path, with its elements' shape.
        text_lists: List column of ``raw`` by the column that holds the list, or a text of it, and its elements' shape.
        embedded: Text column of ``raw`` by the column that holds an object as text, and the path in that.
        objects: Keys of the event whose object some deliver as text.
        without_id: Whether the provider gives its events no id; ``raw`` then has the column ``canonical``, a text
            of all that is read of the event, in an order of its own.
        saves_apart: Whether the provider logs a save beside the upload of the same file.
    """

    columns: Mapping[str, str]
    lists: Mapping[str, tuple[str, Shape]] = field(default_factory=dict)
    text_lists: Mapping[str, tuple[str, Shape]] = field(default_factory=dict)
    embedded: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    objects: tuple[str, ...] = ()
    without_id: bool = False
    saves_apart: bool = False
