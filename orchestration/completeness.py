"""Check that every room has its part for each provider."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.resources import files
from importlib.util import find_spec

from common.errors import MendableError
from connectors.parts import IncompleteProviderError
from connectors.parts import lacking as lacking_connectors
from providers import Provider

__all__ = ["check"]


def check(providers: Iterable[Provider]) -> None:
    """Check that every room has its part for every provider.

    Raises:
        MendableError: Something is missing; the message names all of it.
    """
    if found := [str(error) for provider in providers for error in _lacking(provider)]:
        raise MendableError("\n".join(found))


def _lacking(provider: Provider) -> Iterator[IncompleteProviderError]:
    yield from lacking_connectors(provider.name)
    # Found by name, since no room of the product imports the sandbox.
    if find_spec(place := f"sandbox.{provider.name}") is None:
        yield IncompleteProviderError(provider.name, "sandbox", place)
    rules = files("detection")
    tables = (provider.name, *provider.operation_tables.values())
    wanted = [("SQL", f"sql/normalise/{provider.name}.sql")]
    wanted += [("operations", f"data/operations/{table}.csv") for table in tables]
    for name, path in wanted:
        if not rules.joinpath(path).is_file():
            yield IncompleteProviderError(provider.name, name, f"detection/{path}")
