"""Box: sign-in by client credentials, and the two administrative event streams."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.base.clock import DAY, HOUR, Clock, parse_time, write_times
from sandbox.base.credentials import BOX_ENTERPRISE_ID, Credentials, Tokens, same
from sandbox.base.data import Events
from sandbox.base.people import Person, digest, guid, person, responsible
from sandbox.base.responses import Refusal, json_response, page_limit

TOKEN_LIFE = 3938
DEFAULT_LIMIT = 100
MAXIMUM_LIMIT = 500
HISTORY_RETENTION = 365 * DAY
STREAMING_RETENTION = 14 * DAY
EVENT_TYPES = {
    "upload": "UPLOAD",
    "edit": "EDIT",
    "download": "DOWNLOAD",
    "share_external": "COLLABORATION_INVITE",
    "delete": "DELETE",
    "sign_in": "LOGIN",
    "sign_in_failed": "FAILED_LOGIN",
    "mfa_disabled": "DISABLE_MULTI_FACTOR_AUTH",
    # Box has no password event: the closest is an administrator's change of the account.
    "password_reset": "EDIT_USER",
    "new_device": "ADD_LOGIN_ACTIVITY_DEVICE",
    "provider_alert": "SHIELD_ALERT",
}
# Positions lie above 2**53, where a float no longer distinguishes neighbours.
_FIRST_POSITION = 1_152_922_976_000_000_001
_OFFSET = 8 * HOUR
_SERVICES = {"Box Drive": "254429", "Box Sync": "9236", "Multiput Uploads": "231318", "": "291"}


def error(status: int, code: str, message: str, retry_after: int | None = None) -> Refusal:
    """Return a refusal in Box's ClientError shape."""
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    body = {
        "type": "error",
        "status": status,
        "code": code,
        "message": message,
        "help_url": "http://developers.box.com/docs/#errors",
        "request_id": digest(code, message)[:16],
    }
    return Refusal(status, body, headers)


