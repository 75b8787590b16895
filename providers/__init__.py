"""List of providers, and the facts in which they differ.

Belongs here: one module per provider with its :class:`Provider`, and the types of such facts. Does not belong here:
code that acts for a provider. Every other room uses this list, and finds its own code by the provider's name.
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
    """Return a provider's display name; an unknown name is returned unchanged."""
    return PROVIDERS[name].title if name in PROVIDERS else name
