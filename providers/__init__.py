"""The one list of providers, and what differs between them in facts.

Belongs here: a module a provider with its :class:`Provider`, and the types of such facts. Does not belong here: code
that does anything for a provider. Every other room takes its list from here, and finds what it has for a provider by
the provider's name.
"""

from collections.abc import Mapping

from providers import box, dropbox, google_workspace, office365
from providers.facts import Named, Page, Path, Provider
from providers.layout import Layout, Shape

__all__ = ["PROVIDERS", "Layout", "Named", "Page", "Path", "Provider", "Shape", "title_of"]

PROVIDERS: Mapping[str, Provider] = {
    each.PROVIDER.name: each.PROVIDER for each in (box, dropbox, google_workspace, office365)
}
"""All providers by name, in their usual order."""


def title_of(name: str) -> str:
    """Return what people call a provider; the name itself where no provider has it."""
    return PROVIDERS[name].title if name in PROVIDERS else name
