"""Proposal of an allow-list entry for a case, with the alerts that it would have suppressed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from common.errors import MendableError
from console.access.roles import Role, requires, viewer_of
from console.allow_entry import FIELDS, add_entry, entry_fields, entry_text, parse_entry
from console.context import Deployment, deployment_of
from console.forms import posted
from console.published import rows_of
from console.rendering import render
from detection.allow_list import Entry
from detection.geoip import read_geography
from detection.risk import read_networks
from detection.sensitive import read_terms
from dossier.reading import read_alerts, read_cases, read_evidence
from dossier.sections.advice import allow_entry
from lake.allow_preview import suppressed_by
from lake.audit_log import record
from lake.ledger import publish
from privacy.pseudonyms import TOKEN, TokenError
from providers import PROVIDERS, title_of

__all__ = ["routes"]

_ALLOW, _PROPOSE = "allow", "propose allow-list entry"


@requires(Role.ANALYST)
def proposal(request: Request) -> Response:
    """Show the form, filled from the case."""
    deployment, case_id = deployment_of(request), request.path_params["case_id"]
    settings, now = deployment.settings, deployment.clock.now()
    with duckdb.connect() as con:
        publish(con, deployment.lake, now)
        case = read_cases(con).get(case_id)
        if case is None:
            raise HTTPException(404, "There is no such case. See the list of cases.")
        first = next(each for each in read_alerts(con) if each.alert_id in case.alert_ids)
        [(person,)] = con.execute("SELECT person FROM shown WHERE alert_id = ?", [first.alert_id]).fetchall()
        networks = read_networks(settings.networks, read_geography(settings.geoip_country, settings.geoip_asn))
        terms = read_terms(settings.sensitive)
        evidence = read_evidence(con, deployment.lake, [first], now=now, networks=networks, terms=terms)
    fields = entry_fields(allow_entry(first, evidence[first.alert_id], now.date(), pseudonymized=False))
    # An address may be somebody else's tomorrow; an account's id stays.
    fields["user"] = person or fields["user"]
    if deployment.pseudonyms:
        fields["user"] = deployment.pseudonyms.of(fields["user"])
    return _form(request, case_id, fields, {}, None)


@posted
@requires(Role.ANALYST)
def preview(request: Request, form: FormData) -> Response:
    """Show what an edited entry would have suppressed, record it as proposed, or add it."""
    deployment, viewer, case_id = deployment_of(request), viewer_of(request), request.path_params["case_id"]
    fields = {name: str(form.get(name, "")) for name in FIELDS}
    try:
        entry, wrong = parse_entry(_named(deployment, fields))
    except TokenError:
        entry, wrong = None, {"user": "This is not a token of this deployment's key: copy all of it."}
    if entry is None:
        return _form(request, case_id, fields, wrong, None, status_code=422)
    wanted = str(form.get("act", "preview"))
    if wanted == "preview":
        return _form(request, case_id, fields, {}, entry)
    now = deployment.clock.now()
    with deployment.published.reading(now) as con:
        found = rows_of(con, 'SELECT alert_ids, "user" FROM case_rows WHERE case_id = ?', [case_id])
    if not found:
        raise HTTPException(404, "There is no such case. See the list of cases.")
    shown = entry_text(entry.model_copy(update={"user": fields["user"]}), found[0]["user"])
    said: dict[str, Any] = {"at": now, "by": viewer.name, "about": case_id, "alerts": found[0]["alert_ids"]}
    if wanted == "add":
        if not viewer.may(Role.OPERATOR):
            raise HTTPException(403, "This needs the role operator: ask whoever assigns the groups.")
        path = deployment.settings.allow_list
        try:
            if path is None:
                raise MendableError("UPLOADWATCH_ALLOW_LIST names no file: set it, and restart the console.")
            add_entry(deployment.lake, path, entry, found[0]["user"])
        except (MendableError, OSError) as error:
            deployment.notices.add(viewer.csrf, f"The entry was not added: {error}", failed=True)
            return _form(request, case_id, fields, {}, entry, status_code=409)
        record(deployment.lake, act=_ALLOW, text=shown, **said)
        deployment.notices.add(viewer.csrf, "The entry was added. The next poll run evaluates with it.")
    else:
        record(deployment.lake, act=_PROPOSE, text=shown, **said)
        deployment.notices.add(viewer.csrf, "The proposal stands in the history of the case. An operator can add it.")
    return RedirectResponse(f"/cases/{case_id}", 303)


def _named(deployment: Deployment, fields: Mapping[str, str]) -> Mapping[str, str]:
    """Return the fields with the name in place of a token, which allows nothing."""
    user = fields["user"].strip()
    if deployment.pseudonyms and TOKEN.fullmatch(user):
        return {**fields, "user": deployment.pseudonyms.reveal(user)}
    return fields


def _form(
    request: Request,
    case_id: str,
    fields: Mapping[str, str],
    wrong: Mapping[str, str],
    entry: Entry | None,
    status_code: int = 200,
) -> Response:
    deployment = deployment_of(request)
    suppressed: list[dict[str, Any]] = []
    alerts = 0
    with deployment.published.reading(deployment.clock.now()) as con:
        found = rows_of(con, 'SELECT "user" FROM case_rows WHERE case_id = ?', [case_id])
    if not found:
        raise HTTPException(404, "There is no such case. See the list of cases.")
    name = found[0]["user"]
    if entry:
        with duckdb.connect() as con:
            publish(con, deployment.lake, deployment.clock.now())
            ids, alerts = suppressed_by(con, deployment.lake, entry)
        with deployment.published.reading(deployment.clock.now()) as con:
            suppressed = rows_of(
                con, "FROM alert_rows WHERE list_contains(?, alert_id) ORDER BY first_window_start DESC", [ids]
            )
    return render(
        request,
        "allow.html",
        status_code,
        case_id=case_id,
        fields=fields,
        wrong=wrong,
        name=name,
        text=entry_text(entry.model_copy(update={"user": fields["user"].strip()}), name) if entry else "",
        weakness=entry.weakness if entry else "",
        suppressed=suppressed,
        alerts=alerts,
        sources={"": "all", **{name: title_of(name) for name in PROVIDERS}},
        file=deployment.settings.allow_list,
    )


routes = [
    Route("/cases/{case_id}/allow", proposal, methods=["GET"]),
    Route("/cases/{case_id}/allow", preview, methods=["POST"]),
]
