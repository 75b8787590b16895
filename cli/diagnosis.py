"""Diagnosis of a deployment: what each provider needs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from itertools import groupby

from rich.markup import escape
from rich.table import Table

from cli.options import Format, known_providers
from cli.terminal import terminal, write_json
from common.clock import Clock
from connectors.doctor import Finding, State, examine
from detection.parameters import Parameters
from orchestration.deployment_checks import examine_deployment
from orchestration.settings import Settings, environment

__all__ = ["diagnose"]

_COLOURS = {State.OK: "green", State.WARNING: "yellow", State.FAILURE: "bold red", State.NOT_CHECKED: "dim"}


def diagnose(names: Sequence[str], format_: Format) -> bool:
    """Print the findings; return whether nothing failed.

    Args:
        names: Providers to examine; none for all that are configured.
        format_: Format of the findings.
    """
    providers = known_providers(names)
    # The findings report failed attempts; without a handler they would be logged between the lines, too.
    logging.getLogger("connectors").addHandler(logging.NullHandler())
    values = environment()
    findings = [] if names else examine_deployment(values)
    if not any(finding.check == "settings" for finding in findings):
        findings += examine(
            providers,
            values,
            now=Clock(fixed=Settings.read(values).now).now(),
            clock=lambda: datetime.now(UTC),
            activation=timedelta(days=Parameters().activation_days),
        )
    if format_ is Format.JSON:
        write_json([{"provider": finding.provider, "check": finding.check, **asdict(finding)} for finding in findings])
    else:
        terminal().print(_table(findings))
    return all(finding.state is not State.FAILURE for finding in findings)


def _table(findings: Sequence[Finding]) -> Table:
    """Return the findings as a table; a provider's answers are shown as text, never parsed as markup."""
    table = Table(title=_summary(findings), expand=True)
    table.add_column("Provider", no_wrap=True)
    table.add_column("Check", no_wrap=True)
    table.add_column("", no_wrap=True)
    # Wrap the name of a variable that somebody is to set, instead of cutting it.
    table.add_column("Found, and what to do", overflow="fold")
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
