"""Shapes of Dropbox's team events."""

from __future__ import annotations

from functools import cache
from typing import Any

from sandbox.base.clock import write_time
from sandbox.base.data import FILE_KINDS, Events
from sandbox.base.people import Person, digest, person

EVENT_TYPES = {
    "upload": "file_add",
    "edit": "file_edit",
    "download": "file_download",
    "share_external": "shared_content_add_invitees",
    "delete": "file_delete",
    "sign_in": "login_success",
    "sign_in_failed": "login_fail",
    "mfa_disabled": "tfa_change_status",
    "password_reset": "password_reset",
    "new_device": "device_link_success",
    "provider_alert": "admin_alerting_triggered_alert",
}
CATEGORIES = {
    "file_add": "file_operations",
    "file_edit": "file_operations",
    "file_download": "file_operations",
    "file_delete": "file_operations",
    "file_request_receive_file": "file_requests",
    "shared_content_add_invitees": "sharing",
    "login_success": "logins",
    "login_fail": "logins",
    "tfa_change_status": "tfa",
    "password_reset": "passwords",
    "device_link_success": "devices",
    "admin_alerting_triggered_alert": "admin_alerting",
}
_DESCRIPTIONS = {
    "file_add": "Added files and/or folders",
    "file_edit": "Edited files",
    "file_download": "Downloaded files and/or folders",
    "file_delete": "Deleted files and/or folders",
    "file_request_receive_file": "Received files for file request",
    "shared_content_add_invitees": "Invited user to Dropbox and added them to shared file/folder",
    "login_success": "Signed in",
    "login_fail": "Failed to sign in",
    "tfa_change_status": "Enabled/disabled/changed two-factor authentication setting",
    "password_reset": "Reset password",
    "device_link_success": "Linked device",
    "admin_alerting_triggered_alert": "Triggered security alert",
}


def event_type(events: Events, row: int) -> str:
    """Return the tag of the event at a row. Only a file request accepts files from someone who is not signed in."""
    if events.kind[row] == "upload" and person(events.user[row]).kind == "anonymous":
        return "file_request_receive_file"
    return EVENT_TYPES[events.kind[row]]


def account_id(actor: Person) -> str:
    """Return the id of a user's account: always 40 characters."""
    return f"dbid:AAH{actor.digest}"


def member_id(actor: Person) -> str:
    """Return the id of a team member."""
    return f"dbmid:AAF{actor.digest}"


def file_id(file: str) -> str:
    """Return the id in Dropbox of the file with this key."""
    return f"id:{file[:22]}"


def team_event(events: Events, rows: range, timestamp: str) -> dict[str, Any]:
    """Return one event of the team log for the rows, which share user, second and folder."""
    row = rows[0]
    tag = event_type(events, row)
    actor = events.actor(row)
    event = {
        "timestamp": timestamp,
        "event_category": {".tag": CATEGORIES[tag]},
        "actor": {".tag": "dropbox"} if events.kind[row] == "provider_alert" else _actor(actor),
        "origin": _origin(events, row),
        "involve_non_team_member": actor.kind in ("guest", "anonymous") or tag == "shared_content_add_invitees",
        "context": _context(actor),
        "participants": [],
        "assets": [_asset(events, each) for each in rows] if events.kind[row] in FILE_KINDS else [],
        "event_type": {".tag": tag, "description": _DESCRIPTIONS[tag]},
        "details": {".tag": f"{tag}_details", **_details(tag, events, rows)},
    }
    if tag == "shared_content_add_invitees":
        invited = person(f"partner{events.seed[row] % 50}@partner.example.net")
        event["participants"] = [{".tag": "user", "user": _member(invited)}]
    return event


@cache
def _member(actor: Person) -> dict[str, Any]:
    member = {
        ".tag": "non_team_member" if actor.kind == "guest" else "team_member",
        "account_id": account_id(actor),
        "display_name": actor.name,
    }
    if actor.email:
        member["email"] = actor.email
    if actor.kind != "guest":
        member["team_member_id"] = member_id(actor)
    return member


