"""Shapes of Office 365's audit records."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sandbox.base.clock import SECOND, write_time, write_times
from sandbox.base.credentials import OFFICE365_TENANT_ID
from sandbox.base.data import Events
from sandbox.base.people import Person, admin_email, digest, guid, person
from sandbox.office365.clients import names_application, user_agent

CONTENT = {
    **dict.fromkeys(("upload", "edit", "download", "share_external", "delete"), "Audit.SharePoint"),
    **dict.fromkeys(("sign_in", "sign_in_failed", "mfa_disabled", "password_reset"), "Audit.AzureActiveDirectory"),
    "provider_alert": "Audit.General",
}
# The feed has no event for a device seen for the first time.
SKIPPED = frozenset({"new_device"})
_HOST = "https://example.sharepoint.com"
_PERSONAL_HOST = "https://example-my.sharepoint.com"
_FILE_OPERATIONS = {"edit": "FileModified", "download": "FileDownloaded", "delete": "FileDeleted"}
_DIRECTORY_OPERATIONS = {
    "mfa_disabled": "Disable Strong Authentication.",
    "password_reset": "Reset user password.",
}


@dataclass(frozen=True)
class Place:
    """Place of a file: the site, the path within it, and the ids of the site and its document library."""

    site_url: str
    path: str
    site: str
    web: str
    list_id: str


@lru_cache(maxsize=16384)
def place(user: str, folder: str) -> Place:
    """Return the place of a user's folder: the first part names a team's site, or it lies in the user's own OneDrive.

    A folder is the user's own if it has no name or has theirs. Users without a OneDrive use the site `Shared`.
    """
    actor, parts = person(user), folder.strip("/").split("/")
    own = not parts[0] or parts[0] == actor.name
    if own and actor.kind == "person":
        address = user.lower().replace("@", "_").replace(".", "_")
        url, library = f"{_PERSONAL_HOST}/personal/{address}/", "Documents"
    else:
        url, library = f"{_HOST}/sites/{'Shared' if own else parts[0].replace(' ', '')}/", "Shared Documents"
    path = "/".join([library, *parts[1:]])
    site, web, list_id = (guid(digest(what, url)) for what in ("site", "web", "list"))
    return Place(url, path, site, web, list_id)


def has_follow_up(events: Events, row: int) -> bool:
    """Check whether SharePoint itself saves the file again after this upload, as it does after some in the browser."""
    return events.kind[row] == "upload" and not _syncs(events, row) and events.seed[row] % 4 == 0


def follow_up_time(events: Events, row: int) -> int:
    """Return the time of the save that follows an upload, in µs UTC: one or two seconds later."""
    return int(events.time[row]) + (1 + events.seed[row] % 2) * SECOND


def records(events: Events, rows: list[int]) -> list[dict[str, Any]]:
    """Return the records of a blob; times in them are UTC without a zone."""
    made: list[dict[str, Any]] = []
    for row, time in zip(rows, write_times(events.time[rows]), strict=True):
        kind = events.kind[row]
        if CONTENT[kind] == "Audit.SharePoint":
            made.append(_file_record(events, row, time))
            if has_follow_up(events, row):
                made.append(_follow_up(events, row, made[-1]))
        elif kind in _DIRECTORY_OPERATIONS:
            made.append(_directory_record(events, row, time))
        elif kind == "provider_alert":
            made.append(_alert_record(events, row, time))
        else:
            made.append(_sign_in_record(events, row, time))
    return made


@lru_cache(maxsize=16384)
def _account(actor: Person) -> tuple[str, str, int]:
    """Return an actor's names in records: UserId, UserKey and UserType."""
    digits = actor.digest[:16]
    match actor.kind:
        case "anonymous":
            return f"urn:spo:anon#{actor.digest}", f"i:0i.t|sharepoint|{digits}", 10
        case "app":
            return "app@sharepoint", "i:0i.t|00000003-0000-0ff1-ce00-000000000000|app@sharepoint", 5
        case "service":
            name = actor.email if actor.email.startswith("ServicePrincipal_") else ""
            return name or f"ServicePrincipal_{guid(actor.digest)}", guid(actor.digest), 6
        case "guest" if "#" not in actor.email:
            name = f"{actor.email.replace('@', '_')}#ext#@example.onmicrosoft.com"
            return name, f"i:0h.f|membership|{digits}@live.com", 0
        case _:
            return actor.email or guid(actor.digest), f"i:0h.f|membership|{digits}@live.com", 0


