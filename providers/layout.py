"""Field layout of a provider's audit events: which fields are read, and their paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Layout", "Shape"]

Shape = str | list["Shape"] | dict[str, "Shape"]
"""Shape of a list's elements: ``"VARCHAR"``, a list of one shape, or an object's keys with their shapes."""


@dataclass(frozen=True)
class Layout:
    """Fields that are read from one provider's events. A path is the keys to a field, joined by slashes.

    Attributes:
        columns: Text column of ``raw`` by its path. No path leads through another.
        lists: List column of ``raw`` by its path, with its elements' shape.
        text_lists: List column of ``raw`` by the column with the list, possibly as text, and its elements' shape.
        embedded: Text column of ``raw`` by the column with an object as text, and the path inside it.
        objects: Keys of the event whose object some exports encode as text.
        without_id: Whether the provider's events have no id; ``raw`` then has the column ``canonical``, a text
            of all fields that are read, in a fixed order.
        saves_apart: Whether the provider logs a save in addition to the upload of the same file.
    """

    columns: Mapping[str, str]
    lists: Mapping[str, tuple[str, Shape]] = field(default_factory=dict)
    text_lists: Mapping[str, tuple[str, Shape]] = field(default_factory=dict)
    embedded: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    objects: tuple[str, ...] = ()
    without_id: bool = False
    saves_apart: bool = False
