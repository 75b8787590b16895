"""Form of each fault in each API: answers that replace the API's, and changes of its answers."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

import msgspec

from sandbox.base.responses import Refusal
from sandbox.box import audit_log as box
from sandbox.dropbox import audit_log as dropbox
from sandbox.faults import plans as faults
from sandbox.faults.plans import GOOGLE, TOKENS, Fault
from sandbox.google_workspace import audit_log as google_workspace
from sandbox.office365 import audit_log as office365
from sandbox.office365 import files as office365_graph

WAIT = 1
"""Seconds that an API names if the plan names none: only Dropbox's body requires them."""
_WRONG_CLIENT = "AADSTS7000215: Invalid client secret provided."
_PLACES = {"box": "stream_position", "google_workspace": "pageToken", "office365": "nextPage"}
_MARKS = {"box": "next_stream_position", "google_workspace": "nextPageToken"}
_PAGES = {
    "box": ("/events",),
    "dropbox": ("/team_log/",),
    "google_workspace": ("/activity/",),
    "office365": ("/subscriptions/content", "/audit/"),
}
_DEEP = 100_000
"""Depth of nested brackets: a hundred times what parsers accept."""
_INTERNAL = faults.Failing(api="office365", kind="failing", status=500)
_EVENTS = {"box": "entries", "dropbox": "events", "google_workspace": "items"}


@dataclass(frozen=True)
class Asked:
    """A request: `query` as received, names of `headers` in lower case."""

    api: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def place(self) -> str:
        """Return the page cursor of the request; "" for none."""
        if self.api == "dropbox":
            return json.loads(self.body or b"{}").get("cursor", "") if self.path.endswith("/continue") else ""
        return parse_qs(self.query).get(_PLACES.get(self.api, ""), [""])[0]


