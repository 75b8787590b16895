"""Audit events of the four providers for benchmarks, equal for equal seeds, and the types of a plain scan."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

__all__ = ["EVENTS", "SCANS"]

_PACIFIC = timezone(timedelta(hours=-8))

SCANS = {
    "box": {
        "type": "VARCHAR",
        "event_id": "VARCHAR",
        "event_type": "VARCHAR",
        "created_at": "VARCHAR",
        "ip_address": "VARCHAR",
        "session_id": "VARCHAR",
        "created_by": "STRUCT(type VARCHAR, id VARCHAR, name VARCHAR, login VARCHAR)",
        "action_by": "STRUCT(type VARCHAR, id VARCHAR, name VARCHAR, login VARCHAR)",
        "source": "STRUCT(item_type VARCHAR, item_id VARCHAR, item_name VARCHAR, "
        "parent STRUCT(type VARCHAR, id VARCHAR, name VARCHAR), "
        "owned_by STRUCT(type VARCHAR, id VARCHAR, name VARCHAR, login VARCHAR))",
        "additional_details": "STRUCT(size BIGINT, ekm_id VARCHAR, version_id VARCHAR, service_id VARCHAR, "
        "service_name VARCHAR)",
    },
    "dropbox": {
        "timestamp": "VARCHAR",
        "event_category": 'STRUCT(".tag" VARCHAR)',
        "actor": 'STRUCT(".tag" VARCHAR, "user" STRUCT(".tag" VARCHAR, account_id VARCHAR, email VARCHAR, '
        "display_name VARCHAR, team_member_id VARCHAR))",
        "origin": "STRUCT(geo_location STRUCT(ip_address VARCHAR, country VARCHAR), "
        'access_method STRUCT(".tag" VARCHAR, end_user STRUCT(".tag" VARCHAR, session_id VARCHAR)))',
        "involve_non_team_member": "BOOLEAN",
        "context": 'STRUCT(".tag" VARCHAR, account_id VARCHAR, email VARCHAR, display_name VARCHAR, '
        "team_member_id VARCHAR)",
        "participants": "VARCHAR[]",
        "assets": 'STRUCT(".tag" VARCHAR, file_id VARCHAR, display_name VARCHAR, file_size BIGINT, '
        "path STRUCT(contextual VARCHAR, namespace_relative STRUCT(ns_id VARCHAR, relative_path VARCHAR)))[]",
        "event_type": 'STRUCT(".tag" VARCHAR, description VARCHAR)',
        "details": 'STRUCT(".tag" VARCHAR)',
    },
    "google_workspace": {
        "kind": "VARCHAR",
        "id": 'STRUCT("time" VARCHAR, uniqueQualifier VARCHAR, applicationName VARCHAR, customerId VARCHAR)',
        "actor": "STRUCT(email VARCHAR, profileId VARCHAR, callerType VARCHAR)",
        "ipAddress": "VARCHAR",
        "networkInfo": "STRUCT(regionCode VARCHAR)",
        "events": "STRUCT(type VARCHAR, name VARCHAR, parameters STRUCT(name VARCHAR, value VARCHAR, "
        "boolValue BOOLEAN, multiValue VARCHAR[])[])[]",
    },
    "office365": {
        "Id": "VARCHAR",
        "CreationTime": "VARCHAR",
        "Operation": "VARCHAR",
        "RecordType": "BIGINT",
        "Workload": "VARCHAR",
        "OrganizationId": "VARCHAR",
        "UserId": "VARCHAR",
        "UserKey": "VARCHAR",
        "UserType": "BIGINT",
        "ClientIP": "VARCHAR",
        "UserAgent": "VARCHAR",
        "ItemType": "VARCHAR",
        "ListItemUniqueId": "VARCHAR",
        "ListId": "VARCHAR",
        "Site": "VARCHAR",
        "WebId": "VARCHAR",
        "SiteUrl": "VARCHAR",
        "SourceRelativeUrl": "VARCHAR",
        "SourceFileName": "VARCHAR",
        "SourceFileExtension": "VARCHAR",
        "ObjectId": "VARCHAR",
        "FileSizeBytes": "BIGINT",
    },
}


def _text(draw: random.Random, length: int) -> str:
    return f"{draw.getrandbits(length * 4):0{length}x}"


def _box(draw: random.Random, moment: datetime) -> dict[str, Any]:
    number = draw.randrange(2000)
    user = {
        "type": "user",
        "id": str(10_000_000 + number),
        "name": f"User Number {number}",
        "login": f"user{number}@example.com",
    }
    return {
        "source": {
            "item_type": "file",
            "item_id": str(700_000_000_000 + draw.randrange(10**9)),
            "item_name": f"Quarterly report {draw.randrange(10**6)}.xlsx",
            "parent": {"type": "folder", "name": f"Folder {draw.randrange(1000)}", "id": _text(draw, 11)},
            "owned_by": user,
        },
        "created_by": user,
        "action_by": None,
        "created_at": moment.astimezone(_PACIFIC).isoformat(timespec="seconds"),
        "event_id": _text(draw, 32),
        "event_type": draw.choice(("UPLOAD",) * 3 + ("EDIT",) * 2 + ("COPY", "DOWNLOAD", "ITEM_OPEN")),
        "ip_address": f"198.51.{number % 100}.{draw.randrange(256)}",
        "type": "event",
        "session_id": None,
        "additional_details": {
            "size": draw.randrange(10**7),
            "ekm_id": _text(draw, 32),
            "version_id": str(draw.randrange(10**12)),
            "service_id": "254429",
            "service_name": "Box Drive",
        },
    }


def _dropbox(draw: random.Random, moment: datetime) -> dict[str, Any]:
    number = draw.randrange(2000)
    member = {
        ".tag": "team_member",
        "account_id": f"dbid:{number:035d}",
        "email": f"user{number}@example.com",
        "display_name": f"User Number {number}",
        "team_member_id": f"dbmid:{number:034d}",
    }
    name = f"Quarterly report {draw.randrange(10**6)}.xlsx"
    tag = draw.choice(("file_add", "file_add", "file_add", "file_edit", "file_download", "file_preview"))
    path = f"/Folder {draw.randrange(1000)}/{name}"
    return {
        "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "event_category": {".tag": "file_operations"},
        "actor": {".tag": "user", "user": member},
        "origin": {
            "geo_location": {"ip_address": f"198.51.{number % 100}.{draw.randrange(256)}", "country": "US"},
            "access_method": {".tag": "end_user", "end_user": {".tag": "desktop", "session_id": "dbdsid:1"}},
        },
        "involve_non_team_member": False,
        "context": member,
        "participants": [],
        "assets": [
            {
                ".tag": "file",
                "path": {"contextual": path, "namespace_relative": {"ns_id": "1", "relative_path": path}},
                "display_name": name,
                "file_id": f"id:{_text(draw, 22)}",
                "file_size": draw.randrange(10**7),
            }
        ],
        "event_type": {".tag": tag, "description": tag.replace("_", " ")},
        "details": {".tag": f"{tag}_details"},
    }


def _google_workspace(draw: random.Random, moment: datetime) -> dict[str, Any]:
    number = draw.randrange(2000)
    email = f"user{number}@example.com"
    about = [
        {"name": "owner", "value": email},
        {"name": "doc_id", "value": _text(draw, 28)},
        {"name": "doc_type", "value": "pdf"},
        {"name": "doc_title", "value": f"Quarterly report {draw.randrange(10**6)}.pdf"},
        {"name": "visibility", "value": "private"},
    ]
    first = draw.choice(("upload", "upload", "upload", "edit", "download", "view"))
    names = (first, "edit", "add_to_folder") if first == "upload" else (first,)
    return {
        "kind": "admin#reports#activity",
        "id": {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "uniqueQualifier": str(draw.getrandbits(62)),
            "applicationName": "drive",
            "customerId": "C01",
        },
        "actor": {"email": email, "profileId": str(10**20 + number)},
        "ipAddress": f"198.51.{number % 100}.{draw.randrange(256)}",
        "networkInfo": {"regionCode": "US"},
        "events": [
            {
                "type": "access",
                "name": name,
                "parameters": [{"name": "primary_event", "boolValue": n == 0}, *about],
            }
            for n, name in enumerate(names)
        ],
    }


def _office365(draw: random.Random, moment: datetime) -> dict[str, Any]:
    number = draw.randrange(2000)
    name = f"Quarterly report {draw.randrange(10**6)}.xlsx"
    site = f"https://example-my.sharepoint.com/personal/user{number}_example_com/"
    return {
        "CreationTime": moment.strftime("%Y-%m-%dT%H:%M:%S"),
        "Id": _text(draw, 32),
        "Operation": draw.choice(("FileUploaded",) * 3 + ("FileModified", "FileDownloaded", "FileAccessed")),
        "OrganizationId": "6d1b6c1e-0000-0000-0000-000000000000",
        "RecordType": 6,
        "UserKey": f"i:0h.f|membership|{number:016x}@live.com",
        "UserType": 0,
        "Workload": "OneDrive",
        "ClientIP": f"198.51.{number % 100}.{draw.randrange(256)}",
        "UserId": f"user{number}@example.com",
        "UserAgent": "Microsoft SkyDriveSync 24.1",
        "ItemType": "File",
        "ListId": _text(draw, 32),
        "ListItemUniqueId": _text(draw, 32),
        "Site": _text(draw, 32),
        "WebId": _text(draw, 32),
        "SiteUrl": site,
        "SourceRelativeUrl": "Documents/Reports",
        "SourceFileName": name,
        "SourceFileExtension": "xlsx",
        "ObjectId": f"{site}Documents/Reports/{name}",
        "FileSizeBytes": draw.randrange(10**7),
    }


EVENTS: dict[str, Callable[[random.Random, datetime], dict[str, Any]]] = {
    "box": _box,
    "dropbox": _dropbox,
    "google_workspace": _google_workspace,
    "office365": _office365,
}
