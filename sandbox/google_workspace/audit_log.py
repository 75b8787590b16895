"""Google Workspace: sign-in by signed assertion, and the activities of the Reports API."""

from __future__ import annotations

import base64
from urllib.parse import parse_qsl

import msgspec
import numpy as np
from google.auth import exceptions, jwt
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.base.addresses import Addresses
from sandbox.base.clock import DAY, Clock, parse_time, write_times
from sandbox.base.credentials import GOOGLE_SERVICE_ACCOUNT, Credentials, Tokens
from sandbox.base.data import Events
from sandbox.base.people import admin_email, person
from sandbox.base.responses import Refusal, json_response, page_limit, raw_response
from sandbox.google_workspace.activities import APPLICATIONS, EVENT_NAMES, activity

TOKEN_LIFE = 3599
RETENTION = 180 * DAY
MAXIMUM_RESULTS = 1000
REPORTS_SCOPE = "https://www.googleapis.com/auth/admin.reports.audit.readonly"
DRIVE_SCOPE = "https://www.googleapis.com/auth/drive.metadata.readonly"
_DELEGATED = frozenset({REPORTS_SCOPE, DRIVE_SCOPE})
_ASSERTION_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def error(status: int, reason: str, message: str, state: str, domain: str = "global") -> Refusal:
    """Return a refusal in the shape of Google's JSON APIs."""
    detail = {"message": message, "domain": domain, "reason": reason}
    return Refusal(status, {"error": {"code": status, "message": message, "errors": [detail], "status": state}})


def too_many_requests(_wait: int | str) -> Refusal:
    """Return the answer to a client that exceeds the rate limit; Google names no time to wait."""
    return error(429, "rateLimitExceeded", "Rate Limit Exceeded", "RESOURCE_EXHAUSTED", "usageLimits")


class PageToken(msgspec.Struct, array_like=True):
    """Position in a chain of pages, valid only for its query.

    `pages` counts the pages, so that the token after an empty page differs from the one before.
    """

    query: list[str]
    low: int
    high: int
    pages: int = 0


