"""``uploadwatch review``: a person's verdict on an alert, which changes the baseline from the next day."""

from __future__ import annotations

from typing import Annotated

import duckdb
import typer
from rich.markup import escape

from assets.core.resources import Clock
from cli.options import HOME, HomeOption, lake_of
from cli.terminal import terminal
from common.errors import CommandError
from lake.ledger import publish
from lake.reviews import add_review
from orchestration.settings import Settings, environment

__all__ = ["review"]


def review(
    alert: Annotated[str, typer.Argument(help="The alert's alert_id, or enough of its beginning.")],
    by: Annotated[str, typer.Option(help="Name of the reviewer.")],
    note: Annotated[str, typer.Option(help="Why.")],
    benign: Annotated[bool, typer.Option("--benign/--confirmed", help="Ordinary work, or an incident.")],
    home: HomeOption = HOME,
) -> None:
    """Mark an alert as benign or confirmed; the latest review counts, all are kept.

    A review permits nothing: the same amount alerts again. To permit it, add an entry to the allow-list. From the next
    day on, a confirmed alert does not count in the calibration of thresholds.
    """
    lake = lake_of(home)
    verdict = "benign" if benign else "confirmed"
    now = Clock(fixed=Settings.read(environment()).now).now()
    with duckdb.connect() as con:
        publish(con, lake, now)
        found = con.execute("SELECT alert_id FROM ledger WHERE starts_with(alert_id, ?)", [alert.lower()]).fetchall()
        if len(found) != 1 or not alert:
            raise CommandError(
                f"{len(found)} alerts have an alert_id that begins with {alert!r}. "
                "Take it from `uploadwatch alerts --format json`."
            )
        add_review(con, lake, found[0][0], verdict=verdict, by=by, note=note, now=now)
    terminal().print(f"{found[0][0]} is {verdict}, says {escape(by)}: {escape(note)}", highlight=False)
