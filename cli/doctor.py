"""``uploadwatch doctor``: diagnosis of a deployment, as a table or as JSON."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.options import Format

__all__ = ["doctor"]


def doctor(
    provider: Annotated[list[str] | None, typer.Option(help="Only this provider; may be repeated.")] = None,
    format_: Annotated[Format, typer.Option("--format", help="table, or json: one array.")] = Format.TABLE,
) -> None:
    """Check what each configured provider needs (sign-in, permissions, plan, clock, quota, how far the log goes).

    Without --provider, check the deployment, too: variables, files, home, channels and schedules.

    Each finding says what to do, in the words of the provider's console. The exit status is 1 if something failed, or
    if none of the named providers is configured. Warnings leave it at 0.

    Nothing is changed at a provider, except that missing subscriptions of Office 365 are started, as the first pull
    would do.
    """
    from cli.diagnosis import diagnose  # noqa: PLC0415 -- --help answers without the connectors

    if not diagnose(provider or (), format_):
        raise typer.Exit(1)