@cache
def _actor(actor: Person) -> dict[str, Any]:
    if actor.kind == "anonymous":
        return {".tag": "anonymous"}
    if actor.kind in ("service", "app"):
        app = {".tag": "team_linked_app", "app_id": f"dbaid:AAH{actor.digest}", "display_name": actor.local}
        return {".tag": "app", "app": app}
    return {".tag": "user", "user": _member(actor)}


@cache
def _context(actor: Person) -> dict[str, Any]:
    if actor.kind == "person":
        return _member(actor)
    return {".tag": "anonymous" if actor.kind == "anonymous" else "team"}


def _origin(events: Events, row: int) -> dict[str, Any]:
    actor, app = person(events.user[row]), events.app[row].lower()
    session = events.seed[row] % 10**12
    method: dict[str, Any]
    if actor.kind in ("service", "app") or "api" in app or "rclone" in app:
        method = {".tag": "api", "request_id": f"dbarod:{events.key[row]}"}
    elif "desktop" in app:
        method = {".tag": "end_user", "end_user": {".tag": "desktop", "session_id": f"dbdsid:{session}"}}
    elif "mobile" in app or "ios" in app or "android" in app:
        method = {".tag": "end_user", "end_user": {".tag": "mobile", "session_id": f"dbmsid:{session}"}}
    else:
        method = {".tag": "end_user", "end_user": {".tag": "web", "session_id": f"dbwsid:{session}"}}
    origin: dict[str, Any] = {"access_method": method}
    if events.ip[row]:
        origin["geo_location"] = {"ip_address": events.ip[row]}
        if events.country[row]:
            origin["geo_location"]["country"] = events.country[row]
    return origin


def _asset(events: Events, row: int) -> dict[str, Any]:
    name = events.file_name[row]
    folder = events.folder[row].strip("/")
    path = f"/{folder}/{name}" if folder else f"/{name}"
    shared = person(events.user[row]).kind != "person"
    owner = "shared" if shared else events.user[row]
    asset: dict[str, Any] = {
        ".tag": "file",
        "path": {
            "contextual": path,
            "namespace_relative": {
                "ns_id": str(_namespace(owner)),
                "relative_path": path,
                "is_shared_namespace": shared,
            },
        },
        "display_name": name,
        "file_id": file_id(events.file[row]),
    }
    if events.logs_size(row, by_default=True):
        asset["file_size"] = events.size[row]
    return asset


@cache
def _namespace(owner: str) -> int:
    return 1_000_000_000 + int(digest("dropbox namespace", owner)[:8], 16)


def _details(tag: str, events: Events, rows: range) -> dict[str, Any]:
    row = rows[0]
    by_password = {"login_method": {".tag": "password"}, "is_emm_managed": False}
    details: dict[str, Any] = {}
    match tag:
        case "file_request_receive_file":
            names = [events.file_name[each] for each in rows]
            details = {"file_request_id": events.key[row][:22], "submitted_file_names": names}
        case "shared_content_add_invitees":
            invited = f"partner{events.seed[row] % 50}@partner.example.net"
            details = {"shared_content_access_level": {".tag": "viewer"}, "invitees": [invited]}
        case "login_success":
            details = by_password
        case "login_fail":
            reason = {"user_friendly_message": "Wrong email address or password"}
            details = {**by_password, "error_details": reason}
        case "tfa_change_status":
            details = {"new_value": {".tag": "disabled"}, "previous_value": {".tag": "authenticator"}}
        case "device_link_success":
            details = {"device_session_info": _device(events, row)}
        case "admin_alerting_triggered_alert":
            details = {
                "alert_name": events.file_name[row] or "Unusual sign-in",
                "alert_severity": {".tag": "medium"},
                "alert_category": {".tag": "account_takeover"},
                "alert_instance_id": f"pid_admin_alert:AAg{events.key[row]}",
            }
    return details


def _device(events: Events, row: int) -> dict[str, Any]:
    linked = write_time(int(events.time[row]))
    device = {
        ".tag": "desktop_device_session",
        "host_name": f"host-{events.key[row][:6]}",
        "client_type": {".tag": "windows"},
        "platform": "Windows 11",
        "is_delete_on_unlink_supported": True,
        "created": linked,
        "updated": linked,
    }
    if events.ip[row]:
        device["ip_address"] = events.ip[row]
    return device