class GoogleWorkspace:
    """The token endpoint and the audit activities of one customer."""

    def __init__(
        self, events: Events, addresses: Addresses, clock: Clock, tokens: Tokens, credentials: Credentials
    ) -> None:
        self._events, self._addresses, self._clock, self._tokens = events, addresses, clock, tokens
        self._public_key = credentials.google_public_key

    def routes(self) -> list[Route]:
        """Return the served paths."""
        path = "/admin/reports/v1/activity/users/{user}/applications/{application}"
        return [Route("/token", self.token, methods=["POST"]), Route(path, self.list_activities)]

    async def token(self, request: Request) -> Response:
        """Issue a token to the service account, acting as the account with the address `sub` of its assertion."""
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        if form.get("grant_type") != _ASSERTION_GRANT:
            raise _denied(400, "unsupported_grant_type", "Invalid grant_type")
        try:
            # The audience is not checked: Google's library always writes Google's own address.
            claims = jwt.decode(form.get("assertion", ""), certs=self._public_key)
        except (ValueError, exceptions.GoogleAuthError) as reason:
            raise _denied(400, "invalid_grant", f"Invalid JWT: {reason}") from None
        if claims.get("iss") != GOOGLE_SERVICE_ACCOUNT:
            raise _denied(400, "invalid_grant", "Invalid grant: account not found")
        scopes = frozenset(str(claims.get("scope", "")).split())
        subject = str(claims.get("sub", ""))
        account = self._addresses.account(subject, self._clock.now)
        if not scopes or not scopes <= _DELEGATED or person(account or subject).kind != "person":
            message = "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested."  # noqa: E501 - Google's wording
            raise _denied(401, "unauthorized_client", message)
        if account is None:
            raise _denied(400, "invalid_grant", "Invalid email or User ID")
        token = self._tokens.issue("google", TOKEN_LIFE, account, scopes)
        return json_response({"access_token": token, "expires_in": TOKEN_LIFE, "token_type": "Bearer"})

    async def list_activities(self, request: Request) -> Response:
        """Answer `GET /admin/reports/v1/activity/users/{user}/applications/{application}`: newest first."""
        subject = authorised(self._tokens, request, REPORTS_SCOPE)
        if subject != admin_email():
            message = "Access denied. You are not authorized to read activity records."
            raise error(401, "authError", message, "UNAUTHENTICATED")
        application, address = request.path_params["application"], request.path_params["user"]
        user = self._addresses.account(address, self._clock.now) or address.lower()
        if application not in APPLICATIONS:
            raise error(400, "invalid", f"Invalid value '{application}' for applicationName", "INVALID_ARGUMENT")
        query = request.query_params
        size = query.get("maxResults", str(MAXIMUM_RESULTS))
        if not size.isdecimal() or not 1 <= int(size) <= MAXIMUM_RESULTS:
            raise error(400, "invalid", f"Invalid value '{size}' for maxResults", "INVALID_ARGUMENT")
        name = query.get("eventName", "")
        asked = [application, user, name, query.get("startTime", ""), query.get("endTime", "")]
        if "pageToken" in query:
            token = _read_token(query["pageToken"], asked)
        else:
            token = PageToken(asked, *self._window(asked[3], asked[4]))
        kinds = {kind for kind in APPLICATIONS[application] if not name or name in EVENT_NAMES[kind]}
        rows = self._take(token, page_limit(request, int(size)), kinds, user)
        token.pages += 1
        times = write_times(self._events.time[rows], "ms")
        items = [
            activity(self._events, row, application, f"{text}Z", self._addresses)
            for row, text in zip(rows, times, strict=True)
        ]
        return _page(items, _write_token(token) if token.low < token.high else "")

    def _window(self, start_text: str, end_text: str) -> tuple[int, int]:
        """Return the range of event positions in the requested time: the start is inclusive, the end exclusive."""
        now = self._clock.now
        bounds = []
        for name, text, absent in (("startTime", start_text, 0), ("endTime", end_text, now + 1)):
            time = parse_time(text, zone_required=True) if text else absent
            if time is None:
                raise error(400, "invalid", f"Invalid value '{text}' for {name}", "INVALID_ARGUMENT")
            bounds.append(time)
        start, end = bounds
        if start >= end:
            raise error(400, "invalid", "Start time must be before end time.", "INVALID_ARGUMENT")
        if start > now:
            raise error(400, "invalid", "Start time must not be in the future.", "INVALID_ARGUMENT")
        # Events older than the retention are silently omitted.
        low, high = np.searchsorted(self._events.time, [max(start, now - RETENTION), min(end, now + 1)])
        return int(low), int(high)

    def _take(self, token: PageToken, limit: int, kinds: set[str], user: str) -> list[int]:
        """Return the next rows, newest first; move the token to the start of the next page."""
        events = self._events
        taken: list[int] = []
        while token.high > token.low and len(taken) < limit:
            start = max(token.low, token.high - 2 * limit)
            span = slice(start, token.high)
            shown = (events.published[span] <= self._clock.now) & events.of_kinds(kinds, span)
            found = (np.flatnonzero(shown)[::-1] + start).tolist()
            if user != "all":
                found = [row for row in found if events.user[row].lower() == user]
            room = limit - len(taken)
            taken += found[:room]
            token.high = found[room - 1] if len(found) >= room else start
        return taken


def authorised(tokens: Tokens, request: Request, scope: str) -> str:
    """Return the account that the request acts as.

    Raises:
        Refusal: the token is missing or expired, or lacks the scope.
    """
    grant = tokens.grant(request.headers.get("authorization", ""))
    if grant is None or grant.audience != "google":
        raise error(401, "authError", "Invalid Credentials", "UNAUTHENTICATED")
    if scope not in grant.scopes:
        message = "Request had insufficient authentication scopes."
        raise error(403, "insufficientPermissions", message, "PERMISSION_DENIED")
    return grant.subject


def _denied(status: int, code: str, description: str) -> Refusal:
    return Refusal(status, {"error": code, "error_description": description})


def _page(items: list[bytes], following: str) -> Response:
    parts = [b'{"kind":"admin#reports#activities","etag":"\\"sandbox\\""']
    if following:
        parts.append(b',"nextPageToken":' + msgspec.json.encode(following))
    if items:
        parts.append(b',"items":[' + b",".join(items) + b"]")
    return raw_response(b"".join(parts) + b"}")


def _write_token(token: PageToken) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(token)).decode()


def _read_token(text: str, asked: list[str]) -> PageToken:
    try:
        token = msgspec.msgpack.decode(base64.urlsafe_b64decode(text), type=PageToken)
    except (ValueError, msgspec.MsgspecError):
        token = None
    if token is None or token.query != asked:
        raise error(400, "invalid", "Invalid value for pageToken", "INVALID_ARGUMENT")
    return token
