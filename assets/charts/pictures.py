"""Pictures in the metadata of materialisations, drawn from the tables of a day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from urllib.parse import quote

import dagster as dg
import duckdb

from assets.charts.budget_plots import load_plot
from assets.charts.load import load_of_days
from assets.charts.small_plots import alert_plot, coverage_plot, hours_plot
from assets.core.preview import cell
from detection.rule import RULE
from detection.scales import scale_days
from lake.days import days_between
from lake.store import Lake

__all__ = ["alert_pictures", "coverage_picture", "hours_picture", "load_metadata"]

_MOST = 2
"""Most alerts of a day that are drawn, the rarest first: the event log keeps every picture for good."""
_DAY = timedelta(days=1)
_MONTH = RULE.periods.training_days * _DAY
_PLAIN = "/:;,='"
"""Characters of an SVG that have no meaning in Markdown or in a URL."""


def markdown(name: str, svg: str) -> str:
    """Return a picture as Markdown that holds it. Percent signs cost fewer bytes than base64 does."""
    return f"![{name}](data:image/svg+xml,{quote(svg, safe=_PLAIN)})"


def hours_picture(con: duckdb.DuckDBPyConnection) -> Mapping[str, dg.MetadataValue]:
    """Draw files by hour and provider, from ``user_hours`` of a day."""
    rows = con.execute(
        "SELECT hour(hour), provider, CAST(sum(files) AS BIGINT) FROM user_hours GROUP BY ALL"
    ).fetchall()
    return {"uploads by hour": dg.MetadataValue.md(markdown("uploads by hour", hours_plot(rows)))} if rows else {}


def coverage_picture(con: duckdb.DuckDBPyConnection) -> Mapping[str, dg.MetadataValue]:
    """Draw files by hour and size source, from ``uploads`` of a day."""
    rows = con.execute(
        "SELECT hour(time), size_source, count(DISTINCT coalesce(file_id, event_key)) FROM uploads GROUP BY ALL"
    ).fetchall()
    return {"sizes by hour": dg.MetadataValue.md(markdown("sizes by hour", coverage_plot(rows)))} if rows else {}


def alert_pictures(con: duckdb.DuckDBPyConnection, lake: Lake, day: date) -> Mapping[str, dg.MetadataValue]:
    """Draw the rarest alerts of a day, each beside its user's month; return nothing if there are none.

    Args:
        con: Connection in which ``day_alerts`` of the day exists; gets the view ``month``.
        lake: Where the user-hours are.
        day: The day.
    """
    alerts = con.execute(
        """
        SELECT "user", person, scope, first_window_start, last_window_end, peak_period_start, peak_window_end
        FROM day_alerts
        WHERE users = 1 AND folded_into IS NULL
        ORDER BY one_in DESC, person
        LIMIT $most
        """,
        {"most": _MOST},
    ).fetchall()
    if not alerts:
        return {}
    scales = [scale_days()[scope] for _, _, scope, *_ in alerts if scope in scale_days()]
    before = max([_MONTH, *(2 * days * _DAY for days in scales)])
    lake.view(con, "month", ["user_hours"], days_between(day - before, day + 2 * _DAY))
    shown = []
    for user, person, scope, opens, ends, period_start, peak_end in alerts:
        days = scale_days().get(scope)
        start, end = (period_start, peak_end) if days else (opens, ends)
        hours = con.execute(
            """
            SELECT hour, CAST(sum(files) AS BIGINT), sum(bytes)
            FROM month
            WHERE "user" = $person
            GROUP BY hour
            ORDER BY hour
            """,
            {"person": person},
        ).fetchall()
        shown.append(f"{cell(user)}\n\n{markdown('alert', alert_plot(hours, start, end, scale_days=days))}")
    return {"alerts against the users' month": dg.MetadataValue.md("\n\n".join(shown))}


def load_metadata(
    con: duckdb.DuckDBPyConnection, lake: Lake, days: Sequence[date], *, picture: bool
) -> dict[str, dg.MetadataValue]:
    """Return target and actual alerts over some days as metadata for the UI.

    Args:
        con: Connection to make views in.
        lake: Where thresholds and alerts are.
        days: The days, ascending.
        picture: Whether to draw it, too.
    """
    load = load_of_days(con, lake, days)
    found: dict[str, dg.MetadataValue] = {}
    for population in dict.fromkeys(row["population"] for row in load):
        rows = [row for row in load if row["population"] == population]
        users = sum(row["watched_users"] for row in rows)
        if users:
            raised = sum(row["raised"] for row in rows)
            found[f"{population}: target"] = dg.MetadataValue.float(rows[-1]["budget"])
            found[f"{population}: actual"] = dg.MetadataValue.float(round(1000 * raised / users, 3))
    if found and picture:
        found["alerts against the budget"] = dg.MetadataValue.md(markdown("load", load_plot(load)))
    return found