def _base(events: Events, row: int, time: str, *, record_type: int, operation: str, workload: str) -> dict[str, Any]:
    user_id, user_key, user_type = _account(events.actor(row))
    if "@" in user_id and events.seed[row] % 8 == 1:
        # Microsoft writes the same account in more than one way.
        user_id = user_id[:1].upper() + user_id[1:]
    record = {
        "CreationTime": time,
        "Id": guid(events.key[row]),
        "Operation": operation,
        "OrganizationId": OFFICE365_TENANT_ID,
        "RecordType": record_type,
        "UserKey": user_key,
        "UserType": user_type,
        "Version": 1,
        "Workload": workload,
        "UserId": user_id,
    }
    if events.ip[row]:
        record["ClientIP"] = events.ip[row]
    return record


def _syncs(events: Events, row: int) -> bool:
    app = events.app[row].lower()
    return "onedrive" in app or "sync" in app


def _file_record(events: Events, row: int, time: str) -> dict[str, Any]:
    kind = events.kind[row]
    if kind == "share_external":
        return _share_record(events, row, time)
    syncs = kind == "upload" and _syncs(events, row)
    operation = "FileSyncUploadedFull" if syncs else _FILE_OPERATIONS.get(kind, "FileUploaded")
    record = _located(events, row, time, 6, operation)
    if events.logs_size(row, by_default=False):
        if syncs:
            record["FileSyncBytesCommitted"] = str(events.size[row])
        else:
            record["FileSizeBytes"] = events.size[row]
    return record


def _located(events: Events, row: int, time: str, record_type: int, operation: str) -> dict[str, Any]:
    name = events.file_name[row]
    there = place(events.user[row], events.folder[row])
    personal = there.site_url.startswith(_PERSONAL_HOST)
    record = _base(
        events,
        row,
        time,
        record_type=record_type,
        operation=operation,
        workload="OneDrive" if personal else "SharePoint",
    )
    record |= {
        "ObjectId": f"{there.site_url}{there.path}/{name}",
        "CorrelationId": guid(digest("correlation", events.key[row])),
        "EventSource": "SharePoint",
        "ItemType": "File",
        "ListId": there.list_id,
        "ListItemUniqueId": guid(events.file[row]),
        "Site": there.site,
        "WebId": there.web,
        "SourceFileExtension": name.rpartition(".")[2] if "." in name else "",
        "SiteUrl": there.site_url,
        "SourceFileName": name,
        "SourceRelativeUrl": there.path,
        "UserAgent": user_agent(events, row),
        "GeoLocation": "EUR",
    }
    if names_application(events, row):
        app = events.app[row]
        record["ApplicationDisplayName"] = app
        record["ApplicationId"] = guid(digest("application", app))
    return record


def _follow_up(events: Events, row: int, upload: dict[str, Any]) -> dict[str, Any]:
    """Return SharePoint's own save of a new upload: in the user's name, from an address of Microsoft."""
    record = {name: value for name, value in upload.items() if not name.startswith("Application")}
    return record | {
        "CreationTime": write_time(follow_up_time(events, row))[:-1],
        "Id": guid(digest("follow-up", events.key[row])),
        "Operation": "FileModified",
        "ClientIP": f"52.108.{events.seed[row] % 250}.{events.seed[row] % 199 + 1}",
        "UserAgent": "MSWAC",
    }


def _share_record(events: Events, row: int, time: str) -> dict[str, Any]:
    by_link = events.seed[row] % 2 == 0
    operation = "AnonymousLinkCreated" if by_link else "SharingInvitationCreated"
    record = _located(events, row, time, 14, operation)
    if not by_link:
        guest = f"partner{events.seed[row] % 50}_partner.example.net#ext#@example.onmicrosoft.com"
        record |= {"TargetUserOrGroupName": guest, "TargetUserOrGroupType": "Guest"}
    record["UniqueSharingId"] = guid(digest("sharing", events.key[row]))
    return record


