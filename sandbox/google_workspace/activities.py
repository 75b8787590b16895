"""Shapes of Google's audit activities.

One activity reports one action in several events: an upload is an `upload` (the primary event) with the
edit, the changes of access and the move to a folder that belong to it. All events of an activity repeat the same
parameters about the file, so these are encoded once.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from sandbox.base.addresses import Addresses
from sandbox.base.credentials import GOOGLE_CUSTOMER_ID
from sandbox.base.data import Events
from sandbox.base.people import Person, digest, organisation, person, responsible

_encode = msgspec.json.Encoder().encode
_DRIVE = ("upload", "edit", "download", "share_external", "delete")
_ACCOUNT = ("mfa_disabled", "password_reset")
APPLICATIONS = {
    "drive": frozenset(_DRIVE),
    "login": frozenset(("sign_in", "sign_in_failed", "provider_alert", *_ACCOUNT)),
    "user_accounts": frozenset(_ACCOUNT),
}
EVENT_NAMES: dict[str, tuple[str, ...]] = {
    "upload": ("upload", "edit", "change_user_access", "change_acl_editors", "add_to_folder"),
    "edit": ("edit",),
    "download": ("download",),
    "share_external": ("change_user_access", "edit"),
    "delete": ("trash",),
    "sign_in": ("login_success",),
    "sign_in_failed": ("login_failure",),
    "mfa_disabled": ("2sv_disable",),
    "password_reset": ("password_edit",),
    "provider_alert": ("suspicious_login",),
}
# Google's audit logs have no event for a device seen for the first time.
SKIPPED = frozenset({"new_device"})
# Google's placeholder for an account outside Workspace.
_NOBODY = "105250506097979753968"
_DOCUMENT_TYPES = {
    "pdf": "pdf", "png": "png", "jpg": "jpeg", "jpeg": "jpeg", "gif": "gif", "txt": "txt", "html": "html",
    "mp4": "mp4", "doc": "msword", "docx": "msword", "xls": "msexcel", "xlsx": "msexcel",
    "ppt": "mspowerpoint", "pptx": "mspowerpoint",
}  # fmt: skip


def document_id(file: str) -> str:
    """Return the id in Drive of the file with this key."""
    return f"1{file}"


def activity(events: Events, row: int, application: str, time: str, addresses: Addresses) -> bytes:
    """Return the activity at a row, as JSON."""
    kind, user, seed = events.kind[row], events.user[row], events.seed[row]
    qualifier = seed - (1 << 64) if seed >= 1 << 63 else seed
    item: dict[str, Any] = {
        "kind": "admin#reports#activity",
        "id": {
            "time": time,
            "uniqueQualifier": str(qualifier),
            "applicationName": application,
            "customerId": GOOGLE_CUSTOMER_ID,
        },
        "etag": f'"{events.key[row]}/{application}"',
        "actor": _actor(events.actor(row), events.app[row])
        if kind != "provider_alert"
        else {"email": "", "profileId": _NOBODY},
    }
    if person(user).kind == "person":
        item["ownerDomain"] = organisation()[0]
    if events.ip[row]:
        item["ipAddress"] = events.ip[row]
        if events.country[row]:
            item["networkInfo"] = _network(events.ip[row], events.country[row])
    chain = _drive_events(events, row, addresses) if kind in _DRIVE else _account_events(events, row, addresses)
    item["events"] = msgspec.Raw(b"[" + b",".join(chain) + b"]")
    return _encode(item)


@lru_cache(maxsize=4096)
def _actor(actor: Person, app: str) -> dict[str, Any]:
    if actor.kind == "anonymous":
        return {"email": "", "profileId": _NOBODY}
    email = actor.email
    if actor.kind in ("service", "app") and not email.endswith("gserviceaccount.com"):
        email = f"{actor.local}@sandbox-project.iam.gserviceaccount.com"
    described: dict[str, Any] = {"email": email, "profileId": f"1{actor.number}{actor.number % 10**9:09d}"}
    if app and not app.lower().startswith(("google", "drive", "web", "browser")):
        described["applicationInfo"] = {
            "oauthClientId": f"{_application_id(app)}.apps.googleusercontent.com",
            "applicationName": app,
            "impersonation": False,
        }
    return described


@lru_cache(maxsize=1024)
def _application_id(app: str) -> str:
    return str(100_000_000_000 + int(digest("google application", app)[:9], 16))


@lru_cache(maxsize=16384)
def _network(ip: str, country: str) -> dict[str, Any]:
    # In the sandbox, addresses of one /16 belong to one network.
    network = int(digest("network", *ip.split(".")[:2])[:4], 16)
    return {"ipAsn": [network + 1000], "regionCode": country}


def _parameter(name: str, value: object, field: str = "value") -> dict[str, object]:
    return {"name": name, field: value}


def _drive_events(events: Events, row: int, addresses: Addresses) -> list[bytes]:
    owner = addresses.primary(responsible(person(events.user[row])).email, int(events.time[row]))
    kind = events.kind[row]
    common = _about_file(events, row, owner, "people_with_link" if kind == "share_external" else "private")
    match kind:
        case "upload":
            granted = _access(owner, ["none"], ["owner"], "unknown", "none")
            editors = _access("", ["owner"], ["owner", "writers"], "unknown", "none")
            chain = [
                _event("access", "upload", b"true", b"", common),
                _event("access", "edit", b"false", b"", common),
                _event("acl_change", "change_user_access", b"false", granted, common),
            ]
            if events.seed[row] % 2:
                chain.append(_event("acl_change", "change_acl_editors", b"false", editors, common))
            if events.folder[row]:
                folder = _folder(owner, events.folder[row])
                chain.append(_event("access", "add_to_folder", b"false", folder, common))
            return chain
        case "share_external":
            guest = f"partner{events.seed[row] % 50}@partner.example.net"
            shared = _access(guest, ["none"], ["can_view"], "private", "external")
            return [
                _event("access", "edit", b"false", b"", common),
                _event("acl_change", "change_user_access", b"true", shared, common),
            ]
        case _:
            return [_event("access", EVENT_NAMES[kind][0], b"true", b"", common)]


def _event(family: str, name: str, primary: bytes, own: bytes, common: bytes) -> bytes:
    """Return one event: its own parameters (each followed by a comma) before those about the file."""
    return (
        f'{{"type":"{family}","name":"{name}","parameters":[{{"name":"primary_event","boolValue":'.encode()
        + primary
        + b'},{"name":"billable","boolValue":true},'
        + own
        + common
        + b"]}"
    )


def _about_file(events: Events, row: int, owner: str, visibility: str) -> bytes:
    extension = events.file_name[row].rpartition(".")[2].lower()
    common = _encode(
        [
            _parameter("doc_id", document_id(events.file[row])),
            _parameter("doc_type", _DOCUMENT_TYPES.get(extension, "unknown")),
            _parameter("doc_title", events.file_name[row]),
        ]
    )
    return common[1:-1] + b"," + _about_owner(owner, visibility, events.app[row])


@lru_cache(maxsize=16384)
def _about_owner(owner: str, visibility: str, app: str) -> bytes:
    parameters = [
        _parameter("is_encrypted", False, "boolValue"),
        _parameter("visibility", visibility),
        _parameter("actor_is_collaborator_account", False, "boolValue"),
        _parameter("owner", owner),
        _parameter("owner_is_shared_drive", False, "boolValue"),
        _parameter("owner_is_team_drive", False, "boolValue"),
    ]
    if app:
        parameters.insert(2, _parameter("originating_app_id", _application_id(app)))
    return _encode(parameters)[1:-1]


@lru_cache(maxsize=16384)
def _folder(owner: str, folder: str) -> bytes:
    title = folder.strip("/").rpartition("/")[2]
    parameters = [
        _parameter("destination_folder_title", [title], "multiValue"),
        _parameter("destination_folder_id", [f"1{digest('google folder', owner, folder)}"], "multiValue"),
    ]
    return _encode(parameters)[1:-1] + b","


def _access(target: str, old: list[str], new: list[str], visibility: str, change: str) -> bytes:
    parameters = [
        _parameter("visibility_change", change),
        _parameter("old_value", old, "multiValue"),
        _parameter("new_value", new, "multiValue"),
        _parameter("old_visibility", visibility),
    ]
    if target:
        parameters.insert(1, _parameter("target_user", target))
    return _encode(parameters)[1:-1] + b","


def _account_events(events: Events, row: int, addresses: Addresses) -> list[bytes]:
    family, parameters = "login", []
    match events.kind[row]:
        case "sign_in":
            parameters = [
                _parameter("login_type", "google_password"),
                _parameter("login_challenge_method", ["password"], "multiValue"),
                _parameter("is_suspicious", False, "boolValue"),
            ]
        case "sign_in_failed":
            parameters = [
                _parameter("login_type", "google_password"),
                _parameter("login_challenge_method", ["password"], "multiValue"),
            ]
        case "mfa_disabled":
            family = "2sv_change"
        case "password_reset":
            family = "password_change"
        case "provider_alert":
            family = "account_warning"
            parameters = [
                _parameter("affected_email_address", addresses.primary(events.user[row], int(events.time[row]))),
                _parameter("login_timestamp", str(int(events.time[row])), "intValue"),
            ]
    event: dict[str, object] = {"type": family, "name": EVENT_NAMES[events.kind[row]][0]}
    if parameters:
        event["parameters"] = parameters
    return [_encode(event)]
