"""Case with the page of each of its alerts, and the acts of people on one case or many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from common.errors import MendableError
from console.access.addresses import local_address
from console.access.roles import Role, Viewer, requires, viewer_of
from console.article import article_of
from console.context import Deployment, deployment_of
from console.forms import posted
from console.published import Rows, rows_of
from console.rendering import render
from lake import triage
from lake.audit_log import read_acts
from lake.ledger import publish
from lake.reviews import ReadAlert

__all__ = ["routes"]

_TITLES = {
    **{"benign": "reviewed as benign", "confirmed": "reviewed as confirmed", triage.UNDO: "review undone"},
    **{triage.REOPEN: "reopened", triage.TAKE: "taken", triage.RELEASE: "given back"},
    **{triage.ASSIGN: "handed over", triage.COMMENT: "commented"},
}


@requires(Role.VIEWER)
def page(request: Request) -> Response:
    """Show an alert's page with its case."""
    deployment = deployment_of(request)
    alert_id = request.path_params["alert_id"]
    with deployment.published.reading(deployment.clock.now()) as con:
        alerts = rows_of(
            con,
            "FROM alert_rows WHERE case_id = (SELECT case_id FROM alert_rows WHERE alert_id = ?) "
            "ORDER BY first_window_start, alert_id",
            [alert_id],
        )
        closed = rows_of(con, "FROM closed_rows WHERE alert_id = ?", [alert_id])
        cases = rows_of(con, "FROM case_rows WHERE list_contains(alert_ids, ?)", [alert_id])
        assigned = rows_of(
            con,
            "SELECT a.* FROM assignees a JOIN case_rows c USING (case_id) WHERE list_contains(c.alert_ids, ?)",
            [alert_id],
        )
    if closed:
        article = article_of(deployment.lake, alert_id)
        return render(request, "closed.html", closed=closed[0], article=article)
    if not alerts:
        raise HTTPException(404, "There is no such alert: it may be of another deployment. See the list of cases.")
    [shown] = [alert for alert in alerts if alert["alert_id"] == alert_id]
    return render(
        request,
        "case.html",
        case=cases[0],
        alerts=alerts,
        shown=alert_id,
        sentence=shown["sentence"],
        article=article_of(deployment.lake, alert_id),
        assignment=assigned[0] if assigned else None,
        acts=read_acts(deployment.lake, about_alerts=[alert["alert_id"] for alert in alerts]),
    )


@requires(Role.VIEWER)
def case(request: Request) -> Response:
    """Lead to the page of a case's alert that is to be read first."""
    deployment = deployment_of(request)
    with deployment.published.reading(deployment.clock.now()) as con:
        found = con.execute(
            """
            SELECT a.alert_id
            FROM case_rows c
            JOIN alert_rows a ON a.case_id = c.case_id
            WHERE c.case_id = ?
            ORDER BY a.sentence = c.sentence DESC, a.verdict IS NULL DESC, a.first_window_start, a.alert_id
            LIMIT 1
            """,
            [request.path_params["case_id"]],
        ).fetchone()
    if not found:
        raise HTTPException(404, "There is no such case. See the list of cases.")
    return RedirectResponse(f"/pages/{found[0]}.html", 303)


@dataclass(frozen=True)
class _Selection:
    """Cases that an act is about, and the alerts of them that the person has read.

    Attributes:
        cases: Alerts of each case.
        read: Alerts of the cases, with the revisions that were read.
        unread: Number of alerts that are newer than the page.
    """

    cases: Mapping[str, Sequence[str]]
    read: Sequence[ReadAlert]
    unread: int


@posted
@requires(Role.ANALYST)
def act(request: Request, form: FormData) -> Response:
    """Do what a form asks for, with one case or many."""
    deployment, viewer = deployment_of(request), viewer_of(request)
    now = deployment.clock.now()
    wanted = str(form.get("act", ""))
    try:
        with deployment.published.reading(now) as con:
            selected = _selection(con, form)
        with duckdb.connect() as con:
            publish(con, deployment.lake, now)
            _do(con, deployment, viewer, wanted, selected, form, now)
    except MendableError as error:
        deployment.notices.add(viewer.csrf, str(error), failed=True)
    else:
        deployment.notices.add(viewer.csrf, _said(wanted, selected))
    return RedirectResponse(local_address(str(form.get("next", "/"))), 303)


def _selection(con: duckdb.DuckDBPyConnection, form: FormData) -> _Selection:
    wanted = [str(each) for each in form.getlist("case")]
    rows: Rows = rows_of(con, "SELECT case_id, alert_ids FROM case_rows WHERE list_contains(?, case_id)", [wanted])
    if not wanted:
        raise triage.TriageError("No case is selected: tick those that you mean.")
    if len(rows) < len(set(wanted)):
        raise triage.TriageError("A selected case does not exist any more, so nothing was done. Select again.")
    members = {alert for row in rows for alert in row["alert_ids"]}
    read = [_read(str(each)) for each in form.getlist("read")]
    known = [each for each in read if each.alert_id in members]
    return _Selection(
        {row["case_id"]: row["alert_ids"] for row in rows}, known, len(members - {each.alert_id for each in known})
    )


def _read(text: str) -> ReadAlert:
    alert_id, _, revision = text.partition(":")
    if not revision.isascii() or not revision.isdigit():
        raise triage.TriageError("The form is not one of this page: load the page again.")
    return ReadAlert(alert_id, int(revision[:9]))


def _do(
    con: duckdb.DuckDBPyConnection,
    deployment: Deployment,
    viewer: Viewer,
    wanted: str,
    selected: _Selection,
    form: FormData,
    now: datetime,
) -> None:
    lake = deployment.lake
    said: dict[str, Any] = {"by": viewer.name, "now": now}
    note = str(form.get("note", ""))
    if wanted in triage.REVIEWS:
        triage.review(con, lake, selected.read, verdict=wanted, note=note, **said)
    elif wanted == triage.UNDO:
        triage.undo(con, lake, [alert for alerts in selected.cases.values() for alert in alerts], **said)
    elif wanted == triage.REOPEN:
        triage.reopen(con, lake, [alert for alerts in selected.cases.values() for alert in alerts], note=note, **said)
    elif wanted in (triage.TAKE, triage.ASSIGN, triage.RELEASE, triage.COMMENT):
        for case_id, alerts in selected.cases.items():
            if wanted == triage.TAKE:
                triage.take(lake, case_id, alerts, **said)
            elif wanted == triage.ASSIGN:
                triage.assign(lake, case_id, alerts, to=str(form.get("to", "")), **said)
            elif wanted == triage.RELEASE:
                triage.release(lake, case_id, alerts, **said)
            else:
                triage.comment(lake, case_id, alerts, text=str(form.get("text", "")), **said)
    else:
        raise triage.TriageError(f"{wanted[:40]!r} is not an act: use the buttons of the page.")


def _said(wanted: str, selected: _Selection) -> str:
    number = len(selected.cases)
    said = f"{'1 case' if number == 1 else f'{number} cases'} {_TITLES[wanted]}."
    if wanted in triage.REVIEWS and selected.unread:
        said += f" {selected.unread} alerts came since you loaded the page: they are not reviewed."
    return said


@requires(Role.VIEWER)
def index(_request: Request) -> Response:
    """Lead from the index of the pages, which pages link to, to the queue."""
    return RedirectResponse("/", 303)


routes = [
    Route("/pages/index.html", index),
    Route("/pages/{alert_id}.html", page),
    Route("/cases/{case_id}", case),
    Route("/cases", act, methods=["POST"]),
]
