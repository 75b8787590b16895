"""Alerts as a table for the terminal, case by case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.markup import escape
from rich.table import Table

from detection.rule import RULE, SEVERITIES
from detection.wording import outgrown, size

__all__ = ["SHORT", "alert_table"]

SHORT = 12
"""Length of a case's id as it is shown; any beginning that is unique is accepted."""


def alert_table(
    alerts: Sequence[dict[str, Any]], allowed: Mapping[str, int] | None = None, activation: Sequence[str] = ()
) -> Table:
    """Return alerts as a table for the terminal; names from outside are shown as text, never parsed as markup.

    Args:
        alerts: From :func:`lake.shown_alerts.read_alerts`.
        allowed: From :func:`lake.shown_alerts.read_suppressed`; shown below the table.
        activation: Why sources cannot raise an alert yet, a line each; likewise.
    """
    below = [escape(line) for line in activation]
    below += [
        f"{windows:,} windows suppressed by the allow-list: {escape(entry)}"
        for entry, windows in (allowed or {}).items()
    ]
    first = {alert["case"]["case_id"]: alert["case"]["opened_at"] for alert in alerts}
    in_order = sorted(alerts, key=lambda each: (first[each["case"]["case_id"]], each["case"]["case_id"]))
    cases = [list(group) for _, group in groupby(in_order, key=lambda each: each["case"]["case_id"])]
    title = "1 alert" if len(alerts) == 1 else f"{len(alerts)} alerts"
    if len(cases) < len(alerts):
        title += f" in {len(cases)} case{'' if len(cases) == 1 else 's'}"
    table = Table(title=title, show_lines=True, expand=True, caption="\n".join(below) or None, caption_justify="left")
    table.add_column("Case, opened (UTC)", no_wrap=True)
    table.add_column("Severity", no_wrap=True)
    # Wrap a long name instead of cutting it: a cut name could be somebody else's.
    table.add_column("What, and why", overflow="fold")
    for members in cases:
        case = members[0]["case"]
        severity = max((each["severity"] for each in members), key=SEVERITIES.index)
        state = case["state"] if case["state"] != "reopened" else "[bold red]reopened[/]"
        opened = case["opened_at"][:16].replace("T", " ")
        table.add_row(
            f"{opened}\n[dim]{case['case_id'][:SHORT]}[/]\n{state}",
            severity if severity == RULE.severity else f"[bold red]{severity}[/]",
            "\n".join(line for alert in members for line in _lines(alert, several=len(members) > 1)),
        )
    return table


def _lines(alert: dict[str, Any], *, several: bool) -> Iterator[str]:
    """Yield what the table says of an alert, line by line."""
    yield ("- " if several else "") + escape(alert["sentence"])
    for reason in alert["reasons"]:
        yield f"[yellow]{escape(reason['name'])}[/]: {escape(reason['evidence'])}"
    if alert["suppressed_count"]:
        amount = size(alert["bytes"]) if alert["bytes"] is not None else "sizes unknown"
        windows = "window" if alert["suppressed_count"] == 1 else "windows"
        yield (
            f"[dim]{alert['suppressed_count']} further {windows} folded in; "
            f"{alert['files']:,} files in all ({amount})[/]"
        )
    if review := alert["review"]:
        yield f"[green]{review['verdict']}[/], says {escape(review['by'])}: {escape(review['note'])}"
    if former := alert["outgrown_review"]:
        said = outgrown(former["verdict"], former["revision"])
        yield f"[bold red]{said}[/] (said {escape(former['by'])}: {escape(former['note'])})"
