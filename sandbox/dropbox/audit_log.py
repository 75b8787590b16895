"""Dropbox Business: sign-in by refresh token, the team's features and the team log."""

from __future__ import annotations

import base64
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.base.clock import MINUTE, Clock, parse_time, write_times
from sandbox.base.credentials import Credentials, Tokens, same
from sandbox.base.data import Events
from sandbox.base.people import person
from sandbox.base.responses import Refusal, json_response, page_limit
from sandbox.dropbox.events import CATEGORIES, account_id, event_type, team_event

TOKEN_LIFE = 14_400
MAXIMUM_LIMIT = 1000
PUBLISHED_TOGETHER = 15 * MINUTE
_T = TypeVar("_T")


class TimeRange(msgspec.Struct):
    """`time` of get_events: the start is inclusive, the end exclusive."""

    start_time: str | None = None
    end_time: str | None = None


class Query(msgspec.Struct):
    """The argument of get_events."""

    limit: int = MAXIMUM_LIMIT
    account_id: str | None = None
    time: TimeRange | None = None
    category: dict[str, str] | str | None = None
    event_type: dict[str, str] | str | None = None


class Continuation(msgspec.Struct):
    """The argument of get_events/continue."""

    cursor: str


class Cursor(msgspec.Struct, array_like=True):
    """Content of a cursor: the query's filters and its progress.

    With an end, `position` counts events in order of time. Without one, it counts them in order of publication, so
    that late events are included.
    """

    start: int
    end: int | None
    limit: int
    account: str
    category: str
    event_type: str
    position: int
    calls: int


def _refused(tag: str, **more: object) -> Refusal:
    """Return a 409 in Dropbox's shape; the number of dots after the summary varies and means nothing."""
    dots = "." * (1 + len(tag) % 3)
    return Refusal(409, {"error_summary": f"{tag}/{dots}", "error": {".tag": tag, **more}})


def too_many_requests(wait: int | str) -> Refusal:
    """Return the answer to a client that exceeds the rate limit."""
    body = {
        "error_summary": "too_many_requests/..",
        "error": {"reason": {".tag": "too_many_requests"}, "retry_after": wait},
    }
    return Refusal(429, body, {"Retry-After": str(wait)})


class Dropbox:
    """The team log of one team."""

    def __init__(self, events: Events, clock: Clock, tokens: Tokens, credentials: Credentials) -> None:
        self._events, self._clock, self._tokens, self._credentials = events, clock, tokens, credentials
        self._starts = _groups(events)
        self._stops = np.append(self._starts[1:], len(events))
        self._time = events.time[self._starts]
        self._published = np.maximum.reduceat(events.published, self._starts)
        self._order = np.argsort(self._published, kind="stable")
        self._published_in_order = self._published[self._order]

    def routes(self) -> list[Route]:
        """Return the served paths, except the token path, which Dropbox shares with Box."""
        return [
            Route("/2/team_log/get_events", self.get_events, methods=["POST"]),
            Route("/2/team_log/get_events/continue", self.get_events_continue, methods=["POST"]),
            Route("/2/team/features/get_values", self.get_features, methods=["POST"]),
        ]

    def token(self, form: dict[str, str], authorization: str) -> Response:
        """Issue an access token for the refresh token; the app signs in by Basic or in the form."""
        key, secret = form.get("client_id", ""), form.get("client_secret", "")
        scheme, _, credentials = authorization.partition(" ")
        if scheme.lower() == "basic":
            key, secret = _read_basic(credentials)
        if not (same(key, self._credentials.dropbox_app_key) and same(secret, self._credentials.dropbox_app_secret)):
            refused = {"error": "invalid_client", "error_description": "Invalid client_id or client_secret"}
            raise Refusal(400, refused)
        if not same(form.get("refresh_token", ""), self._credentials.dropbox_refresh_token):
            refused = {
                "error": "invalid_grant",
                "error_description": "The refresh token is malformed or revoked",
            }
            raise Refusal(400, refused)
        token = self._tokens.issue("dropbox", TOKEN_LIFE)
        return json_response({"access_token": token, "token_type": "bearer", "expires_in": TOKEN_LIFE})

    async def get_features(self, request: Request) -> Response:
        """Answer `POST /2/team/features/get_values`."""
        asked = await self._argument(request, "team/features/get_values", dict[str, list[dict[str, str]]])
        names = [feature.get(".tag", "") for feature in asked.get("features", [])]
        if not names:
            raise _refused("empty_features_list")
        known = {"has_team_file_events": True}
        values = [
            {".tag": name, name: {".tag": "enabled", "enabled": known[name]}} if name in known else {".tag": "other"}
            for name in names
        ]
        return json_response({"values": values})

    async def get_events(self, request: Request) -> Response:
        """Answer `POST /2/team_log/get_events`."""
        query = await self._argument(request, "team_log/get_events", Query)
        if not 1 <= query.limit <= MAXIMUM_LIMIT:
            raise _malformed("team_log/get_events", f"limit: {query.limit} is not within range(1, {MAXIMUM_LIMIT})")
        category, kind = _tag(query.category), _tag(query.event_type)
        if category and kind:
            raise _refused("invalid_filters")
        span = query.time or TimeRange()
        start, end = _bound(span.start_time), _bound(span.end_time)
        if start is not None and end is not None and end < start:
            raise _refused("invalid_time_range")
        start = start or 0
        if end is None:
            # Nothing is published before it happens.
            position = int(np.searchsorted(self._published_in_order, start))
        else:
            position = int(np.searchsorted(self._time, start))
        cursor = Cursor(start, end, query.limit, query.account_id or "", category, kind, position, calls=0)
        return self._page(cursor, page_limit(request, query.limit))

    async def get_events_continue(self, request: Request) -> Response:
        """Answer `POST /2/team_log/get_events/continue`."""
        argument = await self._argument(request, "team_log/get_events/continue", Continuation)
        try:
            cursor = msgspec.msgpack.decode(base64.urlsafe_b64decode(argument.cursor), type=Cursor)
        except (ValueError, msgspec.MsgspecError):
            raise _refused("bad_cursor") from None
        return self._page(cursor, page_limit(request, cursor.limit))

    async def _argument(self, request: Request, route: str, kind: type[_T]) -> _T:
        grant = self._tokens.grant(request.headers.get("authorization", ""))
        if grant is None or grant.audience != "dropbox":
            body = {"error_summary": "invalid_access_token/..", "error": {".tag": "invalid_access_token"}}
            raise Refusal(401, body)
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            raise _malformed(route, 'Bad HTTP "Content-Type" header')
        try:
            return msgspec.json.decode(await request.body(), type=kind)
        except msgspec.MsgspecError as error:
            raise _malformed(route, f"request body: {error}") from None

    def _page(self, cursor: Cursor, limit: int) -> Response:
        limit = min(limit, _shortened(cursor))
        if cursor.end is None:
            limit_position = int(np.searchsorted(self._published_in_order, self._clock.now, "right"))
        else:
            limit_position = int(np.searchsorted(self._time, cursor.end))
        taken: list[int] = []
        position = cursor.position
        while position < limit_position and len(taken) < limit:
            stop = min(limit_position, position + 2 * limit)
            found = self._shown(cursor, position, stop)
            room = limit - len(taken)
            taken += [unit for _, unit in found[:room]]
            position = found[room - 1][0] + 1 if len(found) >= room else stop
        cursor.position = position
        cursor.calls += 1
        if position % 3 == 1:
            # Dropbox does not guarantee the order within a page.
            taken.reverse()
        token = base64.urlsafe_b64encode(msgspec.msgpack.encode(cursor)).decode()
        events = self._team_events(taken)
        return json_response({"events": events, "cursor": token, "has_more": position < limit_position})

    def _shown(self, cursor: Cursor, position: int, stop: int) -> list[tuple[int, int]]:
        """Return positions and events between two positions that are published by now and pass the filters."""
        if cursor.end is None:
            units = self._order[position:stop]
            shown = self._time[units] >= cursor.start
        else:
            units = np.arange(position, stop)
            shown = self._published[position:stop] <= self._clock.now
        found = [(position + offset, int(units[offset])) for offset in np.flatnonzero(shown).tolist()]
        if cursor.category or cursor.event_type or cursor.account:
            found = [pair for pair in found if self._passes(cursor, int(self._starts[pair[1]]))]
        return found

    def _passes(self, cursor: Cursor, row: int) -> bool:
        tag = event_type(self._events, row)
        return (
            (not cursor.event_type or tag == cursor.event_type)
            and (not cursor.category or CATEGORIES[tag] == cursor.category)
            and (not cursor.account or account_id(person(self._events.user[row])) == cursor.account)
        )

    def _team_events(self, units: list[int]) -> list[dict[str, Any]]:
        starts, stops = self._starts[units].tolist(), self._stops[units].tolist()
        stamps = write_times(self._time[units])
        return [
            team_event(self._events, range(start, stop), f"{stamp}Z")
            for start, stop, stamp in zip(starts, stops, stamps, strict=True)
        ]


