"""Alerts as a table for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from detection.wording import size

__all__ = ["alert_table"]


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
    table = Table(
        title="1 alert" if len(alerts) == 1 else f"{len(alerts)} alerts",
        show_lines=True,
        expand=True,
        caption="\n".join(below) or None,
        caption_justify="left",
    )
    table.add_column("Opens (UTC)", no_wrap=True)
    table.add_column("Severity", no_wrap=True)
    # Wrap a long name instead of cutting it: a cut name could be somebody else's.
    table.add_column("What, and why", overflow="fold")
    for alert in alerts:
        severity = alert["severity"]
        lines = [escape(alert["sentence"])]
        lines += [f"[yellow]{escape(reason['name'])}[/]: {escape(reason['evidence'])}" for reason in alert["reasons"]]
        if alert["suppressed_count"]:
            amount = size(alert["bytes"]) if alert["bytes"] is not None else "sizes unknown"
            windows = "window" if alert["suppressed_count"] == 1 else "windows"
            lines.append(
                f"[dim]{alert['suppressed_count']} further {windows} folded in; "
                f"{alert['files']:,} files in all ({amount})[/]"
            )
        if review := alert["review"]:
            lines.append(f"[green]{review['verdict']}[/], says {escape(review['by'])}: {escape(review['note'])}")
        table.add_row(
            alert["first_window_start"][:16].replace("T", " "),
            f"[bold red]{severity}[/]" if severity == "Low" else severity,
            "\n".join(lines),
        )
    return table
