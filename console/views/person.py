"""Page of a person: uploads by day, what is usual, names, and all cases."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import duckdb
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from console.access.roles import Role, requires
from console.context import Deployment, deployment_of
from console.day_bars import day_bars
from console.published import Rows, rows_of
from console.rendering import render
from detection.reasons import REASONS
from lake.days import days_between
from lake.people import load_people, view_people
from lake.rereading import reread
from lake.store import Lake
from privacy.pseudonyms import TokenError

__all__ = ["routes"]

_HISTORY = timedelta(days=90)


@requires(Role.VIEWER)
def person(request: Request) -> Response:
    """Show a person."""
    deployment, key = deployment_of(request), request.path_params["key"]
    with deployment.published.reading(deployment.clock.now()) as con:
        cases = rows_of(
            con,
            "SELECT *, NULL AS assignee, FALSE AS is_new FROM case_rows WHERE person = ? ORDER BY opened_at DESC",
            [key],
        )
    stored = _stored_key(deployment, key)
    labels, names, days, usual = reread(lambda: _read(deployment.lake, stored))
    if not cases and not days and not names:
        raise HTTPException(404, "Nobody is known under this key. Open a person from one of their cases.")
    shown = labels[0][0] if labels else stored
    token = deployment.pseudonyms.of if deployment.pseudonyms else lambda text: text
    alert_days = {
        day
        for case in cases
        for day in days_between(case["opened_at"].date(), (case["last_window_end"] - timedelta(seconds=1)).date())
    }
    bars = [(day, files if day in alert_days else 0, 0 if day in alert_days else files) for day, files, _ in days]
    return render(
        request,
        "person.html",
        name=token(shown),
        names=[
            {"provider": row["provider"]}
            | {field: row[field] and token(row[field]) for field in ("account", "address")}
            for row in names
        ],
        picture=day_bars(bars, what="files") if days else None,
        files=sum(files for _, files, _ in days),
        bytes=sum(size or 0 for *_, size in days) if days else None,
        usual=usual,
        cases=cases,
        indicators={name: name.replace("_", " ") for name in REASONS},
        history_days=_HISTORY.days,
    )


def _read(lake: Lake, person: str) -> tuple[list[Any], Rows, list[tuple[date, int, int | None]], Rows]:
    """Return the present address of a person, their names, their days and what is usual."""
    with duckdb.connect() as con:
        load_people(con, lake)
        labels = con.execute("SELECT label FROM person_labels WHERE person = ?", [person]).fetchall()
        names = rows_of(
            con, "SELECT DISTINCT provider, account, address FROM person_names WHERE person = ? ORDER BY ALL", [person]
        )
        hours = lake.days("user_hours")
        days = _days(con, lake, person, hours[-1]) if hours else []
        return labels, names, days, _usual(con, lake, person)


def _stored_key(deployment: Deployment, key: str) -> str:
    """Return the key in the lake's tables, where the address has a token."""
    if deployment.pseudonyms is None:
        return key
    try:
        return deployment.pseudonyms.reveal(key)
    except TokenError:
        raise HTTPException(404, "Nobody is known under this key. Open a person from one of their cases.") from None


def _days(con: duckdb.DuckDBPyConnection, lake: Lake, person: str, last: date) -> list[tuple[date, int, int | None]]:
    """Return files and known bytes of each day with uploads."""
    view_people(con, lake, "user_hours", ["user_hours"], days_between(last - _HISTORY, last), lost_too=True)
    return con.execute(
        """
        SELECT CAST(hour AS DATE), CAST(sum(files) AS BIGINT), CAST(sum(bytes) AS BIGINT)
        FROM user_hours WHERE "user" = ? GROUP BY 1 ORDER BY 1
        """,
        [person],
    ).fetchall()


def _usual(con: duckdb.DuckDBPyConnection, lake: Lake, person: str) -> list[dict[str, Any]]:
    """Return the baselines of the latest day that has some."""
    days = lake.days("baselines")
    if not days:
        return []
    view_people(con, lake, "baselines", ["baselines"], days[-1:], lost_too=True)
    return rows_of(
        con,
        """
        SELECT
          scope, active_days, files_windows, files_sum / nullif(files_windows, 0) AS files_mean, files_max,
          bytes_sum / nullif(bytes_windows, 0) AS bytes_mean, bytes_max
        FROM baselines WHERE "user" = ? AND files_windows IS NOT NULL ORDER BY scope
        """,
        [person],
    )


routes = [Route("/people/{key:path}", person)]