def _sign_in_record(events: Events, row: int, time: str) -> dict[str, Any]:
    failed = events.kind[row] == "sign_in_failed"
    operation = "UserLoginFailed" if failed else "UserLoggedIn"
    record = _base(events, row, time, record_type=15, operation=operation, workload="AzureActiveDirectory")
    if person(events.user[row]).kind == "anonymous":
        record["UserId"] = "Not Available"
    detail = "UserError" if failed else "Success"
    record |= {
        # The directory marks some failures as a success: the operation decides.
        "ResultStatus": "Success" if not failed or events.seed[row] % 3 == 0 else "Failed",
        "ObjectId": guid(digest("application", "portal")),
        "AzureActiveDirectoryEventType": 1,
        "ExtendedProperties": [
            {"Name": "ResultStatusDetail", "Value": detail},
            {"Name": "UserAgent", "Value": user_agent(events, row)},
            {"Name": "RequestType", "Value": "OAuth2:Authorize"},
        ],
        "ModifiedProperties": [],
        "Actor": _identities(events.actor(row)),
        "ActorContextId": OFFICE365_TENANT_ID,
        "ApplicationId": guid(digest("application", "portal")),
        "DeviceProperties": [{"Name": "OS", "Value": "Windows10"}, {"Name": "BrowserType", "Value": "Edge"}],
        "ErrorNumber": "50126" if failed else "0",
    }
    if events.ip[row]:
        record["ActorIpAddress"] = events.ip[row]
    if failed:
        record["LogonError"] = "InvalidUserNameOrPassword"
    return record


def _directory_record(events: Events, row: int, time: str) -> dict[str, Any]:
    """Return an administrator's change of an account, which is the record's object."""
    subject, admin = person(events.user[row]), person(admin_email())
    record = _base(
        events,
        row,
        time,
        record_type=8,
        operation=_DIRECTORY_OPERATIONS[events.kind[row]],
        workload="AzureActiveDirectory",
    )
    user_id, user_key, _ = _account(admin)
    return record | {
        "UserId": user_id,
        "UserKey": user_key,
        "UserType": 0,
        "ResultStatus": "Success",
        "ObjectId": _account(subject)[0],
        "AzureActiveDirectoryEventType": 1,
        "ExtendedProperties": [],
        "ModifiedProperties": [],
        "Actor": _identities(admin),
        "ActorContextId": OFFICE365_TENANT_ID,
        "Target": _identities(subject),
        "TargetContextId": OFFICE365_TENANT_ID,
    }


@lru_cache(maxsize=16384)
def _identities(actor: Person) -> list[dict[str, object]]:
    return [{"ID": guid(actor.digest), "Type": 2}, {"ID": _account(actor)[0], "Type": 5}]


def _alert_record(events: Events, row: int, time: str) -> dict[str, Any]:
    subject = _account(events.actor(row))[0]
    name = events.file_name[row] or "Impossible travel"
    record = _base(events, row, time, record_type=40, operation="AlertTriggered", workload="SecurityComplianceCenter")
    alert_id = guid(digest("alert", events.key[row]))
    data = {"f3u": subject, "ts": f"{time}Z", "an": name, "aid": alert_id, "sev": "Medium"}
    return record | {
        "UserId": "SecurityComplianceAlerts",
        "UserKey": "SecurityComplianceAlerts",
        "UserType": 4,
        "ObjectId": alert_id,
        "AlertId": alert_id,
        "AlertType": "System",
        "Name": name,
        "PolicyId": guid(digest("policy", name)),
        "Status": "Active",
        "Severity": "Medium",
        "Category": "ThreatManagement",
        "Source": "Office 365 Security & Compliance",
        "Comments": "New alert",
        "EntityType": "User",
        "AlertEntityId": subject,
        "AlertLinks": [],
        # JSON text inside the JSON.
        "Data": json.dumps(data, separators=(",", ":")),
    }