@dataclass(frozen=True)
class Answer:
    """An answer: names of `headers` in lower case."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


_NOTHING_ASKED = Asked("", "", "", {}, b"")


def instead(fault: Fault, asked: Asked) -> Answer | None:
    """Return the answer that replaces the API's; None if the fault only changes the API's answer."""
    wording = _INSTEAD.get(type(fault))
    answered = wording(fault, asked) if wording else None
    return _answer(answered) if isinstance(answered, Refusal) else answered


def changed(fault: Fault, asked: Asked, answer: Answer, earlier: list[msgspec.Raw]) -> Answer | None:
    """Return the API's answer as the fault changes it; None if there is nothing to change.

    Args:
        fault: The fault.
        asked: The request.
        answer: The API's answer.
        earlier: Events of the page that the API gave before.
    """
    change = _CHANGED.get(type(fault))
    if change is None or answer.status != 200:
        return None
    return change(fault, asked, answer, earlier)


def events_of(api: str, path: str, answer: Answer) -> list[msgspec.Raw] | None:
    """Return the events of a page (or the blobs of Office 365's list); None if the answer is not a page."""
    if answer.status != 200 or not any(part in path for part in _PAGES.get(api, ())):
        return None
    if api == "office365":
        return msgspec.json.decode(answer.body, type=list[msgspec.Raw])
    # Google omits an empty list.
    events = msgspec.json.decode(answer.body, type=dict[str, msgspec.Raw]).get(_EVENTS[api], msgspec.Raw(b"[]"))
    return msgspec.json.decode(events, type=list[msgspec.Raw])


def _answer(refusal: Refusal) -> Answer:
    response = refusal.response()
    return Answer(response.status_code, bytes(response.body), dict(response.headers))


def _text(status: int, text: str, retry_after: int | str | None = None) -> Answer:
    return Answer(status, text.encode(), {"content-type": "text/html", **_wait(retry_after)})


def _wait(seconds: int | str | None) -> dict[str, str]:
    return {} if seconds is None else {"retry-after": str(seconds)}


def _oauth(status: int, code: str, description: str) -> Refusal:
    return Refusal(status, {"error": code, "error_description": description})


def _dropbox(status: int, tag: str, **more: object) -> Refusal:
    return Refusal(status, {"error_summary": f"{tag}/..", "error": {".tag": tag, **more}})


def _single_quoted(code: str, message: str) -> bytes:
    return f"{{'error':{{'code':'{code}','message':'{message}'}}}}".encode()


def _throttled(fault: faults.Throttled, asked: Asked) -> Answer:
    wait, api = WAIT if fault.retry_after is None else fault.retry_after, fault.api
    if fault.form == "text":
        return _text(429, "too_many_requests", fault.retry_after)
    if fault.form == "forbidden":
        if api == "office365":
            body = _single_quoted("AF429", "Too many requests. Method=GetBlob, PublisherId=sandbox")
            return Answer(403, body, {"content-type": "text/plain", **_wait(fault.retry_after)})
        refusal = google_workspace.error(
            403, "userRateLimitExceeded", "User Rate Limit Exceeded", "PERMISSION_DENIED", "usageLimits"
        )
    elif api in TOKENS:
        refusal = _oauth(429, "too_many_requests", "Too many requests")
    else:
        wordings: dict[str, Callable[[], Refusal]] = {
            "box": lambda: box.error(429, "rate_limit_exceeded", "Request rate limit exceeded"),
            "dropbox": lambda: dropbox.too_many_requests(wait),
            "google_workspace": lambda: google_workspace.too_many_requests(wait),
            "google_drive": lambda: google_workspace.too_many_requests(wait),
            "office365": lambda: office365.error(429, "AF429", "Too many requests. Method=GetBlob"),
            "graph": lambda: office365_graph.too_many_requests(wait),
        }
        refusal = wordings[api]()
    found = _answer(refusal)
    kept = {name: value for name, value in found.headers.items() if name != "retry-after"}
    return replace(found, headers={**kept, **_wait(fault.retry_after)})


def _failing(fault: faults.Failing, asked: Asked) -> Answer:
    status, api = fault.status, fault.api
    if status == 502:
        return _text(502, "<html><title>502 Bad Gateway</title></html>", fault.retry_after)
    if api in GOOGLE:
        # Google's quota page documents 503 for too many requests.
        refusal = google_workspace.error(status, "backendError", "Backend Error", "UNAVAILABLE")
    elif api == "office365":
        refusal = office365.error(status, "AF50000", "An internal error occurred. Retry the request.")
    elif api == "box":
        code = "internal_server_error" if status == 500 else "unavailable"
        refusal = box.error(status, code, "Internal Server Error" if status == 500 else "Unavailable")
    elif api == "graph":
        refusal = office365_graph.error(status, "serviceNotAvailable", "The service is not available")
    elif api in TOKENS:
        refusal = _oauth(status, "temporarily_unavailable", "The server is overloaded")
    else:
        refusal = Refusal(status, "Internal Server Error" if status == 500 else "Service Unavailable")
    found = _answer(refusal)
    return replace(found, headers={**found.headers, **_wait(fault.retry_after)})


def _sign_in_refused(fault: faults.SignInRefused, asked: Asked) -> Refusal:
    match fault.api:
        case "box_token":
            return _oauth(400, "invalid_grant", "Grant credentials are invalid")
        case "dropbox_token":
            return _oauth(400, "invalid_grant", "The refresh token is malformed or revoked")
        case "google_token":
            message = "Client is unauthorized to retrieve access tokens using this method."
            return _oauth(401, "unauthorized_client", message)
    return _oauth(401, "invalid_client", _WRONG_CLIENT)


def _token_expired(fault: faults.TokenExpired, asked: Asked) -> Refusal:
    match fault.api:
        case "box":
            return box.error(401, "unauthorized", "Unauthorized")
        case "dropbox":
            return _dropbox(401, "expired_access_token")
        case "office365":
            return Refusal(401, {"Message": "Authorization has been denied for this request."})
        case "graph":
            return office365_graph.error(401, "InvalidAuthenticationToken", "Access token has expired.")
    return google_workspace.error(401, "authError", "Invalid Credentials", "UNAUTHENTICATED")


def _missing_scope(fault: faults.MissingScope, asked: Asked) -> Refusal:
    match fault.api:
        case "box":
            message = "The request requires higher privileges than provided by the access token."
            return box.error(403, "insufficient_scope", message)
        case "dropbox":
            scope = "team_info.read" if "/team/features" in asked.path else "events.read"
            return _dropbox(401, "missing_scope", required_scope=scope)
        case "office365":
            message = "The permission set () sent in the request does not include ActivityFeed.Read."
            return office365.error(401, "AF10001", message)
        case "graph":
            return office365_graph.error(403, "accessDenied", "Access denied")
    message = "Request had insufficient authentication scopes."
    return google_workspace.error(403, "insufficientPermissions", message, "PERMISSION_DENIED")


def _wrong_tenant(fault: faults.WrongTenant, asked: Asked) -> Refusal:
    tenant = asked.path.split("/")[1 if fault.api == "office365_token" else 3]
    if fault.api == "office365_token":
        return _oauth(400, "invalid_request", f"AADSTS90002: Tenant '{tenant}' not found.")
    message = f"The tenant ID passed in the URL ({tenant}) does not match that of the access token."
    return office365.error(400, "AF20010", message)


def _auditing_off(fault: faults.AuditingOff, asked: Asked) -> Answer | Refusal | None:
    if asked.path.endswith("/subscriptions/list"):
        return Answer(200, b"[]", {"content-type": "application/json"})
    if not asked.path.endswith("/subscriptions/start"):
        return None
    tenant = asked.path.split("/")[3]
    # Microsoft's wording: the exception's text, split at the first `[AppId`.
    kind = parse_qs(asked.query).get("contentType", [""])[0]
    message = (
        f"] failed. Exception: Microsoft.Office.Compliance.Audit.DataServiceException: Tenant {tenant} does not exist."
    )
    return office365.error(400, f"StartSubscription [TenantId={tenant},ContentType={kind}][AppId", message)


def _custom(fault: faults.CustomAnswer, asked: Asked) -> Answer:
    url = f"{asked.path}?{asked.query}" if asked.query else asked.path
    headers = {name.lower(): value.replace("{url}", url) for name, value in fault.headers.items()}
    echoed = {"{authorization}": asked.headers.get("authorization", ""), "{body}": asked.body.decode(errors="replace")}
    is_text = isinstance(fault.body, str)
    text = fault.body if is_text else json.dumps(fault.body)
    for mark, value in echoed.items():
        text = text.replace(mark, value if is_text else json.dumps(value)[1:-1])
    return Answer(
        fault.status, text.encode(), {"content-type": "text/plain" if is_text else "application/json", **headers}
    )


def _redirect(fault: faults.Redirect, asked: Asked) -> Answer:
    url = f"{fault.to.rstrip('/')}{asked.path}"
    return Answer(fault.status, b"", {"location": f"{url}?{asked.query}" if asked.query else url})


def _lost_place(fault: faults.LostPlace, asked: Asked) -> Refusal | None:
    if not asked.place:
        return None
    match fault.api:
        case "box":
            return box.error(400, "bad_request", "Invalid stream_position parameter")
        case "dropbox":
            more = {"reset": "2026-01-05T00:00:00Z"} if fault.tag == "reset" else {}
            return _dropbox(409, fault.tag, **more)
        case "office365":
            return office365.error(400, "AF20031", f"Invalid nextPage Input: {asked.place}.")
    return google_workspace.error(400, "invalid", "Invalid value for pageToken", "INVALID_ARGUMENT")


_OFFICE365_CODES = {
    "AF20022": (400, "No subscription found for the specified content type."),
    "AF20023": (400, "The subscription was disabled by a tenant admin."),
    "AF20024": (400, "The subscription is already enabled. No property change."),
    "AF20030": (400, "Start time and end time must both be specified (or both omitted)."),
    "AF20031": (400, "Invalid nextPage Input."),
    "AF20050": (404, "The specified content does not exist."),
    "AF20051": (410, "Content requested with the key has already expired."),
    "AF20052": (400, "Content ID in the URL is invalid."),
    "AF20055": (400, "Start time must be no more than 7 days in the past."),
    "AF50000": (500, "An internal error occurred. Retry the request."),
}


def _refused(fault: faults.Refused, asked: Asked) -> Answer | Refusal:
    status, message = _OFFICE365_CODES[fault.code]
    if fault.quotes == "double":
        return office365.error(status, fault.code, message)
    return Answer(status, _single_quoted(fault.code, message), {"content-type": "text/plain"})


def _bad(form: faults.Form, api: str) -> Answer:
    """Return an answer of one of the bad forms."""
    json_type, html = {"content-type": "application/json"}, "<html><title>404 Not Found</title></html>"
    answers: dict[str, Callable[[], Answer]] = {
        "empty": lambda: Answer(200, b"", json_type),
        "no_records": lambda: Answer(200, b"[]", json_type),
        "error_object": lambda: Answer(200, b'{"error": {"code": "unknown", "message": "Try again"}}', json_type),
        "shape": lambda: Answer(200, b'{"entries": 7, "events": 7, "items": 7}', json_type),
        "no_json": lambda: Answer(200, b"[{not JSON", json_type),
        "nested": lambda: Answer(200, b"[" * _DEEP + b"]" * _DEEP, json_type),
        "bad_request": lambda: Answer(400, b"", {"content-type": "text/plain"}),
        "not_found": lambda: _text(404, html),
        "denied": lambda: Answer(403, b"{}", json_type),
        "internal_error": lambda: _failing(_INTERNAL.model_copy(update={"api": api}), _NOTHING_ASKED),
    }
    return answers[form]()


def _bad_blob(fault: faults.BadBlob, asked: Asked) -> Answer:
    return _bad(fault.form, fault.api)


def _type_refused(fault: faults.TypeRefused, asked: Asked) -> Refusal | None:
    query = parse_qs(asked.query)
    if query.get("contentType") != [fault.content_type] or "/subscriptions/" not in asked.path:
        return None
    return office365.error(fault.status, fault.code, "The permission set () does not include this content.")


def _with_body(answer: Answer, body: object) -> Answer:
    return replace(answer, body=msgspec.json.encode(body))


def _with_events(asked: Asked, answer: Answer, events: list[msgspec.Raw]) -> Answer:
    if asked.api == "office365":
        return _with_body(answer, events)
    body = msgspec.json.decode(answer.body, type=dict[str, msgspec.Raw])
    return _with_body(answer, {**body, _EVENTS[asked.api]: events})


def _no_file_events(_fault: Fault, asked: Asked, answer: Answer, _earlier: list[msgspec.Raw]) -> Answer | None:
    if not asked.path.endswith("/features/get_values"):
        return None
    body = json.loads(answer.body)
    for value in body["values"]:
        if value[".tag"] == "has_team_file_events":
            value["has_team_file_events"]["enabled"] = False
    return _with_body(answer, body)


def _odd_token(fault: faults.OddToken, _asked: Asked, answer: Answer, _earlier: list[msgspec.Raw]) -> Answer:
    return _with_body(answer, {**json.loads(answer.body), **fault.answer})


def _bad_stretch(fault: faults.BadStretch, asked: Asked, answer: Answer, _earlier: list[msgspec.Raw]) -> Answer | None:
    for event in events_of(asked.api, asked.path, answer) or ():
        record = msgspec.json.decode(event)
        time = {"box": "created_at", "dropbox": "timestamp", "google_workspace": "id"}[asked.api]
        text = record[time]["time"] if asked.api == "google_workspace" else record[time]
        if fault.start <= datetime.fromisoformat(text) < fault.end:
            return _bad(fault.form, asked.api)
    return None


def _truncated(_fault: Fault, _asked: Asked, answer: Answer, _earlier: list[msgspec.Raw]) -> Answer | None:
    return replace(answer, body=answer.body[: len(answer.body) // 2]) if len(answer.body) > 1 else None


def _stuck(_fault: Fault, asked: Asked, answer: Answer, _earlier: list[msgspec.Raw]) -> Answer | None:
    if not asked.place or events_of(asked.api, asked.path, answer) is None:
        return None
    if asked.api == "office365":
        tenant = asked.path.split("/")[3]
        link = f"https://manage.office.com/api/v1/{tenant}/activity/feed/subscriptions/content?{asked.query}"
        return replace(answer, headers={**answer.headers, "nextpageuri": link})
    body = msgspec.json.decode(answer.body, type=dict[str, msgspec.Raw])
    if asked.api == "dropbox":
        return _with_body(answer, {**body, "events": [], "cursor": asked.place, "has_more": True})
    return _with_body(answer, {**body, _MARKS[asked.api]: asked.place})


def _zero_position(_fault: Fault, asked: Asked, answer: Answer, _earlier: list[msgspec.Raw]) -> Answer | None:
    if not events_of(asked.api, asked.path, answer):
        return None
    body = msgspec.json.decode(answer.body, type=dict[str, msgspec.Raw])
    return _with_body(answer, {**body, "next_stream_position": "0"})


def _duplicates(fault: faults.Duplicates, asked: Asked, answer: Answer, earlier: list[msgspec.Raw]) -> Answer | None:
    events = events_of(asked.api, asked.path, answer)
    if not events:
        # An empty page ends Box's chain, so it must stay empty.
        return None
    again = (events if fault.of == "page" else earlier)[: fault.events]
    return _with_events(asked, answer, events + again) if again else None


def _disorder(_fault: Fault, asked: Asked, answer: Answer, _earlier: list[msgspec.Raw]) -> Answer | None:
    events = events_of(asked.api, asked.path, answer)
    if not events or len(events) < 2:
        return None
    mixed = events.copy()
    random.Random(len(events)).shuffle(mixed)
    return _with_events(asked, answer, mixed)


def _foreign_links(
    fault: faults.ForeignLinks, asked: Asked, answer: Answer, _earlier: list[msgspec.Raw]
) -> Answer | None:
    if not asked.path.endswith("/subscriptions/content"):
        return None
    host = urlsplit(fault.to)

    def abroad(link: str) -> str:
        return urlunsplit(urlsplit(link)._replace(scheme=host.scheme, netloc=host.netloc))

    listed = [{**blob, "contentUri": abroad(blob["contentUri"])} for blob in json.loads(answer.body)]
    headers = {name: abroad(value) if name == "nextpageuri" else value for name, value in answer.headers.items()}
    return Answer(answer.status, msgspec.json.encode(listed), headers)


_INSTEAD: dict[type[Fault], Callable[[Any, Asked], Answer | Refusal | None]] = {
    faults.Throttled: _throttled,
    faults.Failing: _failing,
    faults.SignInRefused: _sign_in_refused,
    faults.TokenExpired: _token_expired,
    faults.MissingScope: _missing_scope,
    faults.WrongTenant: _wrong_tenant,
    faults.AuditingOff: _auditing_off,
    faults.CustomAnswer: _custom,
    faults.Redirect: _redirect,
    faults.LostPlace: _lost_place,
    faults.Refused: _refused,
    faults.BadBlob: _bad_blob,
    faults.TypeRefused: _type_refused,
}
_CHANGED: dict[type[Fault], Callable[[Any, Asked, Answer, list[msgspec.Raw]], Answer | None]] = {
    faults.NoFileEvents: _no_file_events,
    faults.Truncated: _truncated,
    faults.Stuck: _stuck,
    faults.ZeroPosition: _zero_position,
    faults.Duplicates: _duplicates,
    faults.Disorder: _disorder,
    faults.ForeignLinks: _foreign_links,
    faults.OddToken: _odd_token,
    faults.BadStretch: _bad_stretch,
}
