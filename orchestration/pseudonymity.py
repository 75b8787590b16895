"""The key of pseudonyms, read from the environment."""

from __future__ import annotations

from collections.abc import Mapping

from connectors import ConfigurationError
from orchestration.settings import Settings
from privacy.pseudonyms import KeyFormatError, Pseudonyms

__all__ = ["KEY", "known_pseudonyms", "pseudonyms_of", "required_pseudonyms"]

KEY = "UPLOADWATCH_PSEUDONYM_KEY"
"""Variable that holds the key."""


def pseudonyms_of(values: Mapping[str, str]) -> Pseudonyms | None:
    """Return the maker of tokens for names if the settings replace names by tokens, else None.

    Raises:
        ConfigurationError: They do, but there is no usable key; names must not leave by mistake.
    """
    return required_pseudonyms(values) if Settings.read(values).pseudonyms else None


def known_pseudonyms(values: Mapping[str, str]) -> Pseudonyms | None:
    """Return the maker of tokens for names if there is a key, whether tokens are in use now or not."""
    return required_pseudonyms(values) if values.get(KEY) else None


def required_pseudonyms(values: Mapping[str, str]) -> Pseudonyms:
    """Return the maker that turns names into tokens, and tokens into names.

    Raises:
        ConfigurationError: There is no key, or it cannot be used.
    """
    if not values.get(KEY):
        raise ConfigurationError(f"{KEY} is not set, and tokens need it. Make a key with: openssl rand -base64 64")
    try:
        return Pseudonyms(values[KEY])
    except KeyFormatError as error:
        raise ConfigurationError(f"{KEY} cannot be used: {error}") from error
