"""``uploadwatch review``: a person's verdict on an alert or a case, which changes thresholds from the next day."""

from __future__ import annotations

from typing import Annotated

import duckdb
import typer

from cli.options import HOME, HomeOption, lake_of
from cli.terminal import terminal
from common.clock import Clock
from common.errors import CommandError
from lake.ledger import publish
from lake.named import SHOWN_ID, Named, find_named
from lake.reviews import ReadAlert
from lake.triage import review as review_alerts
from orchestration.settings import Settings, environment

__all__ = ["review"]


def review(
    ids: Annotated[
        list[str], typer.Argument(help="The ids of alerts or cases, or enough of their beginnings.", metavar="ID...")
    ],
    by: Annotated[str, typer.Option(help="Name of the reviewer.")],
    note: Annotated[str, typer.Option(help="Why.")],
    benign: Annotated[bool, typer.Option("--benign/--confirmed", help="Ordinary work, or an incident.")],
    revision: Annotated[
        int | None, typer.Option(help="Revision of the alert that you read; the present one otherwise.", min=1)
    ] = None,
    home: HomeOption = HOME,
) -> None:
    """Mark alerts, or all alerts of cases, as benign or confirmed; the latest review counts, all are kept.

    A verdict is about the revision that was read: if the alert grows afterwards, it is not reviewed any more. A review
    permits nothing: the same amount alerts again. To permit it, add an entry to the allow-list. From the next day on, a
    confirmed alert does not count in the calibration of thresholds.
    """
    lake = lake_of(home)
    verdict = "benign" if benign else "confirmed"
    now = Clock(fixed=Settings.read(environment()).now).now()
    with duckdb.connect() as con:
        publish(con, lake, now)
        # All or none: nobody remembers which of ten ids came before the one that was mistyped.
        named = [find_named(con, each) for each in ids]
        if revision is not None and (len(named) > 1 or named[0].alert_id is None):
            raise CommandError("--revision is about one alert: give its id alone, not a case or several.")
        reviewed = list(dict.fromkeys(alert for each in named for alert in _alerts(con, each)))
        review_alerts(
            con, lake, [ReadAlert(each, revision) for each in reviewed], verdict=verdict, by=by, note=note, now=now
        )
        users = dict(con.execute('SELECT alert_id, "user" FROM ledger').fetchall())
    out = terminal()
    for alert_id in reviewed:
        said = f"Alert {alert_id[:SHOWN_ID]} of {users[alert_id]} is {verdict}, says {by}: {note}"
        out.print(said, markup=False, highlight=False, soft_wrap=True)


def _alerts(con: duckdb.DuckDBPyConnection, case: Named) -> list[str]:
    """Return the alert, or those of a case without a verdict that stands; all, if each has one that may be changed."""
    if case.alert_id:
        return [case.alert_id]
    rows = con.execute("SELECT alert_id FROM shown WHERE case_id = ? AND verdict IS NULL", [case.case_id]).fetchall()
    missing = {alert_id for (alert_id,) in rows}
    return [alert_id for alert_id in case.alert_ids if alert_id in missing or not missing]