class Box:
    """The event streams of one enterprise."""

    def __init__(self, events: Events, clock: Clock, tokens: Tokens, credentials: Credentials) -> None:
        self._events, self._clock, self._tokens, self._credentials = events, clock, tokens, credentials
        self._published = events.published[events.by_publication]

    def routes(self) -> list[Route]:
        """Return the served paths, except the token path, which Box shares with Dropbox."""
        return [Route("/2.0/events", self.list_events)]

    def token(self, form: dict[str, str]) -> Response:
        """Issue a token for the enterprise's service account."""
        known = (
            same(form.get("client_id", ""), self._credentials.box_client_id)
            and same(form.get("client_secret", ""), self._credentials.box_client_secret)
            and form.get("box_subject_type") == "enterprise"
            and form.get("box_subject_id") == BOX_ENTERPRISE_ID
        )
        if not known:
            refused = {"error": "invalid_grant", "error_description": "Grant credentials are invalid"}
            raise Refusal(400, refused)
        token = self._tokens.issue("box", TOKEN_LIFE)
        return json_response(
            {"access_token": token, "expires_in": TOKEN_LIFE, "restricted_to": [], "token_type": "bearer"}
        )

    async def list_events(self, request: Request) -> Response:
        """Answer `GET /2.0/events` for the streams `admin_logs` and `admin_logs_streaming`."""
        grant = self._tokens.grant(request.headers.get("authorization", ""))
        if grant is None or grant.audience != "box":
            raise error(401, "unauthorized", "Unauthorized")
        query = request.query_params
        stream = query.get("stream_type", "all")
        limit = query.get("limit", str(DEFAULT_LIMIT))
        if not limit.isdecimal() or not 0 < int(limit) <= MAXIMUM_LIMIT:
            raise error(400, "bad_request", "Invalid limit parameter")
        wanted, size = _wanted(query.get("event_type", "")), page_limit(request, int(limit))
        position = query.get("stream_position", "0")
        if stream == "admin_logs":
            window = self._window(query.get("created_after"), query.get("created_before"))
            return self._history(position, size, window, wanted)
        if stream == "admin_logs_streaming":
            return self._streaming(position, size, wanted)
        raise error(400, "bad_request", f"The stream_type {stream} is not served by this sandbox")

    def _window(self, after: str | None, before: str | None) -> tuple[int, int]:
        """Return the range of event positions in the requested time. Both bounds are exclusive.

        Box does not document it, so a client must not rely on either.
        """
        bounds: list[int | None] = []
        for name, text in (("created_after", after), ("created_before", before)):
            time = None if text is None else parse_time(text, zone_required=True)
            if text is not None and time is None:
                raise error(400, "bad_request", f"Invalid {name} parameter")
            if time is not None and time > self._clock.now:
                raise error(400, "bad_request", f"{name} is invalid since it is in the future")
            if time is not None and time < self._clock.now - HISTORY_RETENTION:
                raise error(400, "bad_request", f"{name} is beyond one year in the past")
            bounds.append(time)
        start, end = bounds
        times = self._events.time
        oldest = self._clock.now - HISTORY_RETENTION
        low = np.searchsorted(times, oldest) if start is None else np.searchsorted(times, start, "right")
        high = len(times) if end is None else np.searchsorted(times, end)
        return int(low), int(high)

    def _history(self, position: str, limit: int, window: tuple[int, int], wanted: frozenset[str] | None) -> Response:
        low, high = window
        if position == "now":
            return _page([], str(_FIRST_POSITION + len(self._events)))
        start = max(low, _read_position(position, len(self._events)))
        taken, after = self._take(start, high, _shortened(start, limit), wanted)
        if not taken:
            return _page([], "0")
        # Box gives positions as numbers or as text: a client must keep both without loss.
        following: int | str = _FIRST_POSITION + after
        return _page(self._entries(taken), str(following) if after % 2 else following)

    def _take(self, start: int, end: int, limit: int, wanted: frozenset[str] | None) -> tuple[list[int], int]:
        """Return up to `limit` events that are published by now, and the position after the last one examined."""
        taken: list[int] = []
        while start < end and len(taken) < limit:
            stop = min(end, start + 4 * limit)
            shown = self._events.published[start:stop] <= self._clock.now
            if wanted is not None:
                shown &= self._events.of_kinds(wanted, slice(start, stop))
            found = (np.flatnonzero(shown) + start).tolist()
            room = limit - len(taken)
            taken += found[:room]
            start = found[room - 1] + 1 if len(found) >= room else stop
        return taken, start

    def _streaming(self, position: str, limit: int, wanted: frozenset[str] | None) -> Response:
        now = self._clock.now
        visible = int(np.searchsorted(self._published, now, "right"))
        if position == "now":
            return _page([], str(_FIRST_POSITION + visible))
        oldest = int(np.searchsorted(self._published, now - STREAMING_RETENTION))
        start = max(oldest, _read_position(position, len(self._events)))
        after = min(visible, start + _shortened(start, limit))
        taken = self._events.by_publication[start:after].tolist()
        if wanted is not None:
            taken = [row for row in taken if self._events.kind[row] in wanted]
        return _page(self._entries(taken), str(_FIRST_POSITION + max(start, after)))

    def _entries(self, rows: list[int]) -> list[dict[str, Any]]:
        local = write_times(self._events.time[rows] - _OFFSET)
        # Some clients' edits have milliseconds.
        return [
            self._entry(row, f"{text}.000-08:00" if self._events.seed[row] % 16 == 0 else f"{text}-08:00")
            for row, text in zip(rows, local, strict=True)
        ]

    def _entry(self, row: int, created_at: str) -> dict[str, Any]:
        events = self._events
        kind, actor = events.kind[row], events.actor(row)
        event: dict[str, Any] = {
            "source": None,
            "created_by": _user(actor),
            "action_by": None,
            "created_at": created_at,
            "event_id": guid(events.key[row]),
            "event_type": EVENT_TYPES[kind],
            "ip_address": events.ip[row] or "Unknown IP",
            "type": "event",
            "session_id": None,
            "additional_details": None,
        }
        _SHAPES.get(kind, _about_account)(event, events, row)
        return event


def _wanted(event_type: str) -> frozenset[str] | None:
    """Return the kinds that an `event_type` filter selects; None for all."""
    if not event_type:
        return None
    names = {name.strip() for name in event_type.split(",")}
    return frozenset(kind for kind, name in EVENT_TYPES.items() if name in names)


def _read_position(position: str, events: int) -> int:
    if position == "0":
        return 0
    if not position.isdecimal() or not _FIRST_POSITION <= int(position) <= _FIRST_POSITION + events:
        raise error(400, "bad_request", "Invalid stream_position parameter")
    return int(position) - _FIRST_POSITION


