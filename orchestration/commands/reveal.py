"""``uploadwatch reveal``: what tokens stand for."""

import sys
from typing import Annotated

import typer

from detection.pseudonyms import TokenError
from orchestration.pseudonymity import required_pseudonyms
from orchestration.settings import environment

__all__ = ["reveal"]


def reveal(tokens: Annotated[list[str], typer.Argument(help="Tokens, pn_…, out of a page or an export.")]) -> None:
    """Says what tokens stand for, one line each; needs the key they were made with in UPLOADWATCH_PSEUDONYM_KEY."""
    pseudonyms = required_pseudonyms(environment())
    for token in tokens:
        try:
            sys.stdout.write(f"{pseudonyms.reveal(token)}\n")
        except TokenError as error:
            raise LookupError(f"{token}: {error}") from error