def _groups(events: Events) -> NDArray[np.int64]:
    """Return the rows at which an audit event starts.

    Dropbox sometimes reports several files in one event. Here these are uploads of one user to one folder within
    one second, for half of such groups; the event is published with the last of them. Rows that are delivered
    twice, or published much later than the rest, stay single.
    """
    count = len(events)
    fresh = np.ones(count, dtype=np.bool_)
    joinable = events.of_kinds({"upload"}) & ~events.repeated
    follows = joinable[1:] & joinable[:-1]
    follows &= np.abs(np.diff(events.published)) <= PUBLISHED_TOGETHER
    for column in (events.time, np.array(events.user), np.array(events.folder)):
        follows &= column[1:] == column[:-1]
    fresh[1:] = ~follows
    starts = np.flatnonzero(fresh)
    gathered = np.array([events.seed[row] % 2 == 0 for row in starts.tolist()], dtype=np.bool_)
    lengths = np.diff(np.append(starts, count))
    keep_apart = ~np.repeat(gathered, lengths)
    return np.flatnonzero(fresh | keep_apart)


def _read_basic(credentials: str) -> tuple[str, str]:
    """Return the app's key and secret from a Basic authorization; empty if it is malformed."""
    try:
        key, _, secret = base64.b64decode(credentials, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return key, secret


def _shortened(cursor: Cursor) -> int:
    """Return how many events the next page may hold: pages may be short or empty while more remains."""
    if cursor.position % 11 == 7 and cursor.calls % 2 == 1:
        return 0
    return max(1, cursor.limit * 2 // 3) if cursor.position % 7 == 5 else cursor.limit


def _malformed(route: str, why: str) -> Refusal:
    return Refusal(400, f'Error in call to API function "{route}": {why}')


def _tag(value: dict[str, str] | str | None) -> str:
    return value.get(".tag", "") if isinstance(value, dict) else value or ""


def _bound(text: str | None) -> int | None:
    if text is None:
        return None
    time = parse_time(text, zone_required=True) if len(text) == len("2026-01-05T00:00:00Z") else None
    if time is None:
        raise _malformed("team_log/get_events", f"time: {text!r} does not match format '%Y-%m-%dT%H:%M:%SZ'")
    return time