def _shortened(start: int, limit: int) -> int:
    """Return how much of the limit a page uses: Box gives short pages while more remains.

    About one page in five is short, spread so that every chain of positions has some short and some full pages.
    """
    return max(1, limit * 3 // 4) if (start * 2_654_435_761 >> 16) % 5 == 3 else limit


def _page(entries: list[dict[str, Any]], following: int | str) -> Response:
    return json_response({"chunk_size": len(entries), "next_stream_position": following, "entries": entries})


@cache
def _user(actor: Person) -> dict[str, str]:
    if actor.kind == "anonymous":
        return {"type": "user", "id": "2", "name": "Unknown User", "login": ""}
    login = actor.email
    if actor.kind in ("service", "app") and not login.endswith("@boxdevedition.com"):
        prefix = "AutomationUser" if actor.kind == "service" else "AppUser"
        login = f"{prefix}_{actor.number % 10_000_000}_{actor.digest[:10]}@boxdevedition.com"
    return {"type": "user", "id": str(actor.number), "name": actor.name, "login": login}


def file_id(file: str) -> str:
    """Return the id in Box of the file with this key."""
    return str(700_000_000_000 + int(file[:9], 16))


def version_id(events: Events, row: int) -> str:
    """Return the id of the version that the event at a row made."""
    return str(800_000_000_000 + events.seed[row] % 90_000_000_000)


def folder_id(events: Events, row: int) -> str:
    """Return the id of the folder of the file at a row."""
    return _folder(responsible(person(events.user[row])).email, events.folder[row])["id"]


@lru_cache(maxsize=65536)
def _folder(owner: str, folder: str) -> dict[str, str]:
    name = folder.strip("/").rpartition("/")[2]
    if not name:
        return {"type": "folder", "name": "All Files", "id": "0"}
    number = 100_000_000_000 + int(digest("box folder", owner, folder)[:9], 16)
    return {"type": "folder", "name": name, "id": str(number)}


def _about_file(event: dict[str, Any], events: Events, row: int) -> None:
    owner = responsible(person(events.user[row]))
    event["source"] = {
        "item_type": "file",
        "item_id": file_id(events.file[row]),
        "item_name": events.file_name[row],
        "parent": _folder(owner.email, events.folder[row]),
        "owned_by": _user(owner),
    }
    app = events.app[row]
    details: dict[str, Any] = {
        "version_id": version_id(events, row),
        "service_id": _SERVICES.get(app) or str(int(digest("box service", app)[:5], 16)),
        "service_name": app or "Box Web Application",
    }
    if events.logs_size(row, by_default=True):
        details = {"size": events.size[row], **details}
    event["additional_details"] = details


def _about_share(event: dict[str, Any], events: Events, row: int) -> None:
    _about_file(event, events, row)
    source = event["source"]
    event["source"] = {
        "file_id": source["item_id"],
        "file_name": source["item_name"],
        "parent": source["parent"],
        "owned_by": source["owned_by"],
    }
    invited = person(f"partner{events.seed[row] % 50}@partner.example.net")
    event["accessible_by"] = _user(invited)
    event["additional_details"] = {
        "role": "Viewer",
        "collab_id": str(events.seed[row] % 10**11),
        "is_performed_by_admin": False,
    }


def _about_account(event: dict[str, Any], events: Events, row: int) -> None:
    event["source"] = event["created_by"]


def _about_alert(event: dict[str, Any], events: Events, row: int) -> None:
    subject = events.actor(row)
    number = events.seed[row] % 100_000
    event["created_by"] = _user(person(""))
    event["additional_details"] = {
        "shield_alert": {
            "rule_category": "Suspicious Sessions",
            "rule_id": 1000 + number % 7,
            "rule_name": events.file_name[row] or "Suspicious session",
            "rule_response_action": None,
            "risk_score": 50 + number % 50,
            "alert_summary": {"description": "A session unlike those of the month before"},
            "alert_id": number,
            "priority": "medium",
            # A number here, although Box uses text for user ids everywhere else.
            "user": {"id": subject.number, "name": subject.name, "email": _user(subject)["login"]},
            "link": f"https://app.box.com/master/shield/alerts/{number}",
            "created_at": event["created_at"],
        }
    }


_SHAPES: dict[str, Callable[[dict[str, Any], Events, int], None]] = {
    "upload": _about_file,
    "edit": _about_file,
    "download": _about_file,
    "delete": _about_file,
    "share_external": _about_share,
    "provider_alert": _about_alert,
}
