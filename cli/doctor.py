"""``uploadwatch doctor``: diagnosis of the providers, as a table or as JSON."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from assets.core.resources import Clock
from cli.options import Format, known_providers
from cli.terminal import terminal, write_json
from connectors.doctor import Finding, State, examine
from detection.parameters import Parameters
from orchestration.settings import Settings, environment

__all__ = ["doctor"]

_COLOURS = {State.OK: "green", State.WARNING: "yellow", State.FAILURE: "bold red", State.NOT_CHECKED: "dim"}


def doctor(
    provider: Annotated[list[str] | None, typer.Option(help="Only this provider; may be repeated.")] = None,
    format_: Annotated[Format, typer.Option("--format", help="table, or json: one array.")] = Format.TABLE,
) -> None:
    """Check what each configured provider needs: sign-in, permissions, plan, clock, quota, and how far the log goes.

    Each finding says what to do, in the words of the provider's console. The exit status is 1 if something failed, or
    if none of the named providers is configured. Warnings leave it at 0.

    Nothing is changed at a provider, except that missing subscriptions of Office 365 are started, as the first pull
    would do.
    """
    providers = known_providers(provider or ())
    # The findings report failed attempts; without a handler they would be logged between the lines, too.
    logging.getLogger("connectors").addHandler(logging.NullHandler())
    values = environment()
    now = Clock(fixed=Settings.read(values).now).now()
    findings = examine(
        providers,
        values,
        now=now,
        clock=lambda: datetime.now(UTC),
        activation=timedelta(days=Parameters().activation_days),
    )
    if format_ is Format.JSON:
        write_json([{"provider": finding.provider, "check": finding.check, **asdict(finding)} for finding in findings])
    else:
        terminal().print(_table(findings))
    if any(finding.state is State.FAILURE for finding in findings):
        raise typer.Exit(1)


def _table(findings: Sequence[Finding]) -> Table:
    """Return the findings as a table; a provider's answers are shown as text, never parsed as markup."""
    table = Table(title=_summary(findings), expand=True)
    table.add_column("Provider", no_wrap=True)
    table.add_column("Check", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("Found, and what to do")
    for provider, group in groupby(findings, key=lambda finding: finding.provider):
        for number, finding in enumerate(group):
            lines = escape(finding.found) + (f"\n[italic]{escape(finding.to_do)}[/]" if finding.to_do else "")
            state = f"[{_COLOURS[finding.state]}]{finding.state}[/]"
            table.add_row("" if number else f"[bold]{provider}[/]", finding.check.replace("_", " "), state, lines)
        table.add_section()
    return table


def _summary(findings: Sequence[Finding]) -> str:
    states = [finding.state for finding in findings]
    failed, warned = states.count(State.FAILURE), states.count(State.WARNING)
    return f"{failed} failed, {warned} warned, {states.count(State.OK)} ok"
