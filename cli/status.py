"""``uploadwatch status``: state of the sources, target and actual cases, and windows that were not evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import duckdb
import typer
from rich.console import Console
from rich.table import Table

from assets.charts.budget_plots import load_plot
from assets.charts.load import load_of_days
from cli.options import HOME, Format, HomeOption, lake_of, svg_file
from cli.terminal import terminal, write_json
from common.clock import Clock
from detection.allow_list import AllowListError, read
from detection.rule import RULE
from lake.source_status import Activation, Source, activations, sources_of, warnings
from lake.store import Lake
from notify.settings import read_channels
from orchestration.settings import Settings, environment
from providers import title_of

__all__ = ["status"]

_WATCH_LIST = "watch_list"


def status(
    home: HomeOption = HOME,
    days: Annotated[int, typer.Option(help="Number of days, up to the last one.", min=1)] = 30,
    plot: Annotated[
        Path | None, typer.Option(help="Picture of alerts allowed and raised, SVG.", callback=svg_file)
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="table, or json: one object.")] = Format.TABLE,
) -> None:
    """Show the problems of the sources, alerts against the budget, and the windows that were not evaluated."""
    lake = lake_of(home)
    values = environment()
    settings = Settings.read(values)
    now = Clock(fixed=settings.now).now()
    sources = sources_of(lake, now)
    out = terminal()
    if format_ is Format.TABLE:
        unusable = [channel.fault for channel in read_channels(values) if channel.fault]
        for line in [*warnings(sources), *unusable, *_weak_entries(settings, now.date())]:
            out.print(line, markup=False, highlight=False, soft_wrap=True)
    pending = activations(lake, values, now.date())
    judged = lake.days("thresholds")[-days:]
    with duckdb.connect() as con:
        load = load_of_days(con, lake, judged)
        windows = _windows(con, lake, judged, sources, now)
        cases = _cases(con, lake)
    if plot and judged:
        plot.write_text(load_plot(load), encoding="utf-8")
    if format_ is Format.JSON:
        report = {"sources": [source.as_json() for source in sources], "load": load, "windows": windows, "cases": cases}
        write_json(report | {"allow_list": _weak_entries(settings, now.date())})
        return
    if not judged:
        out.print("Nothing is evaluated yet: no run has finished.")
    else:
        _show(out, judged, load, pending, has_risk_list=settings.risk_list is not None)
        counted = ", ".join(f"{number} {state}" for state, number in cases.items())
        out.print(f"Cases of all days, as of the last run: {counted or 'none'}.", highlight=False)
    for activation in pending:
        out.print(activation.line, markup=False, highlight=False)
    for row in windows:
        why = f": {row['reason']}" if row["reason"] else ""
        count = f"{row['windows']} window{'' if row['windows'] == 1 else 's'}"
        out.print(
            f"{title_of(row['scope'])}: {count} {row['state']}{why} "
            f"({row['first_window_start']:%Y-%m-%d %H:%M} to {row['last_window_start']:%Y-%m-%d %H:%M} UTC)",
            markup=False,
        )


def _cases(con: duckdb.DuckDBPyConnection, lake: Lake) -> dict[str, int]:
    """Count the stored cases by state, those to review first."""
    lake.view(con, "cases", ["cases"], lake.days("cases"))
    rows = con.execute(
        "SELECT state, count(*) FROM cases GROUP BY state ORDER BY state = 'reviewed', state DESC"
    ).fetchall()
    return dict(rows)


def _weak_entries(settings: Settings, today: date) -> list[str]:
    """Return what is wrong with the allow-list: that it can't be used, or entries that others may use."""
    try:
        entries = read(settings.allow_list) if settings.allow_list else []
    except AllowListError as error:
        return [str(error)]
    return [f"Allow-list: {entry.weakness}" for entry in entries if entry.weakness and entry.expires >= today]


def _windows(
    con: duckdb.DuckDBPyConnection, lake: Lake, days: Sequence[date], sources: Sequence[Source], now: datetime
) -> list[dict[str, Any]]:
    """Count windows by source, state and reason; leave out those that no run could have evaluated yet."""
    lake.view(con, "evaluations", ["evaluations"], days)
    con.execute("CREATE TEMP TABLE seen (scope VARCHAR, until TIMESTAMP)")
    for source in sources:
        # A window that ended after the last run is still to be evaluated, unless runs have stopped.
        until = now if source.overdue else min(now, source.health.checked_at or now)
        con.execute("INSERT INTO seen VALUES (?, ?)", [source.provider, until.astimezone(UTC).replace(tzinfo=None)])
    cursor = con.execute(
        """
        SELECT
          e.scope,
          e.state,
          min(regexp_replace(e.reason, ' from \\d\\d:\\d\\d UTC$', ''))
            || CASE WHEN count(DISTINCT e.reason) > 1 AND min(e.reason) LIKE 'gap: %'
                 THEN concat('; other causes: ', count(DISTINCT e.reason) - 1) ELSE '' END AS reason,
          count(*) AS windows,
          min(e.window_start) AS first_window_start,
          max(e.window_start) AS last_window_start
        FROM evaluations e
        LEFT JOIN seen s ON s.scope = e.scope
        WHERE e.state <> 'not evaluated' OR e.window_start + ? * INTERVAL 1 HOUR <= coalesce(s.until, ?)
        GROUP BY e.scope, e.state, CASE WHEN e.state = 'not evaluated' THEN e.reason LIKE 'gap: %' END,
          CASE WHEN e.state = 'in activation' THEN e.reason END
        ORDER BY e.scope, first_window_start, e.state, reason
        """,
        [RULE.periods.test_window_hours, now.astimezone(UTC).replace(tzinfo=None)],
    )
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _show(
    out: Console,
    judged: Sequence[date],
    load: list[dict[str, Any]],
    pending: Sequence[Activation],
    *,
    has_risk_list: bool,
) -> None:
    until = min((each.until for each in pending if each.until), default=None)
    for population in dict.fromkeys(row["population"] for row in load):
        rows = [row for row in load if row["population"] == population]
        allowed, raised = sum(row["allowed"] for row in rows), sum(row["raised"] for row in rows)
        users = sum(row["watched_users"] for row in rows)
        if users:
            actual = f"; actual {1000 * raised / users:.2f}; balance {rows[-1]['balance']:+.1f}"
        else:
            actual = f". {_nobody(population, until, has_risk_list=has_risk_list)}"
        out.print(
            f"[bold]{population}[/] from {judged[0]} to {judged[-1]}: {raised} case{'' if raised == 1 else 's'}, "
            f"{allowed:.1f} allowed; target {rows[-1]['budget']:g} per 1000 and day{actual}."
        )
    table = Table(title="Days with cases or an allowance")
    for title in ("Day", "Population", "Monitored users", "Allowed", "Raised", "Balance"):
        table.add_column(title, justify="right")
    for row in load:
        if row["raised"] or row["allowed"]:
            figures = (
                f"{row['watched_users']:,}",
                f"{row['allowed']:.2f}",
                str(row["raised"]),
                f"{row['balance']:+.2f}",
            )
            table.add_row(str(row["day"]), row["population"], *figures)
    out.print(table)


def _nobody(population: str, until: date | None, *, has_risk_list: bool) -> str:
    """Say why a population has no monitored users."""
    if population == _WATCH_LIST and not has_risk_list:
        return "No monitored users: UPLOADWATCH_RISK_LIST names no file"
    if until:
        return f"No monitored users yet: activation ends on {until}"
    if population == _WATCH_LIST:
        return "No monitored users: nobody on the risk list uploaded"
    return "No monitored users: no such user uploaded"
