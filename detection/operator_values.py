"""Types of values that several operator files share."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from providers import PROVIDERS

__all__ = ["ProviderName"]


def _known(name: str) -> str:
    if name not in PROVIDERS:
        raise ValueError(f"not a provider; choose from {', '.join(PROVIDERS)}")
    return name


ProviderName = Annotated[str, AfterValidator(_known)]
"""Name of a provider."""
