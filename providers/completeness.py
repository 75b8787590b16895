"""Completeness of providers: what every room must have for each of them, by the provider's name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from importlib.resources import files
from importlib.util import find_spec

from common.errors import MendableError
from providers.facts import Provider

__all__ = ["IncompleteProviderError", "check", "lacking", "part"]

_PARTS = {
    "settings": ("connectors.{}", "SETTINGS"),
    "connector": ("connectors.{}", "CONNECTOR"),
    "doctor": ("connectors.doctor.{}", "EXAMINATION"),
}
"""Objects that a room finds by a provider's name: module and attribute."""
_MODULES = {"sandbox": "sandbox.{}"}
"""Packages of rooms that are not imported here."""


class IncompleteProviderError(MendableError):
    """A room has nothing for a provider; the message says what to add."""


def part(name: str, provider: str) -> object:
    """Return what a room has for a provider.

    Args:
        name: ``settings``, ``connector`` or ``doctor``.
        provider: The provider's name.

    Raises:
        IncompleteProviderError: It has none.
    """
    module, attribute = _PARTS[name]
    place = module.format(provider)
    try:
        return getattr(import_module(place), attribute)
    except ModuleNotFoundError as error:
        if error.name != place:
            raise
        raise IncompleteProviderError(_lack(provider, name, f"{place}.{attribute}")) from error
    except AttributeError as error:
        raise IncompleteProviderError(_lack(provider, name, f"{place}.{attribute}")) from error


def check(providers: Iterable[Provider]) -> None:
    """Check that every room has what it needs for every provider.

    Raises:
        IncompleteProviderError: Something is missing; names all of it.
    """
    if found := [lack for provider in providers for lack in lacking(provider)]:
        raise IncompleteProviderError("\n".join(found))


def lacking(provider: Provider) -> Iterator[str]:
    """Yield what rooms lack for a provider, a sentence each."""
    for name in _PARTS:
        try:
            part(name, provider.name)
        except IncompleteProviderError as error:
            yield str(error)
    for name, module in _MODULES.items():
        if find_spec(place := module.format(provider.name)) is None:
            yield _lack(provider.name, name, place)
    rules = files("detection")
    data = (provider.name, *provider.operation_tables.values())
    for name, path in [
        ("SQL", ("sql", "normalise", f"{provider.name}.sql")),
        *(("operations", ("data", "operations", f"{each}.csv")) for each in data),
    ]:
        if not rules.joinpath(*path).is_file():
            yield _lack(provider.name, name, f"detection/{'/'.join(path)}")


def _lack(provider: str, name: str, place: str) -> str:
    return f"{provider}: no {name}. Add {place}; CONTRIBUTING.md says how."
