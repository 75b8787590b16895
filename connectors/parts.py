"""Parts of this room for each provider, found by the provider's name."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from common.errors import MendableError

__all__ = ["IncompleteProviderError", "lacking", "part"]

_PARTS = {
    "settings": ("connectors.{}", "SETTINGS"),
    "connector": ("connectors.{}", "CONNECTOR"),
    "doctor": ("connectors.doctor.{}", "EXAMINATION"),
}
"""Module and attribute of each part."""


class IncompleteProviderError(MendableError):
    """A part for a provider is missing; the message says what to add.

    Args:
        provider: The provider's name.
        name: The missing part.
        place: Where it belongs.
    """

    def __init__(self, provider: str, name: str, place: str) -> None:
        super().__init__(f"{provider}: no {name}. Add {place}; CONTRIBUTING.md says how.")


def part(name: str, provider: str) -> object:
    """Return a part of this room for a provider.

    Args:
        name: ``settings``, ``connector`` or ``doctor``.
        provider: The provider's name.

    Raises:
        IncompleteProviderError: The part is missing.
    """
    module, attribute = _PARTS[name]
    place = module.format(provider)
    try:
        return getattr(import_module(place), attribute)
    except ModuleNotFoundError as error:
        if error.name != place:
            raise
        raise IncompleteProviderError(provider, name, f"{place}.{attribute}") from error
    except AttributeError as error:
        raise IncompleteProviderError(provider, name, f"{place}.{attribute}") from error


def lacking(provider: str) -> Iterator[IncompleteProviderError]:
    """Yield an error for each part that is missing for a provider."""
    for name in _PARTS:
        try:
            part(name, provider)
        except IncompleteProviderError as error:
            yield error
