"""Office 365: sign-in by client credentials, and the Management Activity API's subscriptions and content.

Events are delivered in blobs. A blob holds the events published within a quarter of an hour, and appears when
the last of them is published: the API selects by publication, never by the time of an event.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.base.clock import DAY, MINUTE, Clock, parse_time, write_time
from sandbox.base.credentials import OFFICE365_TENANT_ID, Credentials, Tokens, same
from sandbox.base.data import Events
from sandbox.base.people import digest
from sandbox.base.responses import Refusal, json_response, page_limit
from sandbox.office365.records import CONTENT, records

TOKEN_LIFE = 3599
RETENTION = 7 * DAY
LONGEST_WINDOW = DAY
BLOB_SPAN = 15 * MINUTE
BLOB_EVENTS = 400
LISTED = 60
# A page cursor contains the number of earlier pages, so that the one after an empty page differs.
_MARK = 1_000_000
CONTENT_TYPES = (
    "Audit.AzureActiveDirectory",
    "Audit.Exchange",
    "Audit.SharePoint",
    "Audit.General",
    "DLP.All",
)
_AUDIENCES = {"https://manage.office.com/.default": "manage", "https://graph.microsoft.com/.default": "graph"}
_WINDOW_RULE = (
    "Start time and end time must both be specified (or both omitted) and must be less than or equal to 24 "
    "hours apart, with the start time prior to end time and start time no more than 7 days in the past."
)


def error(status: int, code: str, message: str) -> Refusal:
    """Return a refusal in the shape of the Management Activity API."""
    return Refusal(status, {"error": {"code": code, "message": message}})


def too_many_requests(_wait: int | str) -> Refusal:
    """Return the answer to a client that exceeds the rate limit: a 403, as Microsoft documents."""
    publisher = OFFICE365_TENANT_ID
    return error(403, "AF429", f"Too many requests. Method=GetBlob, PublisherId={publisher}")


@dataclass(frozen=True)
class Blob:
    """Events of one content type that are published together: `rows` of the events, `created` in µs UTC."""

    content_type: str
    content_id: str
    created: int
    rows: list[int]


class Office365:
    """The activity feed of one tenant."""

    def __init__(self, events: Events, clock: Clock, tokens: Tokens, credentials: Credentials) -> None:
        self._events, self._clock, self._tokens, self._credentials = events, clock, tokens, credentials
        self._enabled: set[str] = set()
        self._blobs = _blobs(events)
        self._created = {kind: np.array([blob.created for blob in blobs]) for kind, blobs in self._blobs.items()}
        self._by_id = {blob.content_id: blob for blobs in self._blobs.values() for blob in blobs}

    def routes(self) -> list[Route]:
        """Return the served paths; the feed also answers under `v1`, which the links to further pages use."""
        routes = [Route("/{tenant}/oauth2/v2.0/token", self.token, methods=["POST"])]
        for version in ("v1.0", "v1"):
            root = f"/api/{version}/{{tenant}}/activity/feed"
            routes += [
                Route(f"{root}/subscriptions/list", self.list_subscriptions),
                Route(f"{root}/subscriptions/start", self.start_subscription, methods=["POST"]),
                Route(f"{root}/subscriptions/content", self.list_content),
                Route(f"{root}/audit/{{content_id}}", self.get_blob),
            ]
        return routes

    async def token(self, request: Request) -> Response:
        """Issue a token for the Management API or for Graph, depending on the scope."""
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        tenant = request.path_params["tenant"]
        if tenant.lower() != OFFICE365_TENANT_ID:
            raise _denied(400, "invalid_request", 90002, f"Tenant '{tenant}' not found.")
        if form.get("grant_type") != "client_credentials":
            raise _denied(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
        if form.get("client_id") != self._credentials.office365_client_id:
            raise _denied(400, "unauthorized_client", 700016, "Application was not found in the directory.")
        if not same(form.get("client_secret", ""), self._credentials.office365_client_secret):
            raise _denied(401, "invalid_client", 7000215, "Invalid client secret provided.")
        scope = form.get("scope", "")
        if scope not in _AUDIENCES:
            message = f"The provided value for the input parameter 'scope' is not valid: {scope}"
            raise _denied(400, "invalid_scope", 70011, message)
        token = self._tokens.issue(_AUDIENCES[scope], TOKEN_LIFE)
        return json_response(
            {
                "token_type": "Bearer",
                "expires_in": TOKEN_LIFE,
                "ext_expires_in": TOKEN_LIFE,
                "access_token": token,
            }
        )

    async def list_subscriptions(self, request: Request) -> Response:
        """Answer `GET .../subscriptions/list`."""
        self._authorise(request)
        enabled = [kind for kind in CONTENT_TYPES if kind in self._enabled]
        return json_response([_subscription(kind) for kind in enabled])

    async def start_subscription(self, request: Request) -> Response:
        """Answer `POST .../subscriptions/start`; a second start is an error, AF20024."""
        self._authorise(request)
        content_type = _content_type(request)
        if content_type in self._enabled:
            raise error(400, "AF20024", "The subscription is already enabled. No property change.")
        self._enabled.add(content_type)
        return json_response(_subscription(content_type))

    async def list_content(self, request: Request) -> Response:
        """Answer `GET .../subscriptions/content`: blobs published in a window, start inclusive, end exclusive."""
        self._authorise(request)
        content_type = _content_type(request)
        if content_type not in self._enabled:
            raise error(400, "AF20022", "No subscription found for the specified content type.")
        query = request.query_params
        low, high = self._window(query.get("startTime", ""), query.get("endTime", ""))
        created = self._created.get(content_type, np.array([], dtype=np.int64))
        first, last = np.searchsorted(created, [low, min(high, self._clock.now + 1)]).tolist()
        pages = 0
        if "nextPage" in query:
            page = query["nextPage"]
            pages, position = divmod(int(page) if page.isdecimal() else -1, _MARK)
            if not first <= position <= last:
                raise error(400, "AF20031", f"Invalid nextPage Input: {page}.")
            first = position
        base, following = f"{request.base_url}api", first + page_limit(request, LISTED)
        listed = [_listing(blob, base) for blob in self._blobs.get(content_type, [])[first : min(last, following)]]
        headers = {}
        if following < last:
            # The link has the older path and omits the publisher, as Microsoft's does.
            parameters = {name: query[name] for name in ("contentType", "startTime", "endTime") if name in query}
            parameters["nextPage"] = str((pages + 1) * _MARK + following)
            link = f"{base}/v1/{OFFICE365_TENANT_ID}/activity/feed/subscriptions/content?{urlencode(parameters)}"
            headers["NextPageUri"] = link
        return json_response(listed, headers=headers)

    def _window(self, start_text: str, end_text: str) -> tuple[int, int]:
        now = self._clock.now
        if not start_text and not end_text:
            return now - LONGEST_WINDOW, now + 1
        bounds = []
        for name, text in (("startTime", start_text), ("endTime", end_text)):
            time = parse_time(text, zone_required=False) if text else None
            if text and time is None:
                raise error(400, "AF20002", f"Invalid parameter type: {name}. Expected type: datetime")
            bounds.append(time)
        start, end = bounds
        if start is None or end is None or not start < end or end - start > LONGEST_WINDOW or start < now - RETENTION:
            raise error(400, "AF20055", f"{_WINDOW_RULE} StartTime:{start_text}, EndTime:{end_text}")
        return start, end

    async def get_blob(self, request: Request) -> Response:
        """Answer `GET .../audit/{content_id}`: the records of a blob."""
        self._authorise(request)
        content_id = request.path_params["content_id"]
        blob = self._by_id.get(content_id)
        if content_id.count("$") != 4:
            raise error(400, "AF20052", f"Content ID {content_id} in the URL is invalid.")
        if blob is None or blob.created > self._clock.now:
            raise error(404, "AF20050", f"The specified content ({content_id}) does not exist.")
        if blob.created + RETENTION <= self._clock.now:
            message = f"Content requested with the key {content_id} has already expired. "
            raise error(410, "AF20051", message + "Content older than 7 days cannot be retrieved.")
        return json_response(records(self._events, blob.rows))

    def _authorise(self, request: Request) -> None:
        grant = self._tokens.grant(request.headers.get("authorization", ""))
        if grant is None:
            raise Refusal(401, {"Message": "Authorization has been denied for this request."})
        if grant.audience != "manage":
            message = "The permission set () sent in the request does not include ActivityFeed.Read."
            raise error(401, "AF10001", message)
        tenant = request.path_params["tenant"].lower()
        if tenant != OFFICE365_TENANT_ID:
            message = f"The tenant ID passed in the URL ({tenant}) does not match that of the access token."
            raise error(400, "AF20010", message)


def _blobs(events: Events) -> dict[str, list[Blob]]:
    """Return the blobs of each content type, oldest first."""
    order = events.by_publication.tolist()
    blobs: dict[str, list[Blob]] = {}
    open_blobs: dict[str, tuple[int, list[int]]] = {}

    def close(content_type: str) -> None:
        span, rows = open_blobs.pop(content_type)
        created = int(events.published[rows[-1]])
        earlier = blobs.setdefault(content_type, [])
        name = digest("blob", content_type, str(span), str(len(earlier)))
        stamp = created // 1000
        workload = content_type.partition(".")[2].lower()
        content_id = f"{stamp}${stamp}${workload}{name[:20]}${name}$04"
        earlier.append(Blob(content_type, content_id, created, rows))

    for row, published in zip(order, events.published[order].tolist(), strict=True):
        content_type = CONTENT.get(events.kind[row])
        if content_type is None:
            continue
        span = published // BLOB_SPAN
        if content_type in open_blobs:
            begun, rows = open_blobs[content_type]
            if begun == span and len(rows) < BLOB_EVENTS:
                rows.append(row)
                continue
            close(content_type)
        open_blobs[content_type] = (span, [row])
    for content_type in list(open_blobs):
        close(content_type)
    return blobs


def _listing(blob: Blob, base: str) -> dict[str, Any]:
    return {
        "contentType": blob.content_type,
        "contentId": blob.content_id,
        "contentUri": f"{base}/v1.0/{OFFICE365_TENANT_ID}/activity/feed/audit/{blob.content_id}",
        "contentCreated": write_time(blob.created, "ms"),
        "contentExpiration": write_time(blob.created + RETENTION, "ms"),
    }


def _subscription(content_type: str) -> dict[str, object]:
    return {"contentType": content_type, "status": "enabled", "webhook": None}


def _content_type(request: Request) -> str:
    content_type = request.query_params.get("contentType", "")
    if not content_type:
        raise error(400, "AF20001", "Missing parameter: contentType.")
    if content_type not in CONTENT_TYPES:
        raise error(400, "AF20020", "The specified content type is not valid.")
    return content_type


def _denied(status: int, code: str, number: int, message: str) -> Refusal:
    body = {
        "error": code,
        "error_description": f"AADSTS{number}: {message}",
        "error_codes": [number],
        "trace_id": digest("trace", code),
        "correlation_id": digest("correlation", code),
    }
    return Refusal(status, body)
