"""``uploadwatch reveal``: names behind pseudonyms."""

from typing import Annotated

import typer

from cli.terminal import terminal
from common.errors import CommandError
from orchestration.pseudonymity import required_pseudonyms
from orchestration.settings import environment
from privacy.pseudonyms import TokenError

__all__ = ["reveal"]


def reveal(tokens: Annotated[list[str], typer.Argument(help="Tokens, pn_…, out of a page or an export.")]) -> None:
    """Print the names behind tokens, one a line; UPLOADWATCH_PSEUDONYM_KEY must be the key that made them."""
    pseudonyms = required_pseudonyms(environment())
    out = terminal()
    for token in tokens:
        try:
            name = pseudonyms.reveal(token)
        except TokenError as error:
            raise CommandError(f"{token}: {error}") from error
        out.print(name, markup=False, highlight=False, soft_wrap=True)
