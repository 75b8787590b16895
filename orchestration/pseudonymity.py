"""The key of pseudonyms out of the environment, and ``uploadwatch reveal``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated

import typer

from connectors import ConfigurationError
from detection.pseudonyms import KeyFormatError, Pseudonyms, TokenError
from orchestration.settings import Settings, environment

__all__ = ["KEY", "known_pseudonyms", "pseudonyms_of", "reveal"]

KEY = "UPLOADWATCH_PSEUDONYM_KEY"
"""Variable that holds the key."""


def pseudonyms_of(values: Mapping[str, str]) -> Pseudonyms | None:
    """What makes tokens of names, where the settings say that tokens stand in their place.

    Raises:
        ConfigurationError: They do, and there is no key, or it cannot be used: names must not leave by mistake.
    """
    return _pseudonyms(values) if Settings.read(values).pseudonyms else None


def known_pseudonyms(values: Mapping[str, str]) -> Pseudonyms | None:
    """What makes tokens of names, where there is a key, whether tokens are in use now or not."""
    return _pseudonyms(values) if values.get(KEY) else None


def _pseudonyms(values: Mapping[str, str]) -> Pseudonyms:
    if not values.get(KEY):
        raise ConfigurationError(f"{KEY} is not set, and tokens need it. Make a key with: openssl rand -base64 64")
    try:
        return Pseudonyms(values[KEY])
    except KeyFormatError as error:
        raise ConfigurationError(f"{KEY} cannot be used: {error}") from error


def reveal(tokens: Annotated[list[str], typer.Argument(help="Tokens, pn_…, out of a page or an export.")]) -> None:
    """Says what tokens stand for, one line each; needs the key they were made with in UPLOADWATCH_PSEUDONYM_KEY."""
    pseudonyms = _pseudonyms(environment())
    for token in tokens:
        try:
            sys.stdout.write(f"{pseudonyms.reveal(token)}\n")
        except TokenError as error:
            raise LookupError(f"{token}: {error}") from error
