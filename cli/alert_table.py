"""Cases as a table for the terminal, a line each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.markup import escape
from rich.table import Table

from cli.case_queue import Case
from detection.rule import RULE
from detection.wording import size
from lake.named import SHOWN_ID

__all__ = ["case_table"]

_WIDE = 120
"""Columns of a terminal from which risk indicators and the time of day have a place beside the user."""
_LEAST_USER = 16
_BESIDE_INDICATORS = 104
"""Columns of a wide terminal for all but the risk indicators, which would else take them from the user."""


def case_table(
    cases: Sequence[Case],
    *,
    width: int,
    left_out: int = 0,
    allowed: Mapping[str, int] | None = None,
    activation: Sequence[str] = (),
) -> Table:
    """Return cases as a table for the terminal; names from outside are shown as text, never parsed as markup.

    Args:
        cases: From :func:`cli.case_queue.cases_of`.
        width: Columns of the terminal.
        left_out: Further cases that were asked for, but are more than the limit.
        allowed: From :func:`lake.shown_alerts.read_suppressed`; shown below the table.
        activation: Why sources cannot raise an alert yet, a line each; likewise.
    """
    below = [f"{left_out:,} further cases: raise --limit"] if left_out else []
    below += [escape(line) for line in activation]
    below += [
        f"{windows:,} windows suppressed by the allow-list: {escape(entry)}"
        for entry, windows in (allowed or {}).items()
    ]
    alerts = sum(len(members) for members in cases)
    title = "1 alert" if alerts == 1 else f"{alerts} alerts"
    if len(cases) < alerts:
        title += f" in {len(cases)} case{'' if len(cases) == 1 else 's'}"
    is_wide = width >= _WIDE
    table = Table(title=title, box=None, caption="\n".join(below) or None, caption_justify="left")
    for name in ("Case", "Opened (UTC)" if is_wide else "Opened", "Severity"):
        table.add_column(name, no_wrap=True)
    # Wrap a long name instead of cutting it: a cut name could be somebody else's.
    table.add_column("User", overflow="fold", min_width=_LEAST_USER)
    for name in ("Files", "Size", "One in"):
        table.add_column(name, no_wrap=True, justify="right")
    table.add_column("Review", no_wrap=True)
    if is_wide:
        table.add_column("Risk indicators", no_wrap=True, overflow="ellipsis", max_width=width - _BESIDE_INDICATORS)
    length = _unique_length([members[0]["case"]["case_id"] for members in cases])
    for members in cases:
        case = members[0]["case"]
        severity = case["severity"]
        table.add_row(
            f"[bold]{case['case_id'][:length]}[/]",
            case["opened_at"][: 16 if is_wide else 10].replace("T", " "),
            severity if severity == RULE.severity else f"[bold red]{severity}[/]",
            ", ".join(dict.fromkeys(escape(alert["user"]) for alert in members)),
            f"{case['files']:,}",
            "unknown" if case["bytes"] is None else size(case["bytes"]),
            f"{case['one_in']:,}" if case["one_in"] else "",
            _review(members),
            *([_indicators(members)] if is_wide else []),
        )
    return table


def _unique_length(ids: Sequence[str]) -> int:
    length = SHOWN_ID
    while len({each[:length] for each in ids}) < len(set(ids)):
        length += 1
    return length


def _indicators(members: Case) -> str:
    """Return the names of the risk indicators, the strong ones first."""
    found = {reason["name"]: reason["strength"] for alert in members for reason in alert["reasons"]}
    names = sorted(found, key=lambda name: found[name] != "strong")
    return ", ".join(f"[yellow]{escape(name)}[/]" for name in names)


def _review(members: Case) -> str:
    """Return whether the case is open, or how its alerts were reviewed."""
    state: str = members[0]["case"]["state"]
    if state == "reopened":
        return "[bold red]reopened[/]"
    if state != "reviewed":
        return state
    verdicts = dict.fromkeys(alert["review"]["verdict"] for alert in members if alert["review"])
    return f"[green]{', '.join(verdicts)}[/]"
